/**
 * Functions that C can call: koffi's registered callbacks, and with core/os.ts the only import of koffi.
 *
 * Owns the C prototypes and the slots behind the function pointers. Promises: koffi is loaded when the first slot is
 * asked for, never when this file is imported; what is called through a slot is what the slot holds at that moment,
 * so a function pointer stays good, whatever a library does with it, for as long as the thread that made it. koffi's
 * own way to take one back (unregister) is not used: a late call through it would return whatever the register
 * held. There are 8,192 slots in a process; they are used again here, by the next allocator of the thread.
 * Must not know the heap, nor what the functions do.
 */
import { createRequire } from "node:module";

/** The address of a C function; koffi takes it as it is, for a `uintptr_t` or a `void *`. */
export type FunctionPointer = number & { readonly __function: unique symbol };

/** The functions behind the pointers. Addresses and sizes are numbers, or what koffi makes of wider ones. */
export interface CFunctions {
  malloc(size: number): number;
  calloc(count: number, size: number): number;
  realloc(pointer: number, size: number): number;
  free(pointer: number): void;
  alignedAlloc(alignment: number, size: number): number;
  posixMemalign(target: number, alignment: number, size: number): number;
  opaqueMalloc(opaque: unknown, size: number): number;
  zalloc(opaque: unknown, items: number, size: number): number;
  zfree(opaque: unknown, pointer: number): void;
  luaAlloc(opaque: unknown, pointer: number, oldSize: number, size: number): number;
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

/** The part of koffi that is used here. */
interface Koffi {
  proto(result: string, parameters: readonly string[]): unknown;
  pointer(type: unknown): unknown;
  register(callback: (...args: never[]) => unknown, type: unknown): bigint;
  encode(address: number, type: string, value: number): void;
  errno(value: number): number;
}

let loaded: Koffi | null = null;

function koffi(): Koffi {
  loaded ??= createRequire(import.meta.url)("koffi") as Koffi;
  return loaded;
}

/** Sets the calling thread's errno. */
export function setErrno(code: number): void {
  koffi().errno(code);
}

/** Stores an address at a place that need not be in the heap, such as a variable on a C stack. */
export function storeAddress(place: number, value: number): void {
  koffi().encode(place, "uintptr_t", value);
}

/** Function pointers that share what is behind them. Each takes its slot when it is first asked for. */
export class Gate {
  /** Called from now on. */
  functions: CFunctions;
  readonly #addresses = new Map<keyof CFunctions, FunctionPointer>();

  constructor(functions: CFunctions) {
    this.functions = functions;
  }

  /**
   * The function pointer of one of them; the same one each time.
   *
   * @throws Error of koffi's, when no slot is left
   */
  address(name: keyof CFunctions): FunctionPointer {
    const known = this.#addresses.get(name);
    if (known !== undefined) return known;
    const [result, parameters] = PROTOTYPES[name];
    const type = koffi().pointer(koffi().proto(result, parameters));
    const address = Number(koffi().register(this.#entry(name), type)) as FunctionPointer;
    this.#addresses.set(name, address);
    return address;
  }

  /** One function each, with its parameters in full: this is the path of every call. */
  #entry(name: keyof CFunctions): (...args: never[]) => unknown {
    const entries: Record<keyof CFunctions, (...args: never[]) => unknown> = {
      malloc: (size: number) => this.functions.malloc(size),
      calloc: (count: number, size: number) => this.functions.calloc(count, size),
      realloc: (pointer: number, size: number) => this.functions.realloc(pointer, size),
      free: (pointer: number) => this.functions.free(pointer),
      alignedAlloc: (alignment: number, size: number) => this.functions.alignedAlloc(alignment, size),
      posixMemalign: (target: number, alignment: number, size: number) =>
        this.functions.posixMemalign(target, alignment, size),
      opaqueMalloc: (opaque: unknown, size: number) => this.functions.opaqueMalloc(opaque, size),
      zalloc: (opaque: unknown, items: number, size: number) => this.functions.zalloc(opaque, items, size),
      zfree: (opaque: unknown, pointer: number) => this.functions.zfree(opaque, pointer),
      luaAlloc: (opaque: unknown, pointer: number, oldSize: number, size: number) =>
        this.functions.luaAlloc(opaque, pointer, oldSize, size),
    };
    return entries[name];
  }
}
