/**
 * libc's own malloc, called through koffi in its fastest form: pointers declared `uintptr_t`, so that they travel
 * as plain numbers. What a Node program has without heapwright.
 *
 * Small blocks are not touched: JavaScript has no cheap store to an address that koffi returned (a view per block
 * costs more than the allocation). That leaves cache misses out of libc's figure, and so favours libc. Pages of
 * large blocks are made resident by one madvise, which is faster than touching them one by one. Must not import
 * heapwright, which takes the range that libc's heap would grow into.
 */
import koffi from "koffi";
import type { Replayable } from "../replay.js";
import { type Allocator, PAGE } from "./allocator.js";

type Call = (...args: number[]) => number;

const MADV_POPULATE_WRITE = 23; // Linux 5.14

const library = koffi.load(null);
export const malloc = library.func("uintptr_t malloc(size_t)") as Call;
const calloc = library.func("uintptr_t calloc(size_t, size_t)") as Call;
const realloc = library.func("uintptr_t realloc(uintptr_t, size_t)") as Call;
const alignedAlloc = library.func("uintptr_t aligned_alloc(size_t, size_t)") as Call;
export const free = library.func("void free(uintptr_t)") as Call;
const madvise = library.func("int madvise(uintptr_t, size_t, int)") as Call;
const memset = library.func("uintptr_t memset(uintptr_t, int, size_t)") as Call;

export const replayable: Replayable<number> = {
  malloc,
  calloc,
  realloc,
  alignedAlloc,
  free,
  touch: () => {},
};

export const libc: Allocator = {
  none: 0,
  malloc,
  free,
  calloc: (bytes: number) => calloc(1, bytes),
  realloc: (block: number, _oldBytes: number, bytes: number) => realloc(block, bytes),
  touch: () => {},
  bytes: (block: number, length: number) => new Uint8Array(koffi.view(block, length)),
  populate(block: number, from: number, to: number): void {
    const inPage = (block + from) % PAGE;
    // Kernels that do not know the request refuse it at once.
    if (madvise(block + from - inPage, to - from + inPage, MADV_POPULATE_WRITE) === 0) return;
    memset(block + from, 1, to - from);
  },
  table: (length: number) => new Float64Array(length),
};
