/**
 * Consolidating: all that is cached or free in a heap is coalesced, and cache and bins are made again.
 *
 * Owns one walk in the order of memory over a heap's segments, which trusts size words alone: links and footers are made
 * again. What it leaves in a small bin lies there in the order of memory, which the processor fetches ahead.
 * Coalescing block by block, in the order in which they were freed, costs several times as much: each of those misses the
 * cache of the processor twice and moves a free block from bin to bin.
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

/** Enough: a 64th of the heap, and in units of 16 bytes as much as is committed at once at least: that costs less than a walk. */
const WORTH_SHIFT = 6;
export const LEAST_WORTH = 4096;

/**
 * Whether consolidating is better than committing more: LEAST_WORTH was freed into the cache, or left over, since the last time,
 * and that is a 64th of the heap, or more than half of the heap is free, in pieces that are too small.
 */
export function isWorthConsolidating(pool: Pool): boolean {
  const { m, record } = pool;
  const small = smallBinUnits(m, pool.smallBins);
  const settled = Math.min(small, m[record + Rec.uncoalescable]!);
  m[record + Rec.uncoalescable] = settled;
  const cached = cachedUnits(m, pool.cache);
  const fresh = cached + small - settled;
  if (fresh <= LEAST_WORTH) return false;
  const extent = pool.wilderness.extentUnits();
  return fresh > extent >>> WORTH_SHIFT || cached + small + m[record + Rec.freeUnits]! > extent >>> 1;
}

/**
 * Coalesces everything that is cached or free. Throws ERR_HEAP_CORRUPT, with nothing changed, when a header was overwritten.
 *
 * The walk that looks for such a header notes on its way where the runs of freed blocks are. What comes after it touches the
 * ends of these alone, and does not fetch every header of the heap from memory again.
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
/** A longer array of notes is not kept. */
const MOST_KEPT = 2 ** 18;
/** With a run's end: pages of it were given back. */
const SOME_PURGED = 2 ** 30;
const PURGED_TO_NOTE = 27;
/** For each run of freed blocks its first block, and the live block or fence above it, or the top. */
let notes = new Int32Array(LEAST_NOTES);
/** How many words of it are used, and how many blocks the runs have. */
let noted = 0;
let freed = 0;

/** The first block whose header is not what this process wrote, from `b` up to the fence or `end`; 0 when there is none. */
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
    if (!isIntact(m, b, secret)) return b; // a mark is no fault
    if (sizeOf(m, b) === FENCE_BYTES) return 0 as Block;
    b = nextOf(m, b);
  }
  return b > end ? from : (0 as Block);
}

/**
 * Notes the runs from `from` on. Returns the first block that is not plainly what it should be, or that there is no room to note,
 * or `end`. What is rare is left to the caller, here and below: V8 compiles a loop while it runs for the first time, and throws the
 * code away at the first instruction that it never saw run.
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

/** First and last block of each small bin that is being made, and how many blocks it has. */
const heads = new Int32Array(SMALL_UNITS + 1);
const tails = new Int32Array(SMALL_UNITS + 1);
const counts = new Int32Array(SMALL_UNITS + 1);

/** Makes one block of each run that was noted. */
function closeRuns(pool: Pool): void {
  const { m } = pool;
  const most = pool.wilderness.hooks.trace === null ? LEAST_BINNED : 0; // each is told to a tracer
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
 * Makes a block of each run of at most `most` bytes, for its small bin, from a note on. Returns the note of a larger one, or of one
 * that ends at the top.
 */
function closeSmall(m: Int32Array, from: number, most: number, top: number): number {
  const runs = notes;
  const end = noted;
  let i = from;
  for (; i < end; i += 2) {
    const run = runs[i]!;
    const size = (runs[i + 1]! - run) << 2; // which shifts the bit for purged pages out: only large runs have it
    if (size > most || runs[i + 1] === top) break;
    append(m, run, size);
  }
  return i;
}

/** Makes a CACHED block, the last of its small bin. */
function append(m: Int32Array, b: number, size: number): void {
  const units = size >>> 4;
  m[b] = size | CACHED;
  if (counts[units] === 0) heads[units] = b;
  else m[tails[units]! + 1] = b;
  tails[units] = b;
  counts[units]!++;
}

/** Makes a free block of a run below `above`, a CACHED one of a small run, or wilderness of the last one. */
function closeRun(pool: Pool, run: Block, above: Block, somePurged: boolean): void {
  const { m, record, wilderness } = pool;
  const size = (above - run) * WORD_BYTES;
  let purged = 0;
  if (somePurged) for (let b = run; b < above; b = nextOf(m, b)) purged += purgedPages(m, b);
  if (above === m[record + Rec.top]) {
    pool.lowerTop(run, 1, purged);
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
  pool.put(run, size);
  if (purged > 0) notePurged(wilderness, run, purged);
  if (isCoalesced) countSincePurge(wilderness, size);
}

if (PURGED << PURGED_TO_NOTE !== SOME_PURGED)
  throw new Error("consolidate: a note of purged pages is misplaced");
