/**
 * Consolidation: coalesces all cached and free blocks of a heap, and rebuilds cache and bins. dlmalloc's malloc_consolidate,
 * but as one walk in address order.
 *
 * Owns that walk. It trusts size words only, and rebuilds links and footers. Small bins come out in address order, which suits
 * the processor's prefetcher. Coalescing block by block in the order of the frees costs several times as much: each block
 * misses the processor's cache twice, and moves its neighbour from bin to bin.
 */
import { LEAST_BINNED } from "../block/bins.js";
import {
  CACHED,
  FENCE_BYTES,
  FLAGS,
  FREE,
  isIntact,
  linkTo,
  MIN_BLOCK,
  markPreviousFree,
  nextOf,
  PURGED,
  purgedPages,
  sizeOf,
  UNIT_BYTES,
  writeFree,
} from "../block/block.js";
import { headerOverwritten } from "../block/damage.js";
import { type Block, WORD_BYTES } from "../memory/memory.js";
import { cachedUnits } from "./cache.js";
import type { Pool } from "./pool.js";
import { countSincePurge, notePurged } from "./purge.js";
import { initializeIndex, Rec } from "./record.js";
import { SMALL_UNITS, setSmallBin, smallBinUnits } from "./small-bins.js";

/** A 64th of the heap must have been freed, and at least these units, the least that is committed at once. */
const WORTH_SHIFT = 6;
export const LEAST_WORTH = 4096;

/**
 * Whether to consolidate rather than commit more. More than LEAST_WORTH units were cached since the last consolidation, and
 * either they are a 64th of the heap, or more than half of the heap is free in pieces that are too small.
 */
export function isWorthConsolidating(pool: Pool): boolean {
  const { m, record } = pool;
  const small = smallBinUnits(m, pool.smallBins);
  const uncoalescable = Math.min(small, m[record + Rec.uncoalescable]!);
  m[record + Rec.uncoalescable] = uncoalescable;
  const cached = cachedUnits(m, pool.cache);
  const fresh = cached + small - uncoalescable;
  if (fresh <= LEAST_WORTH) return false;
  const extent = pool.wilderness.extentUnits();
  return fresh > extent >>> WORTH_SHIFT || cached + small + m[record + Rec.freeUnits]! > extent >>> 1;
}

/**
 * Coalesces all cached and free blocks. Throws ERR_HEAP_CORRUPT, with nothing changed, when a header was overwritten.
 *
 * The first walk verifies all headers and notes the runs of freed blocks. The second pass touches only the ends of those runs,
 * so that the headers are fetched from memory once.
 */
export function consolidate(pool: Pool): void {
  const { m, wilderness } = pool;
  noted = 0;
  freed = 0;
  for (const id of wilderness.ownSegments()) {
    const b = surveySegment(pool, wilderness.segments.start(id) as Block, wilderness.endOf(id));
    if (b === 0) continue;
    throw headerOverwritten(m, b);
  }
  initializeIndex(m, pool.record);
  const merged = freed - (noted >>> 1);
  m[pool.record + Rec.blocks] = m[pool.record + Rec.blocks]! - merged;
  m[pool.record + Rec.coalescedForward] = m[pool.record + Rec.coalescedForward]! + merged;
  closeRuns(pool);
  m[pool.record + Rec.uncoalescable] = smallBinUnits(m, pool.smallBins);
  if (notes.length > MOST_KEPT) notes = new Int32Array(LEAST_NOTES);
}

const LEAST_NOTES = 2048;
/** A longer array of notes is dropped after use. */
const MOST_KEPT = 2 ** 18;
/** A bit of a run's end: some of its pages are purged. */
const SOME_PURGED = 2 ** 30;
const PURGED_TO_NOTE = 27;
/** Two words for each run of freed blocks: its first block, and its end: the live block or fence above it, or the top. */
let notes = new Int32Array(LEAST_NOTES);
/** Words of `notes` in use, and blocks in all runs. */
let noted = 0;
let freed = 0;

/** The first block from `from` up to the fence or `end` whose header was overwritten; 0 for none. */
function surveySegment(pool: Pool, from: Block, end: number): Block {
  const { m, secret } = pool;
  let b = from;
  while (b < end) {
    b = survey(m, b, end, secret);
    if (b >= end) break;
    if (noted === notes.length) {
      const longer = new Int32Array(2 * noted);
      longer.set(notes);
      notes = longer;
      continue;
    }
    if (!isIntact(m, b, secret)) return b; // a marked checksum is intact
    if (sizeOf(m, b) === FENCE_BYTES) return 0 as Block;
    b = nextOf(m, b);
  }
  return b > end ? from : (0 as Block);
}

