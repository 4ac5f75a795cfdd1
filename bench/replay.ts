/**
 * Replays a trace as a program would: one switch over the operations in one loop. Not to be tuned: what is measured is
 * the code of a client that does not know how V8 compiles it. heapwright and libc through koffi run the same loop, and
 * native/replay.c is its twin.
 *
 * Blocks are touched as in native/replay.c: the first byte, the last one, and one in each 4 KiB of every new block; one
 * that was resized counts as new. Blocks left over at the end of a pass are freed outside the timing.
 */
import { OP, type Records } from "./trace.js";

const { malloc: MALLOC, calloc: CALLOC, realloc: REALLOC, free: FREE, aligned: ALIGNED } = OP;

/** C's five functions, of an allocator whose pointers are plain numbers. */
export interface Replayable<P extends number> {
  readonly malloc: (size: number) => P;
  readonly calloc: (count: number, size: number) => P;
  readonly realloc: (pointer: P, size: number) => P;
  readonly alignedAlloc: (alignment: number, size: number) => P;
  readonly free: (pointer: P) => unknown;
  /** Called with each new block; does nothing where JavaScript has no cheap store to a block. */
  readonly touch: (pointer: P, bytes: number) => void;
}

/** Replays the records from `from` up to `to`, which is not included. By id, `pointers` holds what is live, else 0. */
export function replay<P extends number>(
  { op, log2align, id, size }: Records,
  pointers: Float64Array,
  { malloc, calloc, realloc, alignedAlloc, free, touch }: Replayable<P>,
  from: number,
  to: number,
): void {
  for (let i = from; i < to; i++) {
    const block = id[i]!;
    const bytes = size[i]!;
    switch (op[i]) {
      case MALLOC: {
        const pointer = malloc(bytes);
        touch(pointer, bytes);
        pointers[block] = pointer;
        break;
      }
      case CALLOC: {
        const pointer = calloc(1, bytes);
        touch(pointer, bytes);
        pointers[block] = pointer;
        break;
      }
      case REALLOC: {
        const pointer = realloc(pointers[block] as P, bytes);
        touch(pointer, bytes);
        pointers[block] = pointer;
        break;
      }
      case FREE:
        free(pointers[block] as P);
        pointers[block] = 0;
        break;
      case ALIGNED: {
        const pointer = alignedAlloc(2 ** log2align[i]!, bytes);
        touch(pointer, bytes);
        pointers[block] = pointer;
        break;
      }
    }
  }
}

/** One pass over the whole trace each time it is called; returns nanoseconds per operation. */
export function replayer<P extends number>(trace: Records, allocator: Replayable<P>): () => number {
  const pointers = new Float64Array(trace.blocks);
  return () => {
    const start = performance.now();
    replay(trace, pointers, allocator, 0, trace.count);
    const milliseconds = performance.now() - start;
    freeLeftovers(pointers, allocator.free);
    return (milliseconds * 1e6) / trace.count;
  };
}

/** Frees what the traced program never freed, and leaves the table fit for another pass. */
export function freeLeftovers<P extends number>(pointers: Float64Array, free: Replayable<P>["free"]): void {
  for (let block = 0; block < pointers.length; block++) {
    if (pointers[block] === 0) continue;
    free(pointers[block] as P);
    pointers[block] = 0;
  }
}
