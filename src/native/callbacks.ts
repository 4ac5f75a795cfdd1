/**
 * Functions that C can call, by koffi's callbacks.
 *
 * Owns the callbacks, and the answers to requests of other threads. Each thread registers one callback per function that it
 * uses; a copy of koffi has 8,192 slots for all threads. They are not unregistered, for a late call would then return what the
 * register held. A callback works only in calls of the copy of koffi that registered it: in another copy's it returns nothing,
 * or ends the process. Must not know the heap, or what the functions do.
 */

import { HeapError } from "../errors.js";
import type { FunctionPointer } from "../memory/memory.js";
import { load } from "../platform/os.js";
import type { CFunctionCall, Koffi } from "./koffi.js";
import { CALLS, type Call, type CFunction, type CFunctions, NAMES, PARAMETERS } from "./prototypes.js";
import { PAGE_BYTES, type Pages, Request, Thunks } from "./thunk.js";
import { makeWakePipe } from "./wake-pipe.js";

/** The failure of posix_memalign; the others' is NULL. */
const ENOMEM = 12;
const FAILED = -1;
const READ_WRITE = 0x1 | 0x2; // PROT_READ | PROT_WRITE
const READ_EXECUTE = 0x1 | 0x4; // PROT_READ | PROT_EXEC
const PRIVATE_ANONYMOUS = 0x02 | 0x20; // MAP_PRIVATE | MAP_ANONYMOUS
const STAY_LOADED = 0x2 | 0x4 | 0x1000; // RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE
/** Callbacks of all threads: koffi's MaxTrampolines. */
const SLOTS = 8192;

/** The function pointers of the calling thread that one copy of koffi made: a row of them for each allocator. */
export class CallbackTable {
  readonly #koffi: Koffi;
  readonly #thunks: Thunks;
  /** By row. */
  readonly #functions: Array<CFunctions | null> = [];
  /** uintptr_t take(thread): the requests of other threads, the newest first. */
  readonly #take: CFunctionCall;
  /** void finish(request, result): answers a request, and wakes its thread. */
  readonly #finish: CFunctionCall;
  /** void put(address, value): stores a pointer. */
  readonly #put: CFunctionCall;
  readonly #memcpy: CFunctionCall;
  readonly #strlen: CFunctionCall;
  readonly #dladdr: CFunctionCall;
  readonly #dlopen: CFunctionCall;
  /** Return addresses of other threads' calls. */
  readonly #callers = new Set<number>();

  /** @throws HeapError ERR_UNSUPPORTED_PLATFORM where the system refuses executable memory */
  constructor(koffi: Koffi) {
    this.#koffi = koffi;
    const libc = koffi.load(null);
    const thunks = Thunks.make(pagesOf(koffi, libc));
    if (thunks === null) throw noExecutableMemory();
    this.#thunks = thunks;
    const routine = (name: Parameters<Thunks["routine"]>[0], result: string, parameters: string[]) =>
      koffi.decode(thunks.routine(name), koffi.proto(result, parameters)) as CFunctionCall;
    this.#take = routine("take", "uintptr_t", ["uintptr_t"]);
    this.#finish = routine("finish", "void", ["uintptr_t", "uintptr_t"]);
    this.#put = routine("put", "void", ["uintptr_t", "uintptr_t"]);
    this.#memcpy = libc.func("uintptr_t memcpy(uintptr_t, uintptr_t, size_t)");
    this.#strlen = libc.func("size_t strlen(uintptr_t)");
    this.#dladdr = libc.func("int dladdr(uintptr_t, _Out_ uintptr_t *)");
    this.#dlopen = libc.func("uintptr_t dlopen(uintptr_t, int)");
    const pipe = makeWakePipe(libc.func("int pipe2(_Out_ int *, int)"), () => this.#answerAll());
    thunks.belongsTo(routine("self", "uintptr_t", [])(), pipe);
    this.#closeAtTheEnd(libc);
  }

  /** Makes a row of function pointers for these functions; returns its number. */
  open(functions: CFunctions): number {
    const row = this.#thunks.open();
    if (row < 0) throw noExecutableMemory();
    this.#functions[row] = functions;
    return row;
  }

  /** Calls of the row fail from now on. */
  close(row: number): void {
    this.#thunks.close(row);
    this.#functions[row] = null;
  }

  /** Calls of the row after close(). */
  late(row: number): number {
    return this.#thunks.late(row);
  }

  /**
   * The function pointer of a function; the same one each time.
   *
   * @throws HeapError ERR_INVALID_STATE when koffi has no slot left
   */
  address(row: number, name: CFunction): FunctionPointer {
    const index = NAMES.indexOf(name);
    if (!this.#thunks.isDefined(index)) {
      this.#thunks.define(index, this.#register(name), name === "posixMemalign" ? ENOMEM : 0);
    }
    return this.#thunks.address(row, index) as FunctionPointer;
  }

  /** Sets the calling thread's errno. */
  setErrno(code: number): void {
    this.#koffi.errno(code);
  }

  /** Stores an address anywhere in memory, such as in a variable on C's stack. */
  storeAddress(place: number, value: number): void {
    this.#put(place, value);
  }

  /** Bytes before the NUL of a C string anywhere in memory. */
  lengthOf(text: number): number {
    return this.#strlen(text);
  }

  copy(target: number, source: number, bytes: number): void {
    this.#memcpy(target, source, bytes);
  }

  #register(name: CFunction): bigint {
    const koffi = this.#koffi;
    const type = koffi.pointer(koffi.proto("void", ["uintptr_t", "uint32_t", ...PARAMETERS[name]]));
    try {
      return koffi.register(this.#callback(CALLS[name]), type);
    } catch (error) {
      if (!/too many callbacks/i.test(String(error))) throw error;
      throw new HeapError(
        "ERR_INVALID_STATE",
        `nativeAllocator: koffi has no slot left for ${name}: there are ${SLOTS} for the callbacks of all threads, and each ` +
          "of the functions takes one in each thread that reads it; unregister callbacks of the program's that C calls no more",
        { cause: error },
      );
    }
  }

  /** The callback of a function, for calls of this thread. A delivered result is stored again only if it has changed. */
  #callback(call: Call): (...args: never[]) => void {
    return (place: number, key: number, a: number, b: number, c: number, d: number) => {
      let stored = Number.NaN;
      const deliver = (result: number) => {
        this.#put(place, result);
        stored = result;
      };
      const result = call(this.#functions[key >>> 4]!, deliver, a, b, c, d);
      if (result !== undefined && result !== stored) this.#put(place, result);
    };
  }

  /** Answers the requests of other threads, the oldest first. */
  #answerAll(): void {
    const requests: number[] = [];
    let request = this.#take(this.#thunks.thread);
    for (; request !== 0; request = this.#koffi.decode(request + Request.next, "uintptr_t") as number) {
      requests.push(request);
    }
    for (const waiting of requests.reverse()) this.#answer(waiting);
  }