/**
 * Notes the runs from `from` on. Returns `end`, or the first block that the caller must look at: its checksum differs, or there
 * is no room to note it. Rare cases are left to the caller, here and in closeSmall(): V8 compiles the loop while it runs, and
 * deoptimizes at the first branch that had not run before.
 */
function survey(m: Int32Array, from: Block, end: number, secret: number): Block {
  const runs = notes;
  const room = runs.length;
  let b = from as number;
  let n = noted;
  let count = 0;
  while (b < end && n < room) {
    const header = m[b]!;
    const size = header & ~FLAGS;
    if (size < MIN_BLOCK) break;
    const above = b + (size >>> 2);
    if ((header & (FREE | CACHED)) === 0) {
      if ((size ^ b ^ secret) !== m[b + 1]) break;
    } else {
      if ((header & CACHED) !== 0 ? m[b + 1]! >>> 30 !== 0 : (size ^ b ^ secret) !== m[b + 1]) break;
      const end = above | ((header & PURGED) << PURGED_TO_NOTE);
      if (n > 0 && (runs[n - 1]! & ~SOME_PURGED) === b) {
        runs[n - 1] = end | (runs[n - 1]! & SOME_PURGED);
      } else {
        runs[n] = b;
        runs[n + 1] = end;
        n += 2;
      }
      count++;
    }
    b = above;
  }
  noted = n;
  freed += count;
  return b as Block;
}

/** First and last block of each small bin that is being built, and how many blocks it has. */
const heads = new Int32Array(SMALL_UNITS + 1);
const tails = new Int32Array(SMALL_UNITS + 1);
const counts = new Int32Array(SMALL_UNITS + 1);

/** Makes one block of each noted run. */
function closeRuns(pool: Pool): void {
  const { m } = pool;
  const most = pool.wilderness.hooks.trace === null ? LEAST_BINNED : 0; // closeRun() traces each of them
  counts.fill(0);
  const top = m[pool.record + Rec.top]!;
  for (let i = closeSmall(m, 0, most, top); i < noted; i = closeSmall(m, i + 2, most, top)) {
    closeRun(pool, notes[i]! as Block, (notes[i + 1]! & ~SOME_PURGED) as Block, notes[i + 1]! >= SOME_PURGED);
  }
  for (let units = MIN_BLOCK / UNIT_BYTES; units <= SMALL_UNITS; units++) {
    if (counts[units] === 0) continue;
    linkTo(m, tails[units]! as Block, 0);
    setSmallBin(m, pool.smallBins, units, heads[units]!, counts[units]!);
  }
}

/**
 * Makes a block for a small bin of each run of at most `most` bytes, from note `from` on. Returns the first note of a larger run,
 * or of one that ends at the top.
 */
function closeSmall(m: Int32Array, from: number, most: number, top: number): number {
  const runs = notes;
  const end = noted;
  let i = from;
  for (; i < end; i += 2) {
    const run = runs[i]!;
    const size = (runs[i + 1]! - run) << 2; // shifts SOME_PURGED out, which only large runs have
    if (size > most || runs[i + 1] === top) break;
    append(m, run, size);
  }
  return i;
}

/** Makes a CACHED block and appends it to its small bin. */
function append(m: Int32Array, b: number, size: number): void {
  const units = size >>> 4;
  m[b] = size | CACHED;
  if (counts[units] === 0) heads[units] = b;
  else m[tails[units]! + 1] = b;
  tails[units] = b;
  counts[units]!++;
}

/** Makes a free block of the run below `above`; of a small run a CACHED one; of the last run wilderness. */
function closeRun(pool: Pool, run: Block, above: Block, somePurged: boolean): void {
  const { m, record, wilderness } = pool;
  const size = (above - run) * WORD_BYTES;
  let purged = 0;
  if (somePurged) for (let b = run; b < above; b = nextOf(m, b)) purged += purgedPages(m, b);
  if (above === m[record + Rec.top]) {
    pool.freeBlocks.lowerTop(run, 1, purged);
    return;
  }
  const isCoalesced = sizeOf(m, run) !== size;
  if (isCoalesced) wilderness.hooks.trace?.("coalesce forward", wilderness.window.pointerOf(run), size);
  if (size <= LEAST_BINNED) {
    append(m, run, size);
    return;
  }
  writeFree(m, run, size, pool.secret);
  markPreviousFree(m, above);
  pool.freeBlocks.put(run, size);
  if (purged > 0) notePurged(wilderness, run, purged);
  if (isCoalesced) countSincePurge(wilderness, size);
}

if (PURGED << PURGED_TO_NOTE !== SOME_PURGED)
  throw new Error("consolidate: a note of purged pages is misplaced");
