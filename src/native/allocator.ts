/**
 * nativeAllocator(): function pointers for C libraries, with an account and a limit.
 *
 * Owns the lifetime of an allocator. Its function pointers may be called for as long as the process lives; after dispose()
 * and after the end of its thread they fail. Must not know koffi.
 *
 * Threads: a function pointer belongs to the thread that made the allocator, its owner.
 *   - In a synchronous call of the owner into C the function runs at once.
 *   - Any other thread (a koffi call with .async, a worker, the library's own) waits until the owner's event loop runs the
 *     function. The result is right, but errno is set in the owner. If the owner waits for that thread and does not return
 *     to its event loop (a synchronous call into a library that joins its threads, Atomics.wait), both wait forever.
 *   - While the owner is being terminated, and when its JavaScript stack is full, C gets NULL. An interrupted realloc has
 *     delivered its result to C, or has left the old block unchanged. For that, none moves a block down, or by mremap.
 *   - After the owner's end C gets NULL. Blocks of a library in a terminated worker stay allocated: nobody frees them.
 */
import { type Inspect, inspect, named } from "../access/shown.js";
import { checkOptions } from "../api/attached.js";
import { unusable } from "../api/malloc.js";
import { HeapError, rangeError, show, typeError } from "../errors.js";
import { type Heap, isHeap, refuseDestroyed } from "../lifetime/heap.js";
import type { FunctionPointer } from "../memory/memory.js";
import { Account } from "./account.js";
import { LibraryFunctions } from "./c-functions.js";
import { type CallbackTable, callbacksOf } from "./callbacks.js";
import { koffiFor } from "./koffi.js";
import type { CFunction } from "./prototypes.js";

/** What nativeAllocator() takes. */
export interface NativeAllocatorOptions {
  /**
   * Most bytes that may be live at once; Infinity by default. A request beyond it gets NULL. Live blocks count with their
   * usable size, a request with what it asks for: so the last block may exceed the limit by its rounding.
   */
  limit?: number | undefined;
  /**
   * Where the blocks come from: a Heap of this thread, or by default the thread's own heap. When it is destroyed, what the library
   * holds is gone, and its requests get NULL.
   */
  heap?: Heap | undefined;
  /**
   * The koffi that the library is called with, as `import koffi from "koffi"` gives it, version 3. Needed when it is
   * another copy than heapwright's (`npm ls koffi` shows more than one), which is the default.
   */
  koffi?: object | undefined;
}

/**
 * Function pointers for a C library, and the account of what it has allocated with them.
 *
 * Each function behaves as in C: NULL and ENOMEM when there is no room, never an exception. The first read of a property in
 * a thread takes one of koffi's 8,192 callback slots, for all allocators of that thread. For the threads that may call the
 * functions see nativeAllocator().
 */
