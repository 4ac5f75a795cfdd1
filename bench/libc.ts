/**
 * A trace replayed on libc's own malloc, called through koffi: the peer that a Node program has without heapwright. See
 * allocators/libc.ts for how it is called, and why its blocks are not touched. Must not import heapwright, which takes
 * the range that libc's heap would grow into.
 */
import * as libc from "./allocators/libc.js";
import { OP, type Trace } from "./trace.js";

// By names of this module's own: V8 folds them into the loop.
const { malloc: MALLOC, calloc: CALLOC, realloc: REALLOC, free: FREE } = OP;
const { alignedAlloc, calloc, realloc } = libc;
export const { free, malloc } = libc;

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
