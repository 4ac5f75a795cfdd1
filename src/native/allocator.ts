/**
 * The heap as C libraries take it: function pointers, an account, a limit.
 *
 * Owns the lifetime of an allocator. Promises: while a block of a library is live its functions work, and afterwards
 * they still may be called. Must not know what koffi is
 * asked for.
 *
 * Which thread may call: a function pointer belongs to the thread that made the allocator.
 *   - In a call that this thread makes into C (koffi, synchronous), the function runs at once.
 *   - From any other thread (a koffi call with .async, a worker, a thread of the library's own) the caller waits until
 *     the owner's event loop has a turn; then the function runs in the owner. The result is right, but errno is then
 *     the owner's. If the owner never gets to its event loop because it waits for that very thread (a synchronous
 *     call into a library that hands work to threads and joins them, Atomics.wait), both wait forever. koffi lets 256
 *     threads wait at once.
 *   - While the owner is being terminated, and when its JavaScript stack is full, C gets NULL (on x86-64; see thunk.ts
 *     for what koffi does elsewhere). A realloc that is cut off half-way has told C the result, or has left the old block
 *     as it was; that is why none moves a block downwards, or by page tables.
 *   - When the owner has ended, the function pointers are void, as those of a library that was unloaded. What a library
 *     in a terminated worker held stays allocated, since nobody told it to let go.
 */
import { checkOptions } from "../attached.js";
import type { FunctionPointer } from "../core/memory.js";
import { HeapError, rangeError, show, typeError } from "../errors.js";
import { unusable } from "../malloc.js";
import { Account } from "./account.js";
import { LibraryFunctions, type System } from "./c-functions.js";
import { checkedKoffi, Gate, type Koffi, onlyKoffi, setErrno, storeAddress } from "./callbacks.js";

/** What nativeAllocator() takes. */
export interface NativeAllocatorOptions {
  /**
   * Most bytes that may be live at once; Infinity by default. A request beyond it gets NULL. What is compared is what
   * was asked for, what is counted is what a block can hold, so the last block may pass the limit by its rounding.
   */
  limit?: number | undefined;
  /**
   * The koffi that the library is called with, as `import koffi from "koffi"` gives it, version 3; needed where that is
   * another copy than heapwright's (`npm ls koffi` shows more than one). Heapwright's own by default.
   */
  koffi?: object | undefined;
}

/**
 * Function pointers for a C library, and the account of what it holds through them.
 *
 * Each function does what its namesake in C does: NULL and ENOMEM when there is no room, never an exception. Each takes
 * one of koffi's 8,192 callback slots when it is first read, and gives it back to the thread's next allocator by
 * dispose(). For the threads that may call them see nativeAllocator().
 */
export interface NativeAllocator extends Disposable {
  /** `void *malloc(size_t size)` */
  readonly malloc: FunctionPointer;
  /** `void *calloc(size_t count, size_t size)` */
  readonly calloc: FunctionPointer;
  /** `void *realloc(void *pointer, size_t size)`; size 0 leaves a minimal live block. */
  readonly realloc: FunctionPointer;
  /** `void free(void *pointer)`; a pointer that is no live block's is counted in `failures` and left alone. */
  readonly free: FunctionPointer;
  /** `void *aligned_alloc(size_t alignment, size_t size)`; EINVAL for an alignment that is no power of two. */
  readonly alignedAlloc: FunctionPointer;
  /** `int posix_memalign(void **pointer, size_t alignment, size_t size)` */
  readonly posixMemalign: FunctionPointer;
  /** `void *allocate(void *opaque, size_t size)`, as zstd, brotli and others want it. */
  readonly opaqueMalloc: FunctionPointer;
  /** `void *zalloc(void *opaque, unsigned items, unsigned size)`, zlib's alloc_func. */
  readonly zalloc: FunctionPointer;
  /** `void zfree(void *opaque, void *pointer)`: zlib's free_func, and what goes with opaqueMalloc. */
  readonly zfree: FunctionPointer;
  /** `void *alloc(void *ud, void *pointer, size_t oldSize, size_t size)`, Lua's lua_Alloc; size 0 frees. */
  readonly luaAlloc: FunctionPointer;
  /** Bytes that the library's live blocks can hold, as usableSize() gives them. */
  readonly bytes: number;
  /** How many blocks it holds. */
  readonly blocks: number;
  /** The most bytes that were live at once. */
  readonly peak: number;
  /** Most bytes that may be live at once. */
  readonly limit: number;
  /** How many calls could not do what was asked: no room, a wrong alignment, a wrong pointer. */
  readonly failures: number;
  /** What the last of them was: the HeapError that malloc or free would have thrown; null if there was none. */
  readonly lastError: Error | null;
  /**
   * Ends the allocator. A library that kept a function pointer may still call it: it gets NULL, or, once the slot is
   * used again, memory on the account of the thread's next allocator. A second call does nothing.
   *
   * @throws HeapError ERR_INVALID_STATE while blocks are live, since somebody will want to free them; nothing was changed
   */
  dispose(): void;
}