export interface NativeAllocator extends Disposable {
  /** `void *malloc(size_t size)` */
  readonly malloc: FunctionPointer;
  /** `void *calloc(size_t count, size_t size)` */
  readonly calloc: FunctionPointer;
  /** `void *realloc(void *pointer, size_t size)`; size 0 leaves a minimal live block. */
  readonly realloc: FunctionPointer;
  /** `void free(void *pointer)`; a wrong pointer is counted in `failures` and ignored. */
  readonly free: FunctionPointer;
  /** `void *aligned_alloc(size_t alignment, size_t size)`; EINVAL for an alignment that is no power of two. */
  readonly alignedAlloc: FunctionPointer;
  /** `void *aligned_realloc(void *pointer, size_t alignment, size_t size)`, like alignedRealloc(); EINVAL as above. */
  readonly alignedRealloc: FunctionPointer;
  /** `int posix_memalign(void **pointer, size_t alignment, size_t size)` */
  readonly posixMemalign: FunctionPointer;
  /** `char *strdup(const char *text)` */
  readonly strdup: FunctionPointer;
  /** `size_t malloc_usable_size(void *pointer)`, also as SQLite's xSize; 0 for NULL and for what is no live block. */
  readonly usableSize: FunctionPointer;
  /** `void *allocate(void *opaque, size_t size)`, as zstd, brotli and others want it. */
  readonly opaqueMalloc: FunctionPointer;
  /**
   * `void *zalloc(void *opaque, unsigned items, unsigned size)`, zlib's alloc_func.
   *
   * @example
   * ```ts
   * import { calloc, free, nativeAllocator, write } from "heapwright";
   *
   * const memory = nativeAllocator({ limit: 10_000_000 });
   * const stream = calloc(1, 112); // zlib's z_stream
   * write.pointer(stream, memory.zalloc, 64);
   * write.pointer(stream, memory.zfree, 72);
   * // … deflateInit2_, deflate and deflateEnd through koffi; then
   * console.log(memory.bytes, memory.blocks); // 0 0
   * memory.dispose();
   * free(stream);
   * ```
   */
  readonly zalloc: FunctionPointer;
  /** `void zfree(void *opaque, void *pointer)`: zlib's free_func, and what goes with opaqueMalloc. */
  readonly zfree: FunctionPointer;
  /** `void *alloc(void *ud, void *pointer, size_t oldSize, size_t size)`, Lua's lua_Alloc; size 0 frees. */
  readonly luaAlloc: FunctionPointer;
  /** Usable bytes of the library's live blocks. */
  readonly bytes: number;
  /** How many live blocks it has. */
  readonly blocks: number;
  /** The most bytes that were live at once. */
  readonly peak: number;
  /** Most bytes that may be live at once. */
  readonly limit: number;
  /** Calls that failed: no room, a wrong alignment, a wrong pointer, after dispose(). */
  readonly failures: number;
  /** The last failure: the HeapError that malloc or free would have thrown, or ERR_DISPOSED; null for none. */
  readonly lastError: Error | null;
  /**
   * Ends the allocator. A function pointer that a library kept may still be called, for as long as the process lives: it
   * returns NULL or does nothing, and counts as a failure. A second dispose() does nothing.
   *
   * @param options `force: true` for a library that keeps global caches: its blocks stay allocated, and `free(pointer)`
   *   may free them
   * @throws HeapError ERR_INVALID_STATE while blocks are live and without `force`; nothing was changed
   */
  dispose(options?: { force?: boolean }): void;
}

