/**
 * Functions that C can call, by koffi's callbacks. With platform/os.ts the only import of koffi, which is loaded at the
 * first use.
 *
 * Owns the C prototypes, the callbacks, and the answers to requests of other threads. Each thread registers one callback
 * per function that it uses; a copy of koffi has 8,192 slots for all threads. They are not unregistered, for a late call
 * would then return what the register held. A callback works only in calls of the copy of koffi that registered it: in
 * another copy's it returns nothing, or ends the process. Must not know the heap, or what the functions do.
 */

import { HeapError, show, typeError } from "../errors.js";
import type { FunctionPointer } from "../memory/memory.js";
import { fileSystem, load } from "../platform/os.js";
import { PAGE_BYTES, type Pages, Request, Thunks } from "./thunk.js";
import { makeWakePipe } from "./wake-pipe.js";

/** Stores the result before the function has returned, in case that it never does. */
export type Deliver = (result: number) => void;

/** The functions behind the pointers. Addresses and sizes are numbers; above 2^53, what koffi makes of them. */
export interface CFunctions {
  malloc(size: number): number;
  calloc(count: number, size: number): number;
  realloc(pointer: number, size: number, deliver?: Deliver): number;
  free(pointer: number): void;
  alignedAlloc(alignment: number, size: number): number;
  posixMemalign(target: number, alignment: number, size: number): number;
  strdup(text: number): number;
  usableSize(pointer: number): number;
  opaqueMalloc(opaque: unknown, size: number): number;
  zalloc(opaque: unknown, items: number, size: number): number;
  zfree(opaque: unknown, pointer: number): void;
  luaAlloc(opaque: unknown, pointer: number, oldSize: number, size: number, deliver?: Deliver): number;
  alignedRealloc(pointer: number, alignment: number, size: number, deliver?: Deliver): number;
}

/** The name of a function that C can call. */
export type CFunction = keyof CFunctions;

/** Their parameters. zlib's are `unsigned int`, whose upper halves in registers are undefined. */
const PARAMETERS: Readonly<Record<CFunction, readonly string[]>> = {
  malloc: ["size_t"],
  calloc: ["size_t", "size_t"],
  realloc: ["uintptr_t", "size_t"],
  free: ["uintptr_t"],
  alignedAlloc: ["size_t", "size_t"],
  posixMemalign: ["uintptr_t", "size_t", "size_t"],
  strdup: ["uintptr_t"],
  usableSize: ["uintptr_t"],
  opaqueMalloc: ["uintptr_t", "size_t"],
  zalloc: ["uintptr_t", "uint", "uint"],
  zfree: ["uintptr_t", "uintptr_t"],
  luaAlloc: ["uintptr_t", "uintptr_t", "size_t", "size_t"],
  alignedRealloc: ["uintptr_t", "size_t", "size_t"],
};
const NAMES = Object.keys(PARAMETERS) as CFunction[];

type Call = (
  of: CFunctions,
  deliver: Deliver,
  a: number,
  b: number,
  c: number,
  d: number,
) => number | undefined;

/** One closure per function: this is the path of every call. */
const CALLS: Readonly<Record<CFunction, Call>> = {
  malloc: (of, _, a) => of.malloc(a),
  calloc: (of, _, a, b) => of.calloc(a, b),
  realloc: (of, deliver, a, b) => of.realloc(a, b, deliver),
  free: (of, _, a) => void of.free(a),
  alignedAlloc: (of, _, a, b) => of.alignedAlloc(a, b),
  posixMemalign: (of, _, a, b, c) => of.posixMemalign(a, b, c),
  strdup: (of, _, a) => of.strdup(a),
  usableSize: (of, _, a) => of.usableSize(a),
  opaqueMalloc: (of, _, a, b) => of.opaqueMalloc(a, b),
  zalloc: (of, _, a, b, c) => of.zalloc(a, b, c),
  zfree: (of, _, a, b) => void of.zfree(a, b),
  luaAlloc: (of, deliver, a, b, c, d) => of.luaAlloc(a, b, c, d, deliver),
  alignedRealloc: (of, deliver, a, b, c) => of.alignedRealloc(a, b, c, deliver),
};

