/**
 * The functions that C can call: their names, their prototypes, and how a call of C becomes one of JavaScript.
 *
 * Owns these three tables. Must not know koffi, the heap, or what the functions do.
 */

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
export const PARAMETERS: Readonly<Record<CFunction, readonly string[]>> = {
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
/** A function's index in it is its number. */
export const NAMES = Object.keys(PARAMETERS) as CFunction[];

export type Call = (
  of: CFunctions,
  deliver: Deliver,
  a: number,
  b: number,
  c: number,
  d: number,
) => number | undefined;

/** One closure per function: this is the path of every call. */
export const CALLS: Readonly<Record<CFunction, Call>> = {
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
