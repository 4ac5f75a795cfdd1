/**
 * Walking the heap: every block in the order of memory.
 *
 * Reads headers only. Must not change anything.
 */

import { guarded } from "../attached.js";
import { FENCE_BYTES, isCached, isFree, markAt, nextOf, sizeOf } from "../core/block.js";
import type { ThreadHeap } from "../core/heap.js";
import { type Block, HEADER_BYTES, type Pointer } from "../core/memory.js";
import { heap, unusable } from "../malloc.js";

/** A block as walk() yields it. */
export interface WalkedBlock {
  /** Its first usable byte. */
  readonly pointer: Pointer;
  /** Usable bytes. */
  readonly size: number;
  /**
   * live: in use. cached: freed, kept for the next request of its size. free: joined, in a bin. remote: freed by
   * another thread and on its way back. mapped: in use, a mapping of its own.
   */
  readonly state: "live" | "cached" | "free" | "remote" | "mapped";
}

/**
 * Iterates the blocks of the calling thread's heap and of those it took over from ended threads, then the large blocks
 * of the process. Blocks allocated or freed while the iteration goes on may be missed or seen twice; do not free the
 * block just yielded and go on.
 *
 * @throws HeapError ERR_UNSUPPORTED_PLATFORM where there is no heap
 *
 * @example
 * ```ts
 * import { free, malloc, walk } from "heapwright";
 *
 * const block = malloc(500);
 * for (const { pointer, size, state } of walk()) {
 *   if (pointer === block) console.log(size, state); // 504 live
 * }
 * free(block);
 * ```
 */
export function* walk(): Generator<WalkedBlock> {
  if (unusable !== null) throw unusable;
  const { window } = heap;
  if (heap.torn) heap.mend();
  for (const of of heapsOf(heap)) {
    for (const id of of.store.ownSegments()) {
      for (const b of blocksOf(of, id)) {
        yield {
          pointer: window.pointerOf(b),
          size: sizeOf(of.words, b) - HEADER_BYTES,
          state: stateOf(of, b),
        };
      }
    }
  }
  for (const [start, bytes] of guarded(() => heap.large.mappings())) {
    const pointer = guarded(() => heap.large.payloadIn(start, bytes));
    if (pointer !== 0) yield { pointer, size: start + bytes - pointer, state: "mapped" };
  }
}

/** The heaps that a thread has. */
export function heapsOf(first: ThreadHeap): ThreadHeap[] {
  return [first, ...(first.elsewhere?.heaps ?? [])];
}

function stateOf(of: ThreadHeap, b: Block): WalkedBlock["state"] {
  const m = of.words;
  if (isFree(m, b)) return "free";
  if (isCached(m, b)) return "cached";
  return markAt(m, b, of.secret) === 0 ? "live" : "remote";
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
