/**
 * Verification of one heap: the invariants of block.ts, bins.ts, cache.ts and record.ts, as code.
 *
 * Owns the comparison of what a walk over all headers finds with the record, the lists and the bitmaps. Must not change anything.
 * About 10 ns a block.
 */
import { BIN_COUNT, binOf, binState, forEachBinned, LEAST_BINNED, leastOf } from "../block/bins.js";
import {
  FENCE_BYTES,
  innerPages,
  isCached,
  isFree,
  isIntact,
  isPreviousFree,
  MIN_BLOCK,
  nextOf,
  purgedPages,
  sizeOf,
  UNIT_BYTES,
} from "../block/block.js";
import { addressOf, freeOverwritten, headerOverwritten, named } from "../block/damage.js";
import { corrupt } from "../errors.js";
import { isOwned } from "../memory/control.js";
import { type Block, HEADER_BYTES, WORD_BYTES } from "../memory/memory.js";
import { CACHED_UNITS, countOf, forEachCached, headOf } from "./cache.js";
import type { ThreadHeap } from "./heap.js";
import { binsOf, Rec } from "./record.js";
import { SMALL_UNITS, smallBinCount, smallBinHead } from "./small-bins.js";

/** The counts of a walk over all headers, to be compared with the record's. */
interface Census {
  blocks: number;
  free: number;
  freeUnits: number;
  cached: number;
  /** Sum of the cached blocks' word indices: equal for headers and lists if each block is in one list, once. */
  cachedWords: number;
  purgedPages: number;
  /** Units of closed segments, up to their fences. */
  closedUnits: number;
}

/** Checks a heap of this thread, or of one that does not run. It must not be interrupted. */
export function checkHeap(of: ThreadHeap): void {
  const census: Census = {
    blocks: 0,
    free: 0,
    freeUnits: 0,
    cached: 0,
    cachedWords: 0,
    purgedPages: 0,
    closedUnits: 0,
  };
  for (const id of of.wilderness.ownSegments()) checkSegment(of, id, census);
  checkRecord(of, census);
  checkBins(of, census.free);
  checkCache(of, census);
  const charged = of.wilderness.committedPages() - census.purgedPages;
  equal("pages charged", of.words[of.record + Rec.charged]!, charged);
}

function checkSegment(of: ThreadHeap, id: number, census: Census): void {
  const m = of.words;
  const { segments } = of.wilderness;
  const active = m[of.record + Rec.segment] === id;
  const end = of.wilderness.endOf(id);
  let belowIsFree = false;
  let b = segments.start(id) as Block;
  while (b < end && sizeOf(m, b) !== FENCE_BYTES) {
    checkHeader(of, b, end, belowIsFree);
    belowIsFree = isFree(m, b);
    take(of, b, census);
    b = nextOf(m, b);
  }
  if (active) {
    if (b !== end)
      throw corrupt(
        `the last block ends at ${where(of, b)}, where ${where(of, end)} is the end of what is in use`,
      );
    if (belowIsFree)
      throw corrupt(`the block below the wilderness at ${where(of, b)} is free and was not coalesced`);
    return;
  }
  if (b >= end || (end - b) * WORD_BYTES > FENCE_BYTES + HEADER_BYTES)
    throw corrupt(`the segment that ends at ${where(of, end)} has no fence there`);
  census.closedUnits += (b - segments.start(id)) >>> 2;
  checkHeaderAndFlag(of, b, belowIsFree);
}

function checkHeader(of: ThreadHeap, b: Block, end: number, belowIsFree: boolean): void {
  const m = of.words;
  const size = sizeOf(m, b);
  checkHeaderAndFlag(of, b, belowIsFree);
  if (size < MIN_BLOCK)
    throw corrupt(`the block at ${where(of, b)} says ${size} bytes with its header, less than the least`);
  if (b + (size >>> 2) > end)
    throw corrupt(`the block at ${where(of, b)} of ${size} bytes leads out of its segment`);
  if (!isFree(m, b)) return;
  if (size <= LEAST_BINNED)
    throw corrupt(`the block at ${where(of, b)} of ${size} bytes is free and not cached`);
  if (belowIsFree) throw corrupt(`two free blocks meet at ${where(of, b)}`);
  if (isCached(m, b)) throw corrupt(`the block at ${where(of, b)} is free and cached at once`);
  if (m[b + (size >>> 2) - 1] !== size) throw freeOverwritten(m, b);
}

function checkHeaderAndFlag(of: ThreadHeap, b: Block, belowIsFree: boolean): void {
  const m = of.words;
  if (!isIntact(m, b, of.secret)) throw headerOverwritten(m, b);
  if (isPreviousFree(m, b) === belowIsFree) return;
  throw corrupt(`the block at ${where(of, b)} says that the one below is ${belowIsFree ? "in use" : "free"}`);
}

