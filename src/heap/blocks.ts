/**
 * The blocks of a heap in the order of memory, by their headers. Reads only.
 */
import { FENCE_BYTES, isCached, isFree, markAt, nextOf, sizeOf } from "../block/block.js";
import { isOwned } from "../memory/control.js";
import type { Block } from "../memory/memory.js";
import type { ThreadHeap } from "./heap.js";

/**
 * The blocks of one segment; ends at the wilderness, at the fence, or at an overwritten size that is too small, and where the segment
 * was vacated between two steps: it may be another heap's then.
 */
export function* blocksOf(of: ThreadHeap, id: number): Generator<Block> {
  const { words: m, record, wilderness } = of;
  let b = wilderness.segments.start(id) as Block;
  while (isOwned(m, b, record) && b < wilderness.endOf(id) && sizeOf(m, b) > FENCE_BYTES) {
    yield b;
    if (!isOwned(m, b, record)) return;
    b = nextOf(m, b);
  }
}

export function* blocksBetween(m: Int32Array, start: number, end: number): Generator<Block> {
  for (let b = start as Block; b < end; b = nextOf(m, b)) {
    if (sizeOf(m, b) <= FENCE_BYTES) return;
    yield b;
  }
}

/** Those of all its segments that nobody freed. */
export function* liveBlocksOf(of: ThreadHeap): Generator<Block> {
  const { words: m, secret } = of;
  for (const id of of.wilderness.ownSegments()) {
    for (const b of blocksOf(of, id))
      if (!isFree(m, b) && !isCached(m, b) && markAt(m, b, secret) === 0) yield b;
  }
}
