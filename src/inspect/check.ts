/**
 * The full check of one heap: the equations of block.ts, bins.ts, cache.ts and record.ts, as code.
 *
 * Reads everything, changes nothing. Takes about 10 ns a block.
 */

import { guarded } from "../attached.js";
import { BIN_COUNT, binMarks, binOf, forEachBinned } from "../core/bins.js";
import {
  FENCE_BYTES,
  gonePages,
  isCached,
  isFree,
  isPreviousFree,
  isSealed,
  MIN_BLOCK,
  nextOf,
  sizeOf,
} from "../core/block.js";
import { forEachSpilled } from "../core/bundles.js";
import { CACHED_UNITS, depthOf, entryOf, MOST_UNITS, SPILLED_SIZES } from "../core/cache.js";
import { isOwned } from "../core/control.js";
import type { ThreadHeap } from "../core/heap.js";
import type { Block } from "../core/memory.js";
import { binsOf, cacheOf, Rec } from "../core/record.js";
import { corrupt, hex } from "../errors.js";
import { heap, unusable } from "../malloc.js";
import { checkShared } from "./check-shared.js";
import { heapsOf } from "./walk.js";

/** What a walk over all headers counts, to be compared with what the record says. */
interface Census {
  blocks: number;
  free: number;
  freeUnits: number;
  cached: number;
  /** Sum of the cached blocks' words: the cache holds those and no other, and each once. */
  cachedWords: number;
  gonePages: number;
  /** Bytes / 16 of closed segments, up to their fences. */
  closedUnits: number;
}

/**
 * Verifies every header, fence, list and bitmap of the calling thread's heap and of those it took over, the headers of
 * heaps whose threads ended, and what the threads share: the table of segments, large blocks, and the account of pages.
 * Heaps of other running threads change all the time and are not looked at.
 *
 * @throws HeapError ERR_HEAP_CORRUPT that says what contradicts what, and where
 *
 * @example
 * ```ts
 * import { check, HeapError, malloc, write } from "heapwright";
 *
 * const block = malloc(24);
 * malloc(24);
 * check(); // all is well
 * write.u32(block, 0, 24); // past the end
 * try {
 *   check();
 * } catch (error) {
 *   if (error instanceof HeapError) console.log(error.code); // ERR_HEAP_CORRUPT
 * }
 * ```
 */
export function check(): void {
  if (unusable !== null) throw unusable;
  guarded(() => {
    for (const of of heapsOf(heap)) checkHeap(of);
    checkShared(heap);
  });
}

/** One heap, of this thread or of one that is not running; its last update must have been completed. */
export function checkHeap(of: ThreadHeap): void {
  const census: Census = {
    blocks: 0,
    free: 0,
    freeUnits: 0,
    cached: 0,
    cachedWords: 0,
    gonePages: 0,
    closedUnits: 0,
  };
  for (const id of of.store.ownSegments()) checkSegment(of, id, census);
  checkRecord(of, census);
  checkBins(of, census.free);
  checkCache(of, census);
  const charged = of.store.committedPages() - census.gonePages;
  equal("pages charged", of.words[of.record + Rec.charged]!, charged);
}

function checkSegment(of: ThreadHeap, id: number, census: Census): void {
  const m = of.words;
  const { segments } = of.store;
  const active = m[of.record + Rec.segment] === id;
  const end = of.store.endOf(id);
  let belowIsFree = false;
  let b = segments.start(id) as Block;
  while (b < end && sizeOf(m, b) !== FENCE_BYTES) {
    checkHeader(of, b, end, belowIsFree);
    belowIsFree = isFree(m, b);
    take(of, b, census);
    b = nextOf(m, b);
  }
  if (active) {
    equal(`the end of the last block of segment ${id}`, b, end);
    if (belowIsFree)
      throw corrupt(`the block below the wilderness at ${where(of, b)} is free and was not joined`);
    return;
  }
  if (b >= end) throw corrupt(`segment ${id} has no fence below its end at word ${end}`);
  census.closedUnits += (b - segments.start(id)) >>> 2;
  checkSealAndFlag(of, b, belowIsFree);
}

function checkHeader(of: ThreadHeap, b: Block, end: number, belowIsFree: boolean): void {
  const m = of.words;
  const size = sizeOf(m, b);
  checkSealAndFlag(of, b, belowIsFree);
  if (size < MIN_BLOCK) throw corrupt(`the block at ${where(of, b)} says ${size} bytes, less than the least`);
  if (b + (size >>> 2) > end)
    throw corrupt(`the block at ${where(of, b)} of ${size} bytes leads out of its segment`);
  if (!isFree(m, b)) return;
  if (belowIsFree) throw corrupt(`two free blocks meet at ${where(of, b)}`);
  if (isCached(m, b)) throw corrupt(`the block at ${where(of, b)} is free and cached at once`);
  equal(`the footer of the free block at ${where(of, b)}`, m[b + (size >>> 2) - 1]!, size);
}