function take(of: ThreadHeap, b: Block, census: Census): void {
  const m = of.words;
  census.blocks++;
  if (isCached(m, b)) {
    census.cached++;
    census.cachedWords += b;
  }
  if (!isFree(m, b)) return;
  census.free++;
  census.freeUnits += sizeOf(m, b) >>> 4;
  const purged = purgedPages(m, b);
  if (purged < 0 || purged > innerPages(b, sizeOf(m, b), of.wilderness.pageSize)) {
    throw corrupt(`the free block at ${named(m, b)} says that ${purged} of its pages were given back`);
  }
  census.purgedPages += purged;
}

function checkRecord(of: ThreadHeap, census: Census): void {
  const m = of.words;
  const { record } = of;
  equal("the count of blocks", m[record + Rec.blocks]!, census.blocks);
  equal("the count of free blocks", m[record + Rec.freeBlocks]!, census.free);
  equal("the bytes in free blocks", m[record + Rec.freeUnits]! * UNIT_BYTES, census.freeUnits * UNIT_BYTES);
  equal(
    "the bytes in full segments",
    m[record + Rec.closedUnits]! * UNIT_BYTES,
    census.closedUnits * UNIT_BYTES,
  );
  equal("the count of pages given back", m[record + Rec.purgedPages]!, census.purgedPages);
  const end = of.wilderness.segments.end(m[record + Rec.segment]!);
  const [top, high, commit] = [m[record + Rec.top]!, m[record + Rec.high]!, m[record + Rec.commit]!];
  if (top > commit || high > commit || commit > end) {
    const [used, touched, charged] = [top, high, commit].map((word) => where(of, word));
    throw corrupt(
      `the last segment is out of order: in use up to ${used}, touched up to ${touched}, charged up to ${charged}, and its ` +
        `end is ${where(of, end)}`,
    );
  }
}

function checkBins(of: ThreadHeap, free: number): void {
  const m = of.words;
  const bins = binsOf(of.record);
  let seen = 0;
  forEachBinned(m, bins, free + 1, of.record, 0, (b, bin) => {
    seen++;
    if (!isFree(m, b) || !isIntact(m, b, of.secret)) {
      throw corrupt(
        `the free blocks from ${leastOf(bin)} bytes on lead to ${where(of, b)}, which is no free block`,
      );
    }
    if (bin !== binOf(sizeOf(m, b)))
      throw corrupt(`the free block at ${named(m, b)} is among those from ${leastOf(bin)} bytes on`);
  });
  equal("the number of blocks in bins", seen, free);
  for (let bin = 0; bin < BIN_COUNT; bin++) {
    const { marked, filled } = binState(m, bins, bin);
    if (marked === filled) continue;
    throw corrupt(
      `of free blocks from ${leastOf(bin)} bytes on there are ${filled ? "some" : "none"}, and it is noted otherwise`,
    );
  }
}

function checkCache(of: ThreadHeap, { cached, cachedWords }: Census): void {
  const m = of.words;
  let seen = 0;
  let words = 0;
  const visit = (b: Block, units: number) => {
    seen++;
    words += b;
    checkCached(of, b, units);
  };
  for (let units = 0; units <= CACHED_UNITS; units++) {
    const { smallBins } = of.pool;
    const before = seen;
    forEachCached(m, headOf(m, of.cache, units), cached + 1, (b) => visit(b, units));
    equal(
      `the number of cached blocks of ${bytesIn(units)} bytes`,
      countOf(m, of.cache, units),
      seen - before,
    );
    if (units > SMALL_UNITS) continue;
    const cachedBefore = seen;
    forEachCached(m, smallBinHead(m, smallBins, units), cached + 1, (b) => visit(b, units));
    const count = smallBinCount(m, smallBins, units);
    equal(`the number of blocks in the small bin for ${bytesIn(units)} bytes`, count, seen - cachedBefore);
  }
  const victim = m[of.record + Rec.victim]! as Block;
  if (victim !== 0) visit(victim, sizeOf(m, victim) >>> 4);
  equal("the number of cached blocks", seen, cached);
  if (words !== cachedWords) throw corrupt("the cache holds one block twice, and another not at all");
}

function checkCached(of: ThreadHeap, b: Block, units: number): void {
  const m = of.words;
  if (!isOwned(m, b, of.record) || !isCached(m, b) || !isIntact(m, b, of.secret)) {
    const list = `the cache for ${bytesIn(units)} bytes`;
    throw corrupt(`${list} leads to ${where(of, b)}, which is no cached block`);
  }
  equal(`the size of the cached block at ${where(of, b)}`, sizeOf(m, b) - HEADER_BYTES, bytesIn(units));
}

/** Throws when two figures that must agree do not. */
function equal(what: string, is: number, should: number): void {
  if (is !== should) throw corrupt(`${what} is ${is} where ${should} was found`);
}

function where(of: ThreadHeap, b: number): string {
  return addressOf(of.words, b);
}

/** Usable bytes of a block of so many units. */
function bytesIn(units: number): number {
  return units * UNIT_BYTES - HEADER_BYTES;
}