/**
 * Makes C functions of malloc, calloc, realloc and free, for a library that lets its memory be given. They allocate
 * from the calling thread's heap, so what the library returns can be read with `read`, and freed with the library's
 * own call.
 *
 * The functions belong to this thread and may be called while it is in C. A call from another thread waits for a turn
 * of this thread's event loop, sets errno only here, and waits forever if this thread waits for it. After this
 * thread's end none may be called. A call costs about half a microsecond, most of it the way into JavaScript.
 *
 * On x86-64 C gets NULL while this thread is being terminated, or when its JavaScript stack is full; elsewhere koffi
 * leaves the result undefined then, so do not terminate a worker that is in such a library.
 *
 * The node executable exports a zlib and an OpenSSL of its own: load a library of the same names by
 * `koffi.load(path, { deep: true })`, or it calls into those.
 *
 * A function pointer works in calls of the copy of koffi that made it, and in no other's: a program whose koffi is not
 * the copy that heapwright has gives its own, `nativeAllocator({ koffi })`.
 *
 * The account knows no single blocks: one that is freed past these functions, by `free(pointer)`, stays on it, and one
 * that malloc gave and the library frees is taken off.
 *
 * @param options a limit, if there is to be one, and the koffi that calls the library
 * @throws HeapError ERR_INVALID_ARG for a limit that is none, or a koffi before version 3; ERR_INVALID_STATE when more than
 *   one copy of koffi is loaded and `koffi` does not say which; ERR_UNSUPPORTED_PLATFORM where there is no heap
 *
 * @example
 * ```ts
 * import { nativeAllocator } from "heapwright";
 * import koffi from "koffi";
 *
 * using allocator = nativeAllocator({ limit: 1_000_000 });
 * // Any C function would do that takes a malloc; here JavaScript calls it as C would.
 * const allocate = koffi.decode(allocator.malloc, koffi.proto("uintptr_t", ["size_t"]));
 * const release = koffi.decode(allocator.free, koffi.proto("void", ["uintptr_t"]));
 * const pointer = allocate(100);
 * console.log(allocator.blocks, allocator.bytes); // 1 104
 * console.log(allocate(2_000_000), koffi.errno() === koffi.os.errno.ENOMEM); // 0 true
 * release(pointer);
 * console.log(allocator.blocks, allocator.failures); // 0 1
 * ```
 */
export function nativeAllocator(options: NativeAllocatorOptions = {}): NativeAllocator {
  if (unusable !== null) throw unusable;
  checkOptions("nativeAllocator", options, KNOWN_OPTIONS);
  const { limit = Number.POSITIVE_INFINITY, koffi } = options;
  checkLimit(limit);
  return new Allocator(new Account(limit), gatesOf(koffi === undefined ? onlyKoffi() : checkedKoffi(koffi)));
}

const KNOWN_OPTIONS: Readonly<Record<keyof NativeAllocatorOptions, true>> = { limit: true, koffi: true };

