/**
 * Functions that C can call: koffi's registered callbacks, and with core/os.ts the only import of koffi.
 *
 * Owns the C prototypes and the slots behind the function pointers, of which a copy of koffi has 8,192. A function pointer
 * works in calls that the copy makes which registered it: called through another copy it returns nothing, or ends the
 * process. Promises: koffi is not loaded when this file is imported; what is called through a slot is what the
 * slot holds at that moment, so a function pointer stays good, whatever a library does with it, for as long as the
 * thread that made it. koffi's own way to take one back (unregister) is not used on one that was given out: a late call
 * through it would return whatever the register held. Slots are used again here, by the next allocator of the thread.
 * Must not know the heap, nor what the functions do.
 */
import { readFileSync } from "node:fs";
import type { FunctionPointer } from "../core/memory.js";
import { requireKoffi } from "../core/os.js";
import { HeapError, show, typeError } from "../errors.js";
import { makeThunk, type Pages } from "./thunk.js";

/** Takes the result of a function that is not at its end yet. */
export type Deliver = (result: number) => void;

/** The functions behind the pointers. Addresses and sizes are numbers, or what koffi makes of wider ones. */
export interface CFunctions {
  malloc(size: number): number;
  calloc(count: number, size: number): number;
  realloc(pointer: number, size: number, deliver?: Deliver): number;
  free(pointer: number): void;
  alignedAlloc(alignment: number, size: number): number;
  posixMemalign(target: number, alignment: number, size: number): number;
  opaqueMalloc(opaque: unknown, size: number): number;
  zalloc(opaque: unknown, items: number, size: number): number;
  zfree(opaque: unknown, pointer: number): void;
  luaAlloc(opaque: unknown, pointer: number, oldSize: number, size: number, deliver?: Deliver): number;
}

/** Result and parameters of each. zlib counts in `unsigned int`, of which C leaves the upper halves undefined. */
const PROTOTYPES: Readonly<Record<keyof CFunctions, readonly [string, readonly string[]]>> = {
  malloc: ["uintptr_t", ["size_t"]],
  calloc: ["uintptr_t", ["size_t", "size_t"]],
  realloc: ["uintptr_t", ["uintptr_t", "size_t"]],
  free: ["void", ["uintptr_t"]],
  alignedAlloc: ["uintptr_t", ["size_t", "size_t"]],
  posixMemalign: ["int", ["uintptr_t", "size_t", "size_t"]],
  opaqueMalloc: ["uintptr_t", ["uintptr_t", "size_t"]],
  zalloc: ["uintptr_t", ["uintptr_t", "uint", "uint"]],
  zfree: ["void", ["uintptr_t", "uintptr_t"]],
  luaAlloc: ["uintptr_t", ["uintptr_t", "uintptr_t", "size_t", "size_t"]],
};

/** What posix_memalign returns when JavaScript cannot run; the others give NULL. */
const ENOMEM = 12;
const FAILED = -1;
const PAGE_BYTES = 4096;
const READ_WRITE = 0x1 | 0x2; // PROT_READ | PROT_WRITE
const READ_EXECUTE = 0x1 | 0x4; // PROT_READ | PROT_EXEC
const PRIVATE_ANONYMOUS = 0x02 | 0x20; // MAP_PRIVATE | MAP_ANONYMOUS

type Callback = (...args: never[]) => unknown;

/** The part of koffi that is used here. */
export interface Koffi {
  readonly version: string;
  load(path: null): { func(prototype: string): (...args: unknown[]) => number };
  proto(result: string, parameters: readonly string[]): unknown;
  pointer(type: unknown): unknown;
  register(callback: Callback, type: unknown): bigint;
  unregister(callback: bigint): void;
  encode(address: number, type: string, value: number): void;
  view(address: number, bytes: number): ArrayBuffer;
  errno(value: number): number;
}

let loadedPages: Pages | null = null;

/** The copy that this library has. */
export function ownKoffi(): Koffi {
  return requireKoffi() as Koffi;
}

/**
 * The same, where there is no other: called through that, a function pointer would end the process.
 *
 * @throws HeapError ERR_INVALID_STATE when more than one copy is loaded, in whichever thread
 */
export function onlyKoffi(): Koffi {
  const mapped = readFileSync("/proc/self/maps", "latin1").match(/\/.*\/koffi\.node$/gm);
  if (new Set(mapped).size <= 1) return ownKoffi();
  throw new HeapError(
    "ERR_INVALID_STATE",
    "nativeAllocator: more than one copy of koffi is loaded, and function pointers work in calls of the copy that made " +
      "them; say which one calls the library: nativeAllocator({ koffi })",
  );
}

/**
 * What a program gave as its copy.
 *
 * @throws HeapError ERR_INVALID_ARG when it is none, or before version 3
 */
export function checkedKoffi(koffi: unknown): Koffi {
  const { register, version } = Object(koffi) as Partial<Koffi>;
  if (typeof register === "function" && Number.parseInt(`${version}`, 10) >= 3) return koffi as Koffi;
  const got = typeof version === "string" ? `version ${version}` : show(koffi);
  throw typeError(
    "ERR_INVALID_ARG",
    `nativeAllocator: koffi must be the module as import koffi from "koffi" gives it, version 3, got ${got}`,
  );
}

function pages(): Pages {
  loadedPages ??= openPages();
  return loadedPages;
}

