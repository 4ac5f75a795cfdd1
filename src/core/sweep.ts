/**
 * The sweep: rebuilds bins from headers, joining everything free on the way.
 *
 * Owns one walk in the order of memory over a heap's segments. It trusts size words alone: what was cached or binned,
 * flags of neighbours, footers and links are all made again. Joining a large cache so costs 3 to 5 ns a block where
 * joining block by block, in the order in which they were freed, cost 25: each of those misses the cache of the
 * processor twice and moves a run from bin to bin.
 */
import { corrupt, hex } from "../errors.js";
import { initializeBins } from "./bins.js";
import { FENCE_BYTES, markPreviousFree, nextOf, sizeOf, writeFree } from "./block.js";
import { loopsOf, type Run } from "./loops.js";
import { type Block, WORD_BYTES } from "./memory.js";
import { binsOf, Rec } from "./record.js";
import type { Store } from "./store.js";

const { segment: SEGMENT } = Rec;

/** Words of the record that are made again with the bins. */
const RECOUNTED = [
  Rec.freeBlocks,
  Rec.freeUnits,
  Rec.gonePages,
  Rec.spilledUnits,
  Rec.spilledBlocks,
] as const;

/**
 * Joins all free and cached blocks of the heap. The caller has verified the headers, and emptied the cache's stacks
 * and lists.
 */
export function sweep(store: Store): void {
  const { words: m } = store.window;
  const { record } = store;
  initializeBins(m, binsOf(record));
  for (const word of RECOUNTED) m[record + word] = 0;
  for (const id of store.ownSegments()) sweepSegment(store, id);
}

/** Throws ERR_HEAP_CORRUPT when a sweep would meet an overwritten header: before anything is changed. */
export function verifyHeaders(store: Store): void {
  const { firstBroken } = loopsOf(store.m);
  for (const id of store.ownSegments()) {
    const b = firstBroken(store.segments.start(id) as Block, store.endOf(id), store.secret);
    if (b !== 0)
      throw corrupt(`the header of the block at ${hex(store.window.pointerOf(b))} was overwritten`);
  }
}

/**
 * The loops over blocks are functions of their own, which is what V8 compiles well: what came after a loop in the same
 * function it compiled without having seen it run, and threw the code away with every sweep.
 */
function sweepSegment(store: Store, id: number): void {
  const { m } = store;
  const { skipLive, measureRun } = loopsOf(m);
  const end = store.endOf(id);
  let b = skipLive(store.segments.start(id) as Block, end);
  while (b < end) {
    const run = measureRun(b, end);
    const last = run.above >= end || sizeOf(m, run.above) === FENCE_BYTES;
    if (last && m[store.record + SEGMENT] === id) store.retreat(b, run.blocks, run.gone);
    else closeRun(store, b, run);
    b = last ? (end as Block) : skipLive(nextOf(m, run.above), end);
  }
}

/** Makes one free block of a run that begins at `b`. */
function closeRun(store: Store, b: Block, { above, blocks, gone }: Run): void {
  const { m } = store;
  const size = (above - b) * WORD_BYTES;
  writeFree(m, b, size, store.secret);
  markPreviousFree(m, above);
  store.runs.put(b, size);
  if (gone > 0) store.runs.setGone(b, gone);
  if (blocks === 1) return;
  store.countJoined(blocks - 1);
  store.loosen(size);
}
