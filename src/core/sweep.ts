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
import { loopsOf, Survey } from "./loops.js";
import { type Block, WORD_BYTES } from "./memory.js";
import { binsOf, Rec } from "./record.js";
import type { Store } from "./store.js";

/** Words of the record that are made again with the bins. */
const RECOUNTED = [
  Rec.freeBlocks,
  Rec.freeUnits,
  Rec.gonePages,
  Rec.spilledUnits,
  Rec.spilledBlocks,
] as const;

/** Runs that are noted at most, at 8 bytes each: a 64th of the heap, and never more than half a megabyte. */
const NOTED_PER_UNIT = 1 / 32;
const LEAST_NOTED = 512;
const MOST_NOTED = 65536;

/** Joins all free and cached blocks of a heap of which nothing is known but that its size words can be walked. */
export function sweep(store: Store): void {
  forgetBins(store);
  for (const id of store.ownSegments()) sweepFrom(store, id, store.segments.start(id) as Block);
}

/**
 * The same for a heap in use, whose flags are what they should be. Throws ERR_HEAP_CORRUPT, with nothing changed, when a
 * header was overwritten; else it calls `forgetCache`, which empties the cache's stacks and lists, and then joins.
 *
 * The walk that looks for such a header notes on its way where the runs are. So what comes after it touches the ends of
 * runs alone, and does not fetch every header of the heap from memory again.
 */
export function sweepVerified(store: Store, forgetCache: () => void): void {
  const survey = surveyFor(store);
  const ids = store.ownSegments();
  const counts = ids.map((id) => surveySegment(store, id, survey));
  forgetCache();
  forgetBins(store);
  store.countJoined(survey.joined);
  let from = 0;
  for (const [i, id] of ids.entries()) {
    closeNoted(store, id, survey, from, counts[i]!);
    from = counts[i]!;
  }
  if (survey.rest !== 0) sweepRest(store, ids, survey.rest);
}

let latest: Survey | null = null;

/** A cleared one, of a size in proportion to the heap; it is kept for the next time. */
function surveyFor(store: Store): Survey {
  const room = Math.max(LEAST_NOTED, Math.min(MOST_NOTED, (store.extentUnits() * NOTED_PER_UNIT) | 0));
  if (latest === null || latest.room < room) latest = new Survey(room);
  latest.clear();
  return latest;
}

/** Notes the runs of a segment; returns how many are noted then. */
function surveySegment(store: Store, id: number, survey: Survey): number {
  const start = store.segments.start(id) as Block;
  const b = loopsOf(store.m).survey(start, store.endOf(id), store.secret, survey);
  if (b === 0) return survey.count;
  throw corrupt(`the header of the block at ${hex(store.window.pointerOf(b))} was overwritten`);
}

/** Joins the runs that were noted from `from` up to `to`, all of them in that segment; their blocks are counted. */
function closeNoted(store: Store, id: number, survey: Survey, from: number, to: number): void {
  const { m } = store;
  const end = store.endOf(id);
  const isActive = m[store.record + Rec.segment] === id;
  for (let i = from; i < to; i++) {
    const b = survey.first(i);
    const above = survey.above(i);
    const gone = survey.isGone(i) ? loopsOf(m).measureRun(b, end).gone : 0;
    if (isActive && above >= end) store.retreat(b, 1, gone);
    else closeRun(store, b, above, gone);
  }
}

/** Walks on from where there was no more room for notes. */
function sweepRest(store: Store, ids: readonly number[], rest: Block): void {
  const first = ids.findIndex((id) => rest >= store.segments.start(id) && rest < store.endOf(id));
  sweepFrom(store, ids[first]!, rest);
  for (const id of ids.slice(first + 1)) sweepFrom(store, id, store.segments.start(id) as Block);
}

function forgetBins(store: Store): void {
  const { words: m } = store.window;
  const { record } = store;
  initializeBins(m, binsOf(record));
  for (const word of RECOUNTED) m[record + word] = 0;
}

/**
 * The loops over blocks are functions of their own, which is what V8 compiles well: what came after a loop in the same
 * function it compiled without having seen it run, and threw the code away with every sweep.
 */
function sweepFrom(store: Store, id: number, from: Block): void {
  const { m } = store;
  const { skipLive, measureRun } = loopsOf(m);
  const end = store.endOf(id);
  let b = skipLive(from, end);
  while (b < end) {
    const { above, blocks, gone } = measureRun(b, end);
    const last = above >= end || sizeOf(m, above) === FENCE_BYTES;
    if (last && m[store.record + Rec.segment] === id) {
      store.retreat(b, blocks, gone);
    } else {
      store.countJoined(blocks - 1);
      closeRun(store, b, above, gone);
    }
    b = last ? (end as Block) : skipLive(nextOf(m, above), end);
  }
}

/** Makes one free block of a run that begins at `b`. */
function closeRun(store: Store, b: Block, above: Block, gone: number): void {
  const { m } = store;
  const size = (above - b) * WORD_BYTES;
  const isJoined = sizeOf(m, b) !== size;
  writeFree(m, b, size, store.secret);
  markPreviousFree(m, above);
  store.runs.put(b, size);
  if (gone > 0) store.runs.setGone(b, gone);
  if (isJoined) store.loosen(size);
}
