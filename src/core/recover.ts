/**
 * Taking over the heap of a thread that ended: everything is made again from the size words of its headers.
 *
 * Owns what is believed and what is not. A thread may have died between any two stores, so: a segment's blocks are
 * believed as far as their sizes lead from its start to its end; seals may be broken where a header was being written,
 * which is one block or two, and no more; lists, bitmaps, counts, flags of neighbours and footers are not believed at
 * all. Of the record three words are, if they make sense: which segment is active, where its top is, and how far it is
 * committed; see mendActive() for when they do not.
 *
 * Every step comes out the same when it is done again, because the thread that takes over may die as well.
 */
import {
  FENCE_BYTES,
  gonePages,
  isCached,
  isFree,
  isSealed,
  LINKS_END,
  MIN_BLOCK,
  markPreviousFree,
  reseal,
  setGonePages,
  sizeOf,
  unmark,
  writeFree,
  writeLive,
} from "./block.js";
import { recoverDrain } from "./inbox.js";
import { type Block, HEADER_BYTES, WORD_BYTES } from "./memory.js";
import { initializeIndex, Rec } from "./record.js";
import { Outbox } from "./remote.js";
import type { Store } from "./store.js";
import { sweep } from "./sweep.js";

/** Broken seals that a death can leave: growing backward breaks one and writes another. */
export const MOST_TORN = 2;

/** What a walk over all headers found. */
interface Census {
  blocks: number;
  closedUnits: number;
  torn: number;
  gonePages: number;
}

/**
 * Puts the heap of a store in order; false when its headers were overwritten, so that nobody can know where its blocks
 * are. Only for the thread that has claimed the heap, with the lock free.
 */
export function recover(store: Store): boolean {
  const { words: m } = store.window;
  const { record } = store;
  undoMove(store);
  new Outbox(store.window, record, store.secret).recover(store.os.threads);
  for (const id of store.ownSegments()) store.segments.own(id);
  if (!mendActive(store)) return false;
  for (const id of store.ownSegments()) mendUnbegun(store, id);
  const census = survey(store);
  if (census === null) return false;
  takeBack(store);
  initializeIndex(m, record);
  m[record + Rec.loose] = 0;
  m[record + Rec.blocks] = census.blocks;
  m[record + Rec.closedUnits] = census.closedUnits;
  m[record + Rec.charged] = store.committedPages() - census.gonePages;
  sweep(store);
  m[record + Rec.torn] = 0;
  return true;
}

/** A block that was about to move down into the free one below stays where it was: both headers as they were. */
function undoMove(store: Store): void {
  const { words: m } = store.window;
  const { record } = store;
  const b = m[record + Rec.moving]! as Block;
  if (b === 0) return;
  const below = m[record + Rec.movingBelow]! as Block;
  m[below] = m[record + Rec.movingLow]!;
  unmark(m, below, store.secret);
  reseal(m, b, store.secret); // another thread may have freed it since: that mark stays
  m[record + Rec.moving] = 0;
}

/** What other threads freed meanwhile. */
function takeBack(store: Store): void {
  try {
    recoverDrain(store.window, store.record, store.secret);
  } catch {
    // Somebody wrote into a freed block. Those behind it in the list are lost, and this thread has not done it.
  }
}

/**
 * Makes the active segment's words true. When the segment was just changed, or the heap is new, they point outside it:
 * then it holds no block. False when there is no segment that could be the active one.
 */
function mendActive(store: Store): boolean {
  const { words: m } = store.window;
  const { record, segments } = store;
  const active = m[record + Rec.segment]!;
  if (active < segments.count && segments.owner(active) === record) {
    const top = m[record + Rec.top]!;
    const begun = top >= segments.start(active) && top <= segments.end(active);
    if (!begun) store.begin(active);
    else forgetTouched(store, active);
    return true;
  }
  for (const id of store.ownSegments()) {
    if (!isUnbegun(store, id)) continue;
    store.begin(id);
    return true;
  }
  return false;
}

/**
 * The thread that died may have written headers above the top: up to what is committed, nothing is known to be zero. It
 * stays known of what lies above; there it can have written if it was closing the segment: the lower end of the last block,
 * its footer, and the fence.
 */
function forgetTouched(store: Store, active: number): void {
  const { words: m } = store.window;
  const { record, segments } = store;
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
function isUnbegun(store: Store, id: number): boolean {
  const { words: m } = store.window;
  return sizeOf(m, store.segments.start(id) as Block) === 0;
}

/** Makes one free block and a fence of a segment that was taken for the heap and not begun. */
function mendUnbegun(store: Store, id: number): void {
  const { words: m } = store.window;
  if (m[store.record + Rec.segment] === id || !isUnbegun(store, id)) return;
  const start = store.segments.start(id) as Block;
  const fence = (store.segments.end(id) - HEADER_BYTES / WORD_BYTES) as Block;
  const size = (fence - start) * WORD_BYTES;
  writeLive(m, fence, FENCE_BYTES, store.secret);
  markPreviousFree(m, fence);
  writeFree(m, start, size, store.secret);
  setGonePages(m, start, store.runs.innerPages(start, size));
}

/** Walks every header, mends broken seals, and counts; null when sizes lead astray or more is broken than can be. */
function survey(store: Store): Census | null {
  const census: Census = { blocks: 0, closedUnits: 0, torn: 0, gonePages: 0 };
  for (const id of store.ownSegments()) {
    if (!surveySegment(store, id, census) || census.torn > MOST_TORN) return null;
  }
  return census;
}

function surveySegment(store: Store, id: number, census: Census): boolean {
  const { words: m } = store.window;
  const start = store.segments.start(id);
  const end = store.endOf(id);
  const active = m[store.record + Rec.segment] === id;
  let b = start as Block;
  for (; b < end; b = (b + (sizeOf(m, b) >>> 2)) as Block) {
    if (!isSealed(m, b, store.secret)) {
      census.torn++;
      reseal(m, b, store.secret);
    }
    if (sizeOf(m, b) === FENCE_BYTES && !active) break;
    if (isUnfinishedGrowth(store, b, end)) {
      m[store.record + Rec.top] = b;
      return true;
    }
    if (sizeOf(m, b) < MIN_BLOCK || b + (sizeOf(m, b) >>> 2) > end) return false;
    census.blocks++;
    if (isFree(m, b)) census.gonePages += soundGonePages(store, b);
  }
  if (!active) census.closedUnits += (b - start) >>> 2;
  return active ? b === end : b < end;
}

/**
 * Whether the 16 bytes below the top of the active segment are what a live block was about to grow over when its thread died:
 * the one thing that small which is no fence.
 */
export function isUnfinishedGrowth(store: Store, b: Block, end: number): boolean {
  const { words: m } = store.window;
  return sizeOf(m, b) === FENCE_BYTES && b + (FENCE_BYTES >>> 2) === end && isCached(m, b);
}

/** The note in a free block's payload, if it can be true: a death may have come between flag and note. */
function soundGonePages(store: Store, b: Block): number {
  const { words: m } = store.window;
  const pages = gonePages(m, b);
  if (pages >= 0 && pages <= store.runs.innerPages(b, sizeOf(m, b))) return pages;
  setGonePages(m, b, 0);
  return 0;
}