/**
 * Makes C function pointers of malloc, calloc, realloc, free and others, for a library that takes its allocator from the
 * program. They allocate from the calling thread's heap, so `read` can read what the library returns, and the library's
 * own functions free it.
 *
 * The functions belong to this thread and may be called while it is in C. A call from another thread waits for this
 * thread's event loop, sets errno in this thread only, and waits forever if this thread waits for it. A call costs about
 * half a microsecond, most of it the transition to JavaScript.
 *
 * C gets NULL, and nothing is freed, while this thread is being terminated, when its JavaScript stack is full, and after
 * this thread's end or the process's `exit` event. So a library's own threads may go on calling.
 *
 * The node executable exports its own zlib and OpenSSL: load another copy of these by `koffi.load(path, { deep: true })`,
 * or it calls into Node's.
 *
 * A function pointer works only in calls of the copy of koffi that made it. A program that has another copy than heapwright
 * gives its own: `nativeAllocator({ koffi })`.
 *
 * The account does not know single blocks: a block of the library's that `free(pointer)` frees stays on it, and a block of
 * malloc's that the library frees is taken off.
 *
 * @param options the limit, and the koffi that calls the library
 * @throws HeapError ERR_INVALID_ARG for a wrong limit, or a koffi before version 3; ERR_DISPOSED for a Heap that was
 *   destroyed; ERR_INVALID_STATE when more than one copy of koffi is loaded and `koffi` does not say which;
 *   ERR_UNSUPPORTED_PLATFORM where there is no heap, or no executable memory
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
  const { limit = Number.POSITIVE_INFINITY, koffi, heap } = options;
  checkLimit(limit);
  if (heap !== undefined && !isHeap(heap)) {
    throw typeError(
      "ERR_INVALID_ARG",
      `nativeAllocator: heap must be a Heap of this thread, got ${show(heap)}`,
    );
  }
  if (heap !== undefined) heap[refuseDestroyed]("nativeAllocator");
  return new Allocator(new Account(limit), callbacksOf(koffiFor(koffi)), heap ?? null);
}

const KNOWN_OPTIONS: Readonly<Record<keyof NativeAllocatorOptions, true>> = {
  limit: true,
  heap: true,
  koffi: true,
};

function checkLimit(limit: unknown): void {
  const wanted = "limit must be a whole number of bytes, or Infinity";
  if (typeof limit !== "number")
    throw typeError("ERR_INVALID_ARG", `nativeAllocator: ${wanted}; got ${show(limit)}`);
  const whole = Number.isSafeInteger(limit) || limit === Number.POSITIVE_INFINITY;
  if (!whole || limit < 0)
    throw rangeError("ERR_INVALID_ARG", `nativeAllocator: ${wanted}; got ${show(limit)}`);
}

class Allocator implements NativeAllocator {
  readonly #account: Account;
  readonly #callbacks: CallbackTable;
  readonly #row: number;
  #disposed = false;

  constructor(account: Account, callbacks: CallbackTable, heap: Heap | null) {
    this.#account = account;
    this.#callbacks = callbacks;
    this.#row = callbacks.open(new LibraryFunctions(account, callbacks, heap));
  }

  get malloc(): FunctionPointer {
    return this.#address("malloc");
  }
  get calloc(): FunctionPointer {
    return this.#address("calloc");
  }
  get realloc(): FunctionPointer {
    return this.#address("realloc");
  }
  get free(): FunctionPointer {
    return this.#address("free");
  }
  get alignedAlloc(): FunctionPointer {
    return this.#address("alignedAlloc");
  }
  get alignedRealloc(): FunctionPointer {
    return this.#address("alignedRealloc");
  }
  get posixMemalign(): FunctionPointer {
    return this.#address("posixMemalign");
  }
  get strdup(): FunctionPointer {
    return this.#address("strdup");
  }
  get usableSize(): FunctionPointer {
    return this.#address("usableSize");
  }
  get opaqueMalloc(): FunctionPointer {
    return this.#address("opaqueMalloc");
  }
  get zalloc(): FunctionPointer {
    return this.#address("zalloc");
  }
  get zfree(): FunctionPointer {
    return this.#address("zfree");
  }
  get luaAlloc(): FunctionPointer {
    return this.#address("luaAlloc");
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
    return this.#account.failures + this.#callbacks.late(this.#row);
  }
  get lastError(): Error | null {
    const late = this.#callbacks.late(this.#row);
    return late === 0 ? this.#account.lastError : lateCalls(late);
  }

  dispose(options: { force?: boolean } = {}): void {
    checkOptions("dispose", options, { force: true });
    const { force = false } = options;
    if (typeof force !== "boolean")
      throw typeError("ERR_INVALID_ARG", `dispose: force must be true or false, got ${show(force)}`);
    if (this.#disposed) return;
    const { blocks, bytes } = this.#account;
    if (blocks > 0 && !force) {
      throw new HeapError(
        "ERR_INVALID_STATE",
        `dispose: the library still holds ${blocks} blocks of ${bytes} bytes; have it free them first, or leave them to it ` +
          "for good: dispose({ force: true })",
      );
    }
    this.#callbacks.close(this.#row);
    this.#disposed = true;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** For console.log. The functions are not shown: reading one takes a callback slot. */
  [inspect](_depth: number, options: object, format: Inspect): string {
    const { bytes, blocks, peak, limit, failures } = this;
    const figures = { bytes, blocks, peak, limit, failures, disposed: this.#disposed };
    return named("NativeAllocator", figures, options, format);
  }

  #address(name: CFunction): FunctionPointer {
    if (!this.#disposed) return this.#callbacks.address(this.#row, name);
    throw new HeapError(
      "ERR_INVALID_STATE",
      "this nativeAllocator was disposed; make another one and give the library its functions",
    );
  }
}

function lateCalls(count: number): HeapError {
  return new HeapError(
    "ERR_DISPOSED",
    `nativeAllocator: ${count} calls came after dispose() and did nothing; have the library stop before, or dispose later`,
  );
}
