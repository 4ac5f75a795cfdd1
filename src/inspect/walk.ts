/**
 * Walking the heap: every block in the order of memory.
 *
 * Reads headers only. Must not change anything.
 */

import { FENCE_BYTES, isCached, isFree, nextOf, sizeOf } from "../core/block.js";
import type { ThreadHeap } from "../core/heap.js";
import { type Block, HEADER_BYTES, type Pointer } from "../core/memory.js";
import { heap, unusable } from "../malloc.js";

export interface WalkedBlock {
  readonly pointer: Pointer;
  /** Usable bytes. */
  readonly size: number;
  /**
   * live: in use. cached: freed, kept for the next request of its size. free: joined, in a bin. mapped: in use, a
   * mapping of its own.
   */
  readonly state: "live" | "cached" | "free" | "mapped";
}

/**
 * Iterates the blocks of the calling thread's heap, then the large ones. Blocks allocated or freed while the
 * iteration goes on may be missed or seen twice; do not free the block just yielded and go on.
 */
export function* walk(): Generator<WalkedBlock> {
  if (unusable !== null) throw unusable;
  const { words: m, window } = heap;
  for (const id of segmentsOf(heap)) {
    for (const b of blocksOf(heap, id)) {
      const state = isFree(m, b) ? "free" : isCached(m, b) ? "cached" : "live";
      yield { pointer: window.pointerOf(b), size: sizeOf(m, b) - HEADER_BYTES, state };
    }
  }
  for (const [start, bytes] of heap.large.mappings()) {
    const pointer = heap.large.payloadIn(start, bytes);
    if (pointer !== 0) yield { pointer, size: start + bytes - pointer, state: "mapped" };
  }
}

/** The segments of a heap. */
export function* segmentsOf(of: ThreadHeap): Generator<number> {
  const { segments } = of.store;
  for (let id = 0; id < segments.count; id++) if (segments.owner(id) === of.record) yield id;
}

/** The blocks of one segment; ends at the wilderness or the fence, or at a size that leads nowhere. */
export function* blocksOf(of: ThreadHeap, id: number): Generator<Block> {
  const m = of.words;
  const { segments } = of.store;
  const end = of.store.endOf(id);
  for (let b = segments.start(id) as Block; b < end; b = nextOf(m, b)) {
    if (sizeOf(m, b) <= FENCE_BYTES) return;
    yield b;
  }
}
