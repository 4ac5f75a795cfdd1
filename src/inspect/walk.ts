/**
 * walk(): visits every block in address order.
 *
 * Owns which heaps are walked, and the state of a block as a user sees it. Reads headers only, and must not change anything. An
 * orphan may be adopted at any moment, so its blocks are read in batches, each under the adoption mutex.
 */

import { guarded } from "../api/attached.js";
import { heap, unusable } from "../api/malloc.js";
import { isCached, isFree, markAt, sizeOf } from "../block/block.js";
import { blocksBetween, blocksOf } from "../heap/blocks.js";
import type { ThreadHeap } from "../heap/heap.js";
import { Rec } from "../heap/record.js";
import { Control } from "../memory/control.js";
import { type Block, HEADER_BYTES, type Pointer } from "../memory/memory.js";
import { underAdoption } from "../process/claims.js";
import { allOrphans, claimOf, HEAP_RECORD, isDoomed, isOrphan } from "../shared/heaps.js";

/** A block as walk() yields it. */
export interface WalkedBlock {
  /** Its first usable byte. */
  readonly pointer: Pointer;
  /** Usable bytes. */
  readonly size: number;
  /**
   * live: in use. cached: freed, kept for the next request of its size. free: coalesced, in a bin. remote: freed by
   * another thread and not taken back yet. mapped: in use, a large block with a mapping of its own.
   */
  readonly state: "live" | "cached" | "free" | "remote" | "mapped";
  /**
   * Whose heap it lies in. thread: the calling thread's, including those it made or adopted. ended: an ended thread's,
   * which no thread has adopted yet. process: no heap, since it has a mapping of its own.
   */
  readonly owner: "thread" | "ended" | "process";
  /** The name of the Heap that it lies in; absent if it lies in a thread's own heap. */
  readonly heap?: string;
}

/** Blocks of an orphan read per batch. A thread that starts may wait for one batch before it can adopt a heap. */
const BATCH = 1000;

/**
 * Iterates over the blocks of the calling thread's heap and of those it made or adopted, then those of ended threads' heaps
 * that nobody has adopted, then the large blocks of the process. Blocks of other running threads are left out: their heaps
 * change all the time. Blocks allocated or freed during the iteration may be missed or seen twice. Do not free the block
 * just yielded and continue: the walk reads its header to find the next one.
 *
 * @throws HeapError ERR_UNSUPPORTED_PLATFORM where there is no heap
 *
 * @example
 * ```ts
 * import { free, malloc, walk } from "heapwright";
 *
 * const block = malloc(500);
 * for (const { pointer, size, state, owner } of walk()) {
 *   if (pointer === block) console.log(size, state, owner); // 504 live thread
 * }
 * free(block);
 *
 * // What workers left that were terminated, if nobody else has its pointers:
 * const left = [...walk()].filter(({ state, owner }) => state === "live" && owner === "ended");
 * for (const { pointer } of left) free(pointer);
 * ```
 */
export function* walk(): Generator<WalkedBlock> {
  if (unusable !== null) throw unusable;
  guarded(() => {}); // recovers what was interrupted
  for (const of of heapsOf(heap)) {
    for (const id of of.wilderness.ownSegments()) {
      for (const b of blocksOf(of, id)) yield walked(b, "thread", of.name);
    }
  }
  const { window, wilderness } = heap;
  for (const entry of allOrphans(window, wilderness.os.threads)) {
    if (!isDoomed(heap.words, entry)) yield* blocksOfEnded(entry); // a doomed heap's blocks count as freed
  }
  for (const [start, bytes] of guarded(() => heap.large.mappings())) {
    const pointer = guarded(() => heap.large.payloadIn(start, bytes));
    const size = pointer === 0 ? -1 : guarded(() => heap.large.sizeOf(pointer));
    if (size >= 0 && pointer !== heap.hooks.slots?.pool)
      yield { pointer, size, state: "mapped", owner: "process" };
  }
  for (const { pointer, size } of heap.hooks.slots?.live() ?? [])
    yield { pointer: pointer as Pointer, size, state: "mapped", owner: "process" };
}

/** A thread's own heap, then those it made or adopted. */
export function heapsOf(first: ThreadHeap): ThreadHeap[] {
  return [first, ...(first.others?.heaps ?? [])];
}

function walked(b: Block, owner: WalkedBlock["owner"], name: string | null = null): WalkedBlock {
  const { window, words } = heap;
  return {
    pointer: window.pointerOf(b),
    size: sizeOf(words, b) - HEADER_BYTES,
    state: stateOf(words, b),
    owner,
    ...(name === null ? {} : { heap: name }),
  };
}

function stateOf(m: Int32Array, b: Block): WalkedBlock["state"] {
  if (isFree(m, b)) return "free";
  if (isCached(m, b)) return "cached";
  return markAt(m, b, heap.secret) === 0 ? "live" : "remote";
}

/** The blocks of an orphan, by its entry, for as long as nobody adopts it. */
function* blocksOfEnded(entry: number): Generator<WalkedBlock> {
  const { words: m, wilderness } = heap;
  const { segments } = wilderness;
  const record = m[entry + HEAP_RECORD]!;
  const claim = claimOf(m, entry);
  for (let id = 0; id < m[Control.segments]!; id++) {
    if (segments.owner(id) !== record) continue;
    const start = segments.start(id);
    const top = m[record + Rec.top]!;
    const isActive = m[record + Rec.segment] === id && top >= start && top <= segments.end(id);
    let next = start;
    while (next !== 0) {
      const batch = whileUntouched(entry, claim, () => batchFrom(next, isActive ? top : segments.end(id)));
      yield* batch.blocks;
      next = batch.next;
    }
  }
}

interface Batch {
  readonly blocks: readonly WalkedBlock[];
  /** The block at which the next batch begins; 0 if this is the last one. */
  readonly next: number;
}

const NOTHING: Batch = { blocks: [], next: 0 };

/** Reads a batch if the heap is still an orphan of the same claim; else NOTHING. */
function whileUntouched(entry: number, claim: number, read: () => Batch): Batch {
  const { window, words, wilderness } = heap;
  const { os } = wilderness;
  return guarded(() =>
    underAdoption(window, os, () =>
      isOrphan(window, os.threads, entry) && claimOf(words, entry) === claim ? read() : NOTHING,
    ),
  );
}

function batchFrom(start: number, end: number): Batch {
  const blocks: WalkedBlock[] = [];
  for (const b of blocksBetween(heap.words, start, end)) {
    if (blocks.length === BATCH) return { blocks, next: b };
    blocks.push(walked(b, "ended"));
  }
  return { blocks, next: 0 };
}
