/**
 * Replays a trace through heapwright, for timing.
 *
 * Touching rule, the same as in native/replay.c: the first byte, the last byte and one byte in each 4 KiB of
 * every new block; a block that was resized counts as new. Bytes are written with the library's own
 * `write.u8`, which is what its users have. Blocks left over at the end are freed outside the timing.
 *
 * The pointer of each id lies in a Float64Array (0: not live), so the loop allocates nothing and its element
 * kinds never change. Importing this file imports the library, which claims the range above the program
 * break: a process that times libc must import libc.ts and never this file.
 */

import type { Pointer } from "../src/index.js";
import * as heapwright from "../src/index.js";
import { OP, type Trace } from "./trace.js";

export { type Observer, replayVerified, type VerifiedReplay } from "./verified.js";

const TOUCH_STEP = 4096;
// By names of this module's own: V8 folds them into the loop. What is imported it loads and tests on each round.
const { alignedAlloc, calloc, free, malloc, realloc } = heapwright;
const { u8: writeByte } = heapwright.write;
const { malloc: MALLOC, calloc: CALLOC, realloc: REALLOC, free: FREE } = OP;

/** Replays the records from the first up to the second, not included. */
type Replay = (from: number, to: number) => void;

/** A table for spanReplayer: no block is live. */
export function pointerTable(trace: Trace): Float64Array {
  return new Float64Array(trace.blocks);
}

/**
 * Replays the records from `from` up to `to` (not included) of one trace. Made once per trace: V8 then folds the
 * columns into the loop, as a C compiler keeps them in registers. The two are made int32 first: as arguments they may be
 * anything, and are tested on each round.
 */
export function spanReplayer(trace: Trace, pointers: Float64Array): Replay {
  const { op, id, size, log2align } = trace;
  return (from, to) => {
    const end = to | 0;
    for (let i = from | 0; i < end; i++) {
      const block = id[i]!;
      const bytes = size[i]!;
      let pointer: Pointer;
      switch (op[i]) {
        case MALLOC:
          pointer = malloc(bytes);
          break;
        case FREE:
          free(pointers[block] as Pointer);
          pointers[block] = 0;
          continue;
        case REALLOC:
          pointer = realloc(pointers[block] as Pointer, bytes);
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

/**
 * Records replayed by one call. What V8 compiles to be entered in the middle of a loop knows nothing of a closure's columns, and
 * in a long loop it is entered again and again, in every pass: in one process of three a recorded SQLite program took a fifth
 * longer. A function that is called often is compiled as a whole.
 */
const SPAN = 256;

/** A function of its own, after whose loop nothing comes: V8 left its code there in each pass, for it had not seen more. */
function inSpans(replay: Replay, count: number): void {
  for (let from = 0; from < count; from += SPAN) replay(from, Math.min(from + SPAN, count));
}

/** One pass over the whole trace each time it is called; returns nanoseconds per operation. */
export function replayer(trace: Trace): () => number {
  const { count } = trace;
  const pointers = pointerTable(trace);
  const replay = spanReplayer(trace, pointers);
  return () => {
    const start = performance.now();
    inSpans(replay, count);
    const milliseconds = performance.now() - start;
    freeLeftovers(pointers);
    return (milliseconds * 1e6) / count;
  };
}

function touch(pointer: Pointer, bytes: number): void {
  if (bytes === 0) return;
  for (let at = 0; at < bytes; at += TOUCH_STEP) writeByte(pointer, 1, at);
  writeByte(pointer, 1, bytes - 1);
}

/** Frees what the traced program never freed, and leaves the table fit for another pass. */
export function freeLeftovers(pointers: Float64Array): void {
  for (let block = 0; block < pointers.length; block++) {
    if (pointers[block] === 0) continue;
    free(pointers[block] as Pointer);
    pointers[block] = 0;
  }
}
