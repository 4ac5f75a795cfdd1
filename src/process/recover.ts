/**
 * Recovery of the heap of a thread that ended or was interrupted: everything is rebuilt from the size words of its headers.
 *
 * Owns what is trusted. A thread may have died between any two stores. Size words are trusted if they lead from a segment's start
 * to its end. Checksums may be wrong in the headers that were being written, two at most. Lists, bitmaps, counts, PREVIOUS_FREE
 * and footers are not trusted. Of the record, the active segment, its top and how far it is committed are trusted if they are
 * plausible; see recoverActive() for when they are not.
 *
 * Every step is idempotent, because the thread that recovers the heap may die as well.
 */
import {
  FENCE_BYTES,
  innerPages,
  isCached,
  isFree,
  isIntact,
  isPreviousFree,
  LINKS_END,
  MIN_BLOCK,
  markPreviousFree,
  markPreviousLive,
  purgedPages,
  rebuildCheckWord,
  setPurgedPages,
  sizeOf,
  unmark,
  writeFree,
  writeLive,
} from "../block/block.js";
import { HeapError } from "../errors.js";
import { consolidate } from "../heap/consolidate.js";
import { gather } from "../heap/gather.js";
import type { Pool } from "../heap/pool.js";
import { whileTakingBack } from "../heap/purge.js";
import { Rec } from "../heap/record.js";
import { CHUNK_WORDS } from "../memory/control.js";
import { type Block, HEADER_BYTES, roundUp, WORD_BYTES } from "../memory/memory.js";
import { Kind, kindOf } from "../shared/heaps.js";
import { recoverDrain } from "../shared/inbox.js";
import { Outbox } from "../shared/remote.js";
import { clearWords } from "../space/small-pages.js";

/** Most wrong checksums that a death can leave: growing backward clears one and writes another. */
export const MOST_DAMAGED = 2;

/** The counts of a walk over all headers. */
interface Census {
  blocks: number;
  closedUnits: number;
  damaged: number;
  purgedPages: number;
}

/**
 * Recovers the heap of a pool; false when its headers were overwritten, so that its blocks cannot be found. For the thread that
 * has claimed the heap; it must not hold the lock.
 */
export function recover(pool: Pool): boolean {
  const { m } = pool;
  const { record } = pool;
  recoverMove(pool);
  new Outbox(pool.wilderness.window, record, pool.secret).recover(pool.wilderness.os.threads);
  for (const id of pool.wilderness.ownSegments()) pool.wilderness.segments.own(id);
  if (!recoverActive(pool)) return false;
  for (const id of pool.wilderness.ownSegments()) recoverUnbegun(pool, id);
  const census = survey(pool);
  if (census === null) return false;
  whileTakingBack(pool.wilderness, () => {
    takeBack(pool);
    m[record + Rec.sincePurge] = 0;
    m[record + Rec.asked] = 0;
    m[record + Rec.blocks] = census.blocks;
    m[record + Rec.closedUnits] = census.closedUnits;
    m[record + Rec.charged] = pool.wilderness.committedPages() - census.purgedPages;
    if (kindOf(m, m[record + Rec.entry]!) === Kind.made) gather(pool);
    consolidate(pool);
  });
  m[record + Rec.interrupted] = 0;
  return true;
}

/** Undoes an interrupted move of a block into the free one below: restores both headers. */
function recoverMove(pool: Pool): void {
  const { m } = pool;
  const { record } = pool;
  const b = m[record + Rec.moving]! as Block;
  if (b === 0) return;
  const below = m[record + Rec.movingBelow]! as Block;
  m[below] = m[record + Rec.movingLow]!;
  unmark(m, below, pool.secret);
  rebuildCheckWord(m, b, pool.secret); // another thread may have freed it since: that mark stays
  m[record + Rec.moving] = 0;
}

/** Takes back what other threads freed, after completing an interrupted drain. */
function takeBack(pool: Pool): void {
  try {
    recoverDrain(pool.wilderness.window, pool.record, pool.secret);
  } catch (error) {
    // A link in a freed block was overwritten, and the rest of the list is lost. It is not this thread's error to throw.
    if (!(error instanceof HeapError)) throw error; // interrupted in the middle
  }
}

/**
 * Recovers the words of the active segment. If they point outside it, it was just begun, or the heap is new: then it has no block.
 * False when no segment can be the active one.
 */
function recoverActive(pool: Pool): boolean {
  const { m } = pool;
  const { record } = pool;
  const { segments } = pool.wilderness;
  const active = m[record + Rec.segment]!;
  if (active < segments.count && segments.owner(active) === record) {
    const top = m[record + Rec.top]!;
    const begun = top >= segments.start(active) && top <= segments.end(active);
    if (!begun) pool.wilderness.begin(active);
    else forgetTouched(pool, active);
    return true;
  }
  for (const id of pool.wilderness.ownSegments()) {
    if (!isUnbegun(pool, id)) continue;
    pool.wilderness.begin(id);
    return true;
  }
  return false;
}