  #answer(request: number): void {
    const koffi = this.#koffi;
    this.#keepLoaded(koffi.decode(request + Request.caller, "uintptr_t") as number);
    const key = koffi.decode(request + Request.key, "uint32_t") as number;
    const functions = this.#functions[key >>> 4]!;
    const name = NAMES[key & 15]!;
    if (functions === null) {
      this.#thunks.countLate(key >>> 4);
      this.#finish(request, name === "posixMemalign" ? ENOMEM : 0);
      return;
    }
    const [a, b, c, d] = PARAMETERS[name].map((type, i) => {
      return koffi.decode(request + Request.arguments + 8 * i, type) as number;
    });
    const deliver = (result: number) => this.#put(request + Request.result, result);
    this.#finish(request, CALLS[name](functions, deliver, a!, b!, c!, d!) ?? 0);
  }

  /** koffi unloads a thread's libraries when it ends; threads of theirs would then run into unmapped code. */
  #keepLoaded(caller: number): void {
    if (this.#callers.has(caller)) return;
    this.#callers.add(caller);
    const info = new BigUint64Array(4); // Dl_info: the file's name is its first field
    if (this.#dladdr(caller, info) !== 0) this.#dlopen(info[0], STAY_LOADED);
  }

  /** Closes all rows before V8 and koffi are torn down, however this thread ends, and in exit(). */
  #closeAtTheEnd(libc: ReturnType<Koffi["load"]>): void {
    const { thread } = this.#thunks;
    const close = this.#thunks.routine("close");
    const env = this.#koffi.node?.env;
    if (env !== undefined) {
      libc.func("int napi_add_env_cleanup_hook(uintptr_t, uintptr_t, uintptr_t)")(env, close, thread);
    }
    // process.exit() on the main thread runs no such hooks.
    const { isMainThread } = load("node:worker_threads") as typeof import("node:worker_threads");
    if (isMainThread) libc.func("int __cxa_atexit(uintptr_t, uintptr_t, uintptr_t)")(close, thread, 0);
  }
}

const tables = new WeakMap<object, CallbackTable>();

/** This thread's table for a copy of koffi. */
export function callbacksOf(koffi: Koffi): CallbackTable {
  const known = tables.get(koffi) ?? new CallbackTable(koffi);
  tables.set(koffi, known);
  return known;
}

function pagesOf(koffi: Koffi, libc: ReturnType<Koffi["load"]>): Pages {
  const mmap = libc.func("intptr_t mmap(uintptr_t, size_t, int, int, int, long)");
  const mprotect = libc.func("int mprotect(uintptr_t, size_t, int)");
  const munmap = libc.func("int munmap(uintptr_t, size_t)");
  return {
    map: () => mmap(0, PAGE_BYTES, READ_WRITE, PRIVATE_ANONYMOUS, FAILED, 0),
    makeExecutable: (page) => mprotect(page, PAGE_BYTES, READ_EXECUTE) === 0,
    unmap: (page) => void munmap(page, PAGE_BYTES),
    view: (page) => koffi.view(page, PAGE_BYTES),
  };
}

function noExecutableMemory(): HeapError {
  return new HeapError(
    "ERR_UNSUPPORTED_PLATFORM",
    "nativeAllocator: the system gives no executable memory (mmap and mprotect), which function pointers take",
  );
}