function checkLimit(limit: unknown): void {
  const wanted = "limit must be a whole number of bytes, or Infinity";
  if (typeof limit !== "number")
    throw typeError("ERR_INVALID_ARG", `nativeAllocator: ${wanted}; got ${show(limit)}`);
  const whole = Number.isSafeInteger(limit) || limit === Number.POSITIVE_INFINITY;
  if (!whole || limit < 0)
    throw rangeError("ERR_INVALID_ARG", `nativeAllocator: ${wanted}; got ${show(limit)}`);
}

/** The gates of this thread that one copy of koffi made. */
class Gates {
  readonly #koffi: Koffi;
  readonly #system: System;
  /** Those that no allocator has. */
  readonly #idle: Gate[] = [];
  /** What late calls reach: nothing may be live, so there is nothing to free either. */
  readonly #closed: LibraryFunctions;

  constructor(koffi: Koffi) {
    this.#koffi = koffi;
    this.#system = {
      setErrno: (code) => setErrno(koffi, code),
      storeAddress: (place, value) => storeAddress(koffi, place, value),
    };
    this.#closed = new LibraryFunctions(new Account(-1), this.#system);
  }

  open(account: Account): Gate {
    const functions = new LibraryFunctions(account, this.#system);
    const gate = this.#idle.pop() ?? new Gate(functions, this.#koffi);
    gate.functions = functions;
    return gate;
  }

  close(gate: Gate): void {
    gate.functions = this.#closed;
    this.#idle.push(gate);
  }
}

const gates = new WeakMap<object, Gates>();

function gatesOf(koffi: Koffi): Gates {
  const known = gates.get(koffi) ?? new Gates(koffi);
  gates.set(koffi, known);
  return known;
}

class Allocator implements NativeAllocator {
  readonly #account: Account;
  readonly #gates: Gates;
  /** null when disposed. */
  #gate: Gate | null;

  constructor(account: Account, gates: Gates) {
    this.#account = account;
    this.#gates = gates;
    this.#gate = gates.open(account);
  }

  get malloc(): FunctionPointer {
    return this.#open().address("malloc");
  }
  get calloc(): FunctionPointer {
    return this.#open().address("calloc");
  }
  get realloc(): FunctionPointer {
    return this.#open().address("realloc");
  }
  get free(): FunctionPointer {
    return this.#open().address("free");
  }
  get alignedAlloc(): FunctionPointer {
    return this.#open().address("alignedAlloc");
  }
  get posixMemalign(): FunctionPointer {
    return this.#open().address("posixMemalign");
  }
  get opaqueMalloc(): FunctionPointer {
    return this.#open().address("opaqueMalloc");
  }
  get zalloc(): FunctionPointer {
    return this.#open().address("zalloc");
  }
  get zfree(): FunctionPointer {
    return this.#open().address("zfree");
  }
  get luaAlloc(): FunctionPointer {
    return this.#open().address("luaAlloc");
  }

  get bytes(): number {
    return this.#account.bytes;
  }
  get blocks(): number {
    return this.#account.blocks;
  }
  get peak(): number {
    return this.#account.peak;
  }
  get limit(): number {
    return this.#account.limit;
  }
  get failures(): number {
    return this.#account.failures;
  }
  get lastError(): Error | null {
    return this.#account.lastError;
  }

  dispose(): void {
    if (this.#gate === null) return;
    const { blocks, bytes } = this.#account;
    if (blocks > 0) {
      throw new HeapError(
        "ERR_INVALID_STATE",
        `dispose: the library still holds ${blocks} blocks of ${bytes} bytes; have it free them first`,
      );
    }
    this.#gates.close(this.#gate);
    this.#gate = null;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #open(): Gate {
    if (this.#gate !== null) return this.#gate;
    throw new HeapError(
      "ERR_INVALID_STATE",
      "this nativeAllocator was disposed; make another one and give the library its functions",
    );
  }
}