function checkSealAndFlag(of: ThreadHeap, b: Block, belowIsFree: boolean): void {
  const m = of.words;
  if (!isSealed(m, b, of.secret)) throw corrupt(`the header of the block at ${where(of, b)} was overwritten`);
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
  const gone = gonePages(m, b);
  if (gone < 0 || gone > of.store.runs.innerPages(b, sizeOf(m, b))) {
    throw corrupt(`the free block at ${where(of, b)} says that ${gone} of its pages were given back`);
  }
  census.gonePages += gone;
}

function checkRecord(of: ThreadHeap, census: Census): void {
  const m = of.words;
  const { record } = of;
  equal("the count of blocks", m[record + Rec.blocks]!, census.blocks);
  equal("the count of free blocks", m[record + Rec.freeBlocks]!, census.free);
  equal("the sum of free blocks, in 16 bytes,", m[record + Rec.freeUnits]!, census.freeUnits);
  equal("the extent of closed segments, in 16 bytes,", m[record + Rec.closedUnits]!, census.closedUnits);
  equal("the count of pages given back", m[record + Rec.gonePages]!, census.gonePages);
  const end = of.store.segments.end(m[record + Rec.segment]!);
  const [top, high, commit] = [m[record + Rec.top]!, m[record + Rec.high]!, m[record + Rec.commit]!];
  if (top > commit || high > commit || commit > end) {
    throw corrupt(`the wilderness is out of order: top ${top}, high ${high}, commit ${commit}, end ${end}`);
  }
}

function checkBins(of: ThreadHeap, free: number): void {
  const m = of.words;
  const bins = binsOf(of.record);
  let seen = 0;
  forEachBinned(m, bins, free + 1, of.record, 0, (b, bin) => {
    seen++;
    if (!isFree(m, b) || !isSealed(m, b, of.secret)) {
      throw corrupt(`bin ${bin} holds word ${b}, which is no free block`);
    }
    equal(`the bin of the free block at ${where(of, b)}`, bin, binOf(sizeOf(m, b)));
  });
  equal("the number of blocks in bins", seen, free);
  for (let bin = 0; bin < BIN_COUNT; bin++) {
    const { marked, filled } = binMarks(m, bins, bin);
    if (marked !== filled) throw corrupt(`the bitmap says that bin ${bin} is ${marked ? "filled" : "empty"}`);
  }
}

function checkCache(of: ThreadHeap, { cached, cachedWords }: Census): void {
  const m = of.words;
  const cache = cacheOf(of.record);
  let seen = 0;
  let words = 0;
  let spilledBlocks = 0;
  let spilledUnits = 0;
  let spilledSizes = 0;
  for (let units = 0; units <= MOST_UNITS; units++) {
    const visit = (b: Block) => {
      seen++;
      words += b;
      checkCached(of, b, units);
    };
    for (let i = 0; i < depthOf(m, cache, units); i++) visit(entryOf(m, cache, units, i));
    if (units > CACHED_UNITS) continue;
    const inStacks = seen;
    forEachSpilled(m, cache, units, cached + 1, visit);
    spilledBlocks += seen - inStacks;
    spilledUnits += (seen - inStacks) * units;
    if (seen > inStacks) spilledSizes++;
  }
  equal("the count of spilled blocks", m[of.record + Rec.spilledBlocks]!, spilledBlocks);
  equal("the sum of spilled blocks, in 16 bytes,", m[of.record + Rec.spilledUnits]!, spilledUnits);
  equal("the number of sizes with spilled blocks", m[cache + SPILLED_SIZES]!, spilledSizes);
  equal("the number of cached blocks", seen, cached);
  if (words !== cachedWords) throw corrupt("the cache holds one block twice, and another not at all");
}

function checkCached(of: ThreadHeap, b: Block, units: number): void {
  const m = of.words;
  if (!isOwned(m, b, of.record) || !isCached(m, b) || !isSealed(m, b, of.secret)) {
    throw corrupt(`the cache for ${units * 16} bytes holds word ${b}, which is no cached block`);
  }
  equal(`the size of the cached block at ${where(of, b)}`, sizeOf(m, b), units * 16);
}

/** Throws when two figures that must agree do not. */
function equal(what: string, is: number, should: number): void {
  if (is !== should) throw corrupt(`${what} is ${is} where ${should} was found`);
}

function where(of: ThreadHeap, b: Block): string {
  return hex(of.window.pointerOf(b));
}
