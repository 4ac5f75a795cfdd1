/**
 * libc's own malloc, called through koffi in its fastest form: pointers declared `uintptr_t`, so that they
 * travel as plain numbers. The peer that a Node program has without heapwright.
 *
 * Blocks are not touched here: JavaScript has no cheap store to an address that koffi returned (a view per
 * block costs more than the allocation). That leaves page faults and cache misses out of libc's figure, and
 * so favours libc. Must not import heapwright, which takes the range that libc's heap would grow into.
 */
import koffi from "koffi";
import { OP, type Trace } from "./trace.js";

// By names of this module's own: V8 folds them into the loop.
const { malloc: MALLOC, calloc: CALLOC, realloc: REALLOC, free: FREE } = OP;

type Call = (...args: number[]) => number;

const library = koffi.load(null);
export const malloc = library.func("uintptr_t malloc(size_t)") as Call;
export const free = library.func("void free(uintptr_t)") as Call;
const calloc = library.func("uintptr_t calloc(size_t, size_t)") as Call;
const realloc = library.func("uintptr_t realloc(uintptr_t, size_t)") as Call;
const alignedAlloc = library.func("uintptr_t aligned_alloc(size_t, size_t)") as Call;

/** One pass over the whole trace; returns nanoseconds per operation. */
export function replayLibc(trace: Trace, pointers = new Float64Array(trace.blocks)): number {
  const start = performance.now();
  replayAll(trace, pointers);
  const milliseconds = performance.now() - start;
  for (let block = 0; block < pointers.length; block++) {
    if (pointers[block] !== 0) free(pointers[block]!);
    pointers[block] = 0;
  }
  return (milliseconds * 1e6) / trace.count;
}

function replayAll({ count, op, id, size, log2align }: Trace, pointers: Float64Array): void {
  for (let i = 0; i < count; i++) {
    const block = id[i]!;
    const bytes = size[i]!;
    switch (op[i]) {
      case MALLOC:
        pointers[block] = malloc(bytes);
        break;
      case FREE:
        free(pointers[block]!);
        pointers[block] = 0;
        break;
      case REALLOC:
        pointers[block] = realloc(pointers[block]!, bytes);
        break;
      case CALLOC:
        pointers[block] = calloc(1, bytes);
        break;
      default:
        pointers[block] = alignedAlloc(2 ** log2align[i]!, bytes);
    }
  }
}
