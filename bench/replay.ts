/**
 * Replays a trace for timing, on whatever has C's five functions: heapwright and libc through koffi run the same loop.
 *
 * The pointer of each id lies in a Float64Array (0: not live), so the loop allocates nothing and its element kinds never
 * change. Blocks left over at the end of a pass are freed outside the timing. Knows no allocator.
 */
import { inSpans } from "./spans.js";
import { OP, type Trace } from "./trace.js";

/** C's five functions, of an allocator whose pointers are plain numbers. */
export interface Replayable<P extends number> {
  readonly malloc: (size: number) => P;
  readonly calloc: (count: number, size: number) => P;
  readonly realloc: (pointer: P, size: number) => P;
  readonly alignedAlloc: (alignment: number, size: number) => P;
  readonly free: (pointer: P) => unknown;
  /**
   * Called with each new block; one that was resized counts as new. As in native/replay.c: stores to the first byte, the
   * last one, and one in each 4 KiB; or does nothing, where JavaScript has no cheap store to a block.
   */
  readonly touch: (pointer: P, bytes: number) => void;
}

/** Replays the records from the first up to the second, not included. */
type Replay = (from: number, to: number) => void;

// By names of this module's own: V8 folds them into the loop. What is imported it loads and tests on each round.
const { malloc: MALLOC, calloc: CALLOC, realloc: REALLOC, free: FREE } = OP;

/** A table for spanReplayer: no block is live. */
export function pointerTable(trace: Trace): Float64Array {
  return new Float64Array(trace.blocks);
}

/**
 * Replays the records from `from` up to `to` (not included) of one trace. Made once per trace: V8 then folds the columns and
 * the functions into the loop, as a C compiler keeps them in registers. The two arguments are made int32 first: they may
 * be anything, and are tested on each round otherwise.
 */
export function spanReplayer<P extends number>(
  trace: Trace,
  pointers: Float64Array,
  allocator: Replayable<P>,
): Replay {
  const { id, size, log2align } = trace;
  const op = Int32Array.from(trace.op); // of a Uint8Array V8 tests on each round whether it still is one
  const { malloc, calloc, realloc, alignedAlloc, free, touch } = allocator;
  return (from, to) => {
    const end = to | 0;
    for (let i = from | 0; i < end; i++) {
      const block = id[i]!;
      const code = op[i]!;
      if (code === FREE) {
        free(pointers[block] as P);
        pointers[block] = 0;
        continue;
      }
      const bytes = size[i]!; // not above: V8 leaves a load where it is written
      let pointer: P;
      switch (code) {
        case MALLOC:
          pointer = malloc(bytes);
          break;
        case REALLOC:
          pointer = realloc(pointers[block] as P, bytes);
          break;
        case CALLOC:
          pointer = calloc(1, bytes);
          break;
        default:
          pointer = alignedAlloc(2 ** log2align[i]!, bytes);
      }
      touch(pointer, bytes);
      pointers[block] = pointer;
    }
  };
}

/** One pass over the whole trace each time it is called; returns nanoseconds per operation. */
export function replayer<P extends number>(trace: Trace, allocator: Replayable<P>): () => number {
  const { count } = trace;
  const pointers = pointerTable(trace);
  const replay = spanReplayer(trace, pointers, allocator);
  return () => {
    const start = performance.now();
    inSpans(count, replay);
    const milliseconds = performance.now() - start;
    freeLeftovers(pointers, allocator.free);
    return (milliseconds * 1e6) / count;
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