function openPages(): Pages {
  const koffi = ownKoffi();
  const libc = koffi.load(null);
  const mmap = libc.func("intptr_t mmap(uintptr_t, size_t, int, int, int, long)");
  const mprotect = libc.func("int mprotect(uintptr_t, size_t, int)");
  const munmap = libc.func("int munmap(uintptr_t, size_t)");
  return {
    map: () => mmap(0, PAGE_BYTES, READ_WRITE, PRIVATE_ANONYMOUS, FAILED, 0),
    makeExecutable: (page) => mprotect(page, PAGE_BYTES, READ_EXECUTE) === 0,
    unmap: (page) => void munmap(page, PAGE_BYTES),
    write: (page, code) => new Uint8Array(koffi.view(page, code.length)).set(code),
  };
}

/** Sets the calling thread's errno. */
export function setErrno(koffi: Koffi, code: number): void {
  koffi.errno(code);
}

/** Stores an address at a place that need not be in the heap, such as a variable on a C stack. */
export function storeAddress(koffi: Koffi, place: number, value: number): void {
  koffi.encode(place, "uintptr_t", value);
}

/** Function pointers that share what is behind them. Each takes its slot when it is first asked for. */
export class Gate {
  /** Called from now on. */
  functions: CFunctions;
  readonly #koffi: Koffi;
  readonly #addresses = new Map<keyof CFunctions, FunctionPointer>();

  constructor(functions: CFunctions, koffi: Koffi) {
    this.functions = functions;
    this.#koffi = koffi;
  }

  /**
   * The function pointer of one of them; the same one each time.
   *
   * @throws Error of koffi's, when no slot is left
   */
  address(name: keyof CFunctions): FunctionPointer {
    const known = this.#addresses.get(name);
    if (known !== undefined) return known;
    const address = (this.#guarded(name) || this.#plain(name)) as FunctionPointer;
    this.#addresses.set(name, address);
    return address;
  }

  /** With a thunk in front; 0 where there is none. Without a result there is nothing to guard. */
  #guarded(name: keyof CFunctions): number {
    const [result, parameters] = PROTOTYPES[name];
    if (result === "void") return 0;
    const callback = this.#register(this.#placing(name), "void", [...parameters, "uintptr_t"]);
    const failure = name === "posixMemalign" ? ENOMEM : 0;
    const thunk = makeThunk(pages(), callback, parameters.length, failure);
    if (thunk === 0) this.#koffi.unregister(callback);
    return thunk;
  }

  #plain(name: keyof CFunctions): number {
    const [result, parameters] = PROTOTYPES[name];
    return Number(this.#register(this.#returning(name), result, parameters));
  }

  #register(callback: Callback, result: string, parameters: readonly string[]): bigint {
    const koffi = this.#koffi;
    return koffi.register(callback, koffi.pointer(koffi.proto(result, parameters)));
  }

  /** One function each, with its parameters in full: this is the path of every call. */
  #returning(name: keyof CFunctions): Callback {
    const entries: Record<keyof CFunctions, Callback> = {
      malloc: (a: number) => this.functions.malloc(a),
      calloc: (a: number, b: number) => this.functions.calloc(a, b),
      realloc: (a: number, b: number) => this.functions.realloc(a, b),
      free: (a: number) => this.functions.free(a),
      alignedAlloc: (a: number, b: number) => this.functions.alignedAlloc(a, b),
      posixMemalign: (a: number, b: number, c: number) => this.functions.posixMemalign(a, b, c),
      opaqueMalloc: (a: number, b: number) => this.functions.opaqueMalloc(a, b),
      zalloc: (a: number, b: number, c: number) => this.functions.zalloc(a, b, c),
      zfree: (a: number, b: number) => this.functions.zfree(a, b),
      luaAlloc: (a: number, b: number, c: number, d: number) => this.functions.luaAlloc(a, b, c, d),
    };
    return entries[name];
  }

  /** The same with a place for the result as the last parameter. */
  #placing(name: keyof CFunctions): Callback {
    const koffi = this.#koffi;
    if (name === "realloc") {
      return (a: number, b: number, place: number) =>
        placeAhead(koffi, place, (deliver) => this.functions.realloc(a, b, deliver));
    }
    if (name === "luaAlloc") {
      return (a: number, b: number, c: number, d: number, place: number) =>
        placeAhead(koffi, place, (deliver) => this.functions.luaAlloc(a, b, c, d, deliver));
    }
    const call = this.#returning(name) as (a: number, b?: number, c?: number, d?: number) => number;
    const entries: readonly Callback[] = [
      () => {},
      (a: number, place: number) => storeAddress(koffi, place, call(a)),
      (a: number, b: number, place: number) => storeAddress(koffi, place, call(a, b)),
      (a: number, b: number, c: number, place: number) => storeAddress(koffi, place, call(a, b, c)),
      (a: number, b: number, c: number, d: number, place: number) =>
        storeAddress(koffi, place, call(a, b, c, d)),
    ];
    return entries[PROTOTYPES[name][1].length]!;
  }
}

/** Stores a result as soon as it is delivered, and once more if in the end it is another. */
function placeAhead(koffi: Koffi, place: number, call: (deliver: Deliver) => number): void {
  let stored = 0; // what the thunk put there
  const result = call((delivered) => {
    storeAddress(koffi, place, delivered);
    stored = delivered;
  });
  if (result !== stored) storeAddress(koffi, place, result);
}