/** The failure of posix_memalign; the others' is NULL. */
const ENOMEM = 12;
const FAILED = -1;
/** Offset of the path in struct dl_phdr_info. */
const PATH_IN_PHDR_INFO = 8;
const READ_WRITE = 0x1 | 0x2; // PROT_READ | PROT_WRITE
const READ_EXECUTE = 0x1 | 0x4; // PROT_READ | PROT_EXEC
const PRIVATE_ANONYMOUS = 0x02 | 0x20; // MAP_PRIVATE | MAP_ANONYMOUS
const STAY_LOADED = 0x2 | 0x4 | 0x1000; // RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE
/** Callbacks of all threads: koffi's MaxTrampolines. */
const SLOTS = 8192;

type CFunctionCall = (...args: unknown[]) => number;

/** The part of koffi that is used here. */
export interface Koffi {
  readonly version: string;
  /** From koffi 3 on. */
  readonly node?: { readonly env?: unknown };
  load(path: null): {
    func(prototype: string): CFunctionCall;
    func(name: string, result: string, parameters: readonly unknown[]): CFunctionCall;
  };
  decode(value: unknown, offset: number, type: "str"): string;
  decode(address: number, type: unknown): unknown;
  proto(result: string, parameters: readonly string[]): unknown;
  pointer(type: unknown): unknown;
  register(callback: (...args: never[]) => unknown, type: unknown): bigint;
  view(address: number, bytes: number): ArrayBuffer;
  errno(value: number): number;
}

/** The copy of koffi that this library imports. */
export function ownKoffi(): Koffi {
  return load("koffi") as Koffi;
}

/**
 * ownKoffi(), if no other copy is loaded, which the program may call the library with.
 *
 * @throws HeapError ERR_INVALID_STATE when the process has loaded more than one copy
 */
export function onlyKoffi(): Koffi {
  const koffi = ownKoffi();
  const copies = loadedObjects(koffi).filter((path) => path.endsWith("/koffi.node"));
  if (new Set(copies).size <= 1) return koffi;
  throw new HeapError(
    "ERR_INVALID_STATE",
    "nativeAllocator: more than one copy of koffi is loaded, and function pointers work in calls of the copy that made them; " +
      "say which one calls the library: nativeAllocator({ koffi })",
  );
}

/** Paths of the libraries in the process: from /proc, or the dynamic linker's where that cannot be read. */
function loadedObjects(koffi: Koffi): string[] {
  try {
    return fileSystem().readFileSync("/proc/self/maps", "latin1").match(/\/.+$/gm) ?? [];
  } catch {
    return linkedObjects(koffi);
  }
}

/** Takes a callback slot while it runs. */
function linkedObjects(koffi: Koffi): string[] {
  const paths: string[] = [];
  const visit = koffi.pointer(koffi.proto("int", ["void *", "size_t", "void *"]));
  koffi.load(null).func("dl_iterate_phdr", "int", [visit, "void *"])((info: unknown) => {
    paths.push(koffi.decode(info, PATH_IN_PHDR_INFO, "str"));
    return 0;
  }, null);
  return paths;
}

/** @throws HeapError ERR_INVALID_ARG when that is not koffi, or before version 3 */
export function checkedKoffi(koffi: unknown): Koffi {
  const { register, version } = Object(koffi) as Partial<Koffi>;
  if (typeof register === "function" && Number.parseInt(`${version}`, 10) >= 3) return koffi as Koffi;
  const got = typeof version === "string" ? `version ${version}` : show(koffi);
  throw typeError(
    "ERR_INVALID_ARG",
    `nativeAllocator: koffi must be the module as import koffi from "koffi" gives it, version 3, got ${got}`,
  );
}

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
