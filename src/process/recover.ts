/**
 * Recovering the heap of a thread that ended or was interrupted: everything is rebuilt from the size words of its headers.
 *
 * Owns what is trusted and what is not. A thread may have died between any two stores. So the blocks of a segment are
 * trusted if their sizes lead from its start to its end. Checksums may be broken where a header was being written: in one
 * block or two, and no more. Lists, bitmaps, counts, flags of neighbours and footers are not trusted at all. Of the record
 * three words are, if they make sense: which segment is active, where its top is, and how far it is committed; see
 * recoverActive() for when they do not.
 *
 * Every step has the same result when it is done again, because the thread that adopts the heap may die as well.
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
import { consolidate } from "../heap/consolidate.js";
import type { Pool } from "../heap/pool.js";
import { Rec } from "../heap/record.js";
import { type Block, HEADER_BYTES, WORD_BYTES } from "../memory/memory.js";
import { recoverDrain } from "../shared/inbox.js";
import { Outbox } from "../shared/remote.js";

/** Broken checksums that a death can leave: growing backward breaks one and writes another. */
export const MOST_DAMAGED = 2;

/** What a walk over all headers found. */
interface Census {
  blocks: number;
  closedUnits: number;
  damaged: number;
  purgedPages: number;
}

/**
 * Recovers the heap of a pool; false when its headers were overwritten, so that nobody can know where its blocks
 * are. Only for the thread that has claimed the heap, with the lock free.
 */
export function recover(pool: Pool): boolean {
  const { m } = pool;
  const { record } = pool;
  undoMove(pool);
  new Outbox(pool.wilderness.window, record, pool.secret).recover(pool.wilderness.os.threads);
  for (const id of pool.wilderness.ownSegments()) pool.wilderness.segments.own(id);
  if (!recoverActive(pool)) return false;
  for (const id of pool.wilderness.ownSegments()) recoverUnbegun(pool, id);
  const census = survey(pool);
  if (census === null) return false;
  takeBack(pool);
  m[record + Rec.sincePurge] = 0;
  m[record + Rec.asked] = 0;
  m[record + Rec.reclaimedPages] = 0; // as they are committed, they are charged
  m[record + Rec.blocks] = census.blocks;
  m[record + Rec.closedUnits] = census.closedUnits;
  m[record + Rec.charged] = pool.wilderness.committedPages() - census.purgedPages;
  consolidate(pool);
  m[record + Rec.interrupted] = 0;
  return true;
}

/** A block that was about to move down into the free one below stays where it was: both headers as they were. */
function undoMove(pool: Pool): void {
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

/** What other threads freed meanwhile. */
function takeBack(pool: Pool): void {
  try {
    recoverDrain(pool.wilderness.window, pool.record, pool.secret);
  } catch {
    // Somebody wrote into a freed block. Those behind it in the list are lost, and this thread has not done it.
  }
}

/**
 * Makes the active segment's words true. When the segment was just changed, or the heap is new, they point outside it:
 * then it holds no block. False when there is no segment that could be the active one.
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
 * The thread that died may have written headers above the top: up to what is committed, nothing is known to be zero. It
 * stays known of what lies above; there it can have written if it was closing the segment: the lower end of the last block,
 * its footer, and the fence.
 */
function forgetTouched(pool: Pool, active: number): void {
  const { m } = pool;
  const { record } = pool;
  const { segments } = pool.wilderness;
  const commit = m[record + Rec.commit]!;
  const end = segments.end(active);
  m[record + Rec.high] = commit;
  clear(m, commit, Math.min(m[record + Rec.top]! + LINKS_END / WORD_BYTES, end));
  clear(m, Math.max(commit, end - HEADER_BYTES / WORD_BYTES - 1), end);
}

/** Without touching a page in which nothing was written. */
function clear(m: Int32Array, from: number, to: number): void {
  for (let word = from; word < to; word++) if (m[word] !== 0) m[word] = 0;
}

/** A segment that was entered in the table and never used: fresh memory, so that its first header has size 0. */
function isUnbegun(pool: Pool, id: number): boolean {
  const { m } = pool;
  return sizeOf(m, pool.wilderness.segments.start(id) as Block) === 0;
}

/** Makes one free block and a fence of a segment that was taken for the heap and not begun. */
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

/** Walks every header, rebuilds broken checksums, and counts; null when sizes lead astray or more is broken than can be. */
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
    if (!isIntact(m, b, pool.secret)) {
      census.damaged++;
      rebuildCheckWord(m, b, pool.secret);
    }
    if (isPreviousFree(m, b)) markPreviousLive(m, b); // consolidating says which are
    if (sizeOf(m, b) === FENCE_BYTES && !active) break;
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

/**
 * Whether the 16 bytes below the top of the active segment are what a live block was about to grow over when its thread died:
 * the one thing that small which is no fence.
 */
export function isUnfinishedGrowth(pool: Pool, b: Block, end: number): boolean {
  const { m } = pool;
  return sizeOf(m, b) === FENCE_BYTES && b + (FENCE_BYTES >>> 2) === end && isCached(m, b);
}

/** The note in a free block's payload, if it can be true: a death may have come between flag and note. */
function soundPurgedPages(pool: Pool, b: Block): number {
  const { m } = pool;
  const pages = purgedPages(m, b);
  if (pages >= 0 && pages <= innerPages(b, sizeOf(m, b), pool.wilderness.pageSize)) return pages;
  setPurgedPages(m, b, 0);
  return 0;
}