/**
 * The thread may have written headers above the top, so no committed page is known to be zero any more. Above the commit mark it
 * can only have written if it was closing the segment: the lower end of the last block, its footer and the fence. Those words
 * are cleared, so that the rest is still known to be zero.
 */
function forgetTouched(pool: Pool, active: number): void {
  const { m } = pool;
  const { record } = pool;
  const { segments } = pool.wilderness;
  const commit = m[record + Rec.commit]!;
  const end = segments.end(active);
  m[record + Rec.high] = commit;
  clearWords(m, commit, Math.min(m[record + Rec.top]! + LINKS_END / WORD_BYTES, end));
  clearWords(m, Math.max(commit, end - HEADER_BYTES / WORD_BYTES - 1), end);
}

/** Whether a segment was entered in the table and not begun: its memory is fresh, so its first size is 0. */
function isUnbegun(pool: Pool, id: number): boolean {
  const { m } = pool;
  return sizeOf(m, pool.wilderness.segments.start(id) as Block) === 0;
}

/** Makes one free block and a fence of a segment that was not begun. */
function recoverUnbegun(pool: Pool, id: number): void {
  const { m } = pool;
  if (m[pool.record + Rec.segment] === id || !isUnbegun(pool, id)) return;
  const start = pool.wilderness.segments.start(id) as Block;
  const fence = (pool.wilderness.segments.end(id) - HEADER_BYTES / WORD_BYTES) as Block;
  const size = (fence - start) * WORD_BYTES;
  writeLive(m, fence, FENCE_BYTES, pool.secret);
  markPreviousFree(m, fence);
  writeFree(m, start, size, pool.secret);
  setPurgedPages(m, start, innerPages(start, size, pool.wilderness.pageSize));
}

/** Walks all headers, rebuilds checksums, and counts; null for an invalid size, or more wrong checksums than a death leaves. */
function survey(pool: Pool): Census | null {
  const census: Census = { blocks: 0, closedUnits: 0, damaged: 0, purgedPages: 0 };
  for (const id of pool.wilderness.ownSegments()) {
    if (!surveySegment(pool, id, census) || census.damaged > MOST_DAMAGED) return null;
  }
  return census;
}

function surveySegment(pool: Pool, id: number, census: Census): boolean {
  const { m } = pool;
  const start = pool.wilderness.segments.start(id);
  const end = pool.wilderness.endOf(id);
  const active = m[pool.record + Rec.segment] === id;
  let b = start as Block;
  for (; b < end; b = (b + (sizeOf(m, b) >>> 2)) as Block) {
    const intact = isIntact(m, b, pool.secret);
    if (!intact) {
      census.damaged++;
      rebuildCheckWord(m, b, pool.secret);
    }
    if (isPreviousFree(m, b)) markPreviousLive(m, b); // consolidation sets the flags again
    if (sizeOf(m, b) === FENCE_BYTES && !active) {
      if (intact) completeVacating(pool, id, b);
      break;
    }
    if (isUnfinishedGrowth(pool, b, end)) {
      m[pool.record + Rec.top] = b;
      return true;
    }
    if (sizeOf(m, b) < MIN_BLOCK || b + (sizeOf(m, b) >>> 2) > end) return false;
    census.blocks++;
    if (isFree(m, b)) census.purgedPages += soundPurgedPages(pool, b);
  }
  if (!active) census.closedUnits += (b - start) >>> 2;
  return active ? b === end : b < end;
}

/** The thread may have died after it ended a segment at a new fence, and before it vacated what lies above. */
function completeVacating({ wilderness: { segments } }: Pool, id: number, fence: Block): void {
  segments.vacate(id, roundUp(fence + HEADER_BYTES / WORD_BYTES, CHUNK_WORDS));
}

/**
 * Whether the 16 bytes at `b`, just below the top of the active segment, are the cached header that extendInto() writes there
 * while a live block grows by 16 bytes. Any other header of that size is a fence.
 */
export function isUnfinishedGrowth(pool: Pool, b: Block, end: number): boolean {
  const { m } = pool;
  return sizeOf(m, b) === FENCE_BYTES && b + (FENCE_BYTES >>> 2) === end && isCached(m, b);
}

/** The count of purged pages in a free block if it is plausible; else 0. A death may have come between flag and count. */
function soundPurgedPages(pool: Pool, b: Block): number {
  const { m } = pool;
  const pages = purgedPages(m, b);
  if (pages >= 0 && pages <= innerPages(b, sizeOf(m, b), pool.wilderness.pageSize)) return pages;
  setPurgedPages(m, b, 0);
  return 0;
}
