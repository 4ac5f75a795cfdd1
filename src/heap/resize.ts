/**
 * Resizing blocks in place, and cutting aligned ones to size.
 *
 * Owns the order in which realloc tries: shrink; grow forward, into a free block or the wilderness; grow backward, into a free
 * block below. Must not know C semantics or large blocks.
 */
import {
  blockBytes,
  clearChecksum,
  isFree,
  isPreviousFree,
  MIN_BLOCK,
  markPreviousLive,
  nextOf,
  purgedPages,
  resizeLive,
  sizeOf,
  UNIT_BYTES,
  writeCached,
  writeLive,
} from "../block/block.js";
import { type Block, HEADER_BYTES, WORD_BYTES } from "../memory/memory.js";
import { isWorthConsolidating } from "./consolidate.js";
import type { ThreadHeap } from "./heap.js";
import { notePurged } from "./purge.js";
import { Rec } from "./record.js";

/** Blocks below this size get no slack. */
const LEAST_SLACKENED = 2048;
const MOST_SLACK = 4096;
const SLACK_SHIFT = 3;
/** A larger block commits more wilderness rather than be copied into memory that consolidation would free. */
const MOST_MOVED = 64 * 1024;

/**
 * Slack of a block of `have` bytes: an eighth, at most a page. A block that grows by less than its slack is taken to be a text
 * that is appended to, and gets the slack at once; one that shrinks by less keeps its size. Otherwise each append moves the
 * header of the free block above: the string bench took three times as long.
 */
export function slackOf(have: number): number {
  return have < LEAST_SLACKENED ? 0 : Math.min(have >>> SLACK_SHIFT, MOST_SLACK) & -UNIT_BYTES;
}

/**
 * Makes a live block hold `size` bytes in place; returns `b`, or the lower block that it was coalesced with, which the caller cuts
 * by cutTail(); 0 if it must move. Interrupted, it leaves `b` where it was.
 */
export function resizeInPlace(heap: ThreadHeap, b: Block, size: number): Block {
  const m = heap.words;
  const need = blockBytes(size);
  const have = sizeOf(m, b);
  if (need <= have) {
    if (have - need > slackOf(have)) cutTail(heap, b, need);
    return b;
  }
  if (growForward(heap, b, need)) return b;
  return growBackward(heap, b, need, Math.min(have - HEADER_BYTES, size));
}

/** Grows a live block forward to hold `size` bytes; false when it cannot. */
export function growInPlace(heap: ThreadHeap, b: Block, size: number): boolean {
  return growForward(heap, b, blockBytes(size));
}

/** Whether a live block has no free neighbour and no wilderness above, so that it can only grow by moving. */
export function isHemmedIn(heap: ThreadHeap, b: Block): boolean {
  const m = heap.words;
  const next = nextOf(m, b);
  return !isPreviousFree(m, b) && next !== m[heap.record + Rec.top] && !isFree(m, next);
}

/** Splits off and frees what a live block has above `need` bytes, if a block fits in it. */
export function cutTail(heap: ThreadHeap, b: Block, need: number): void {
  const tail = splitTail(heap, b, need);
  if (tail !== 0) heap.release(tail);
}

/** Splits a live block above `need` bytes. Returns the upper part, CACHED and in no list; 0 when no block fits there. */
function splitTail(heap: ThreadHeap, b: Block, need: number): Block {
  const m = heap.words;
  const rest = sizeOf(m, b) - need;
  if (rest < MIN_BLOCK) return 0 as Block;
  heap.pool.freeBlocks.above(b); // throws for an overwritten header, before anything is changed
  const tail = (b + (need >>> 2)) as Block;
  writeCached(m, tail, rest);
  resizeLive(m, b, need, heap.secret);
  heap.pool.freeBlocks.countSplits(tail, rest, 1);
  return tail;
}

/** Splits a live block so that its upper part begins at `at`, and frees the lower part. Returns the upper part. */
export function cutFront(heap: ThreadHeap, b: Block, at: Block): Block {
  const m = heap.words;
  const front = (at - b) * WORD_BYTES;
  if (front === 0) return b;
  // The upper part's header first: a walk does not see it until the lower part shrinks.
  writeLive(m, at, sizeOf(m, b) - front, heap.secret);
  resizeLive(m, b, front, heap.secret);
  heap.pool.freeBlocks.countSplits(b, front, 1);
  heap.release(b);
  return at;
}

function growForward(heap: ThreadHeap, b: Block, need: number): boolean {
  const { words: m, pool } = heap;
  const have = sizeOf(m, b);
  const next = pool.freeBlocks.above(b);
  const slack = slackOf(have);
  const wanted = need - have > slack ? need : need + slack;
  if (next === m[heap.record + Rec.top]) {
    const { wilderness } = heap;
    if (wilderness.isCommitted(wanted - have)) return wilderness.extendInto(b, wanted - have);
    const moves = pool.hasFit(need) || (need <= MOST_MOVED && isWorthConsolidating(pool));
    if (moves) return wilderness.isCommitted(need - have) && wilderness.extendInto(b, need - have);
    return (
      wilderness.extendInto(b, wanted - have) || (wanted > need && wilderness.extendInto(b, need - have))
    );
  }
  if (!isFree(m, next)) return false;
  const total = have + sizeOf(m, next);
  if (total < need) return false;
  const taken = Math.min(wanted, total);
  if (growOver(heap, b, next, taken, total - taken)) return true;
  pool.freeBlocks.above(next); // throws for an overwritten header, before anything is changed
  const used = pool.freeBlocks.pagesUsed(next, taken - have);
  const unused = purgedPages(m, next) - used;
  if (!heap.wilderness.account.charge(used)) return false;
  absorb(heap, b, next, total);
  if (unused === 0) {
    cutTail(heap, b, taken);
    return true;
  }
  // The remainder's purged pages are noted before anything can purge it. The block above it is live, so it is not coalesced.
  const tail = splitTail(heap, b, taken);
  if (tail === 0) return true;
  pool.freeBlocks.keep(tail);
  if (isFree(m, tail)) notePurged(heap.wilderness, tail, unused);
  return true;
}

/**
 * Takes only what is needed from the free block above, if the rest can stay in its bin; false if not. Otherwise a text that
 * grows by a few bytes at a time would unlink a large free block and link it again each time.
 */
function growOver(heap: ThreadHeap, b: Block, next: Block, need: number, rest: number): boolean {
  const { words: m } = heap;
  const { freeBlocks } = heap.pool;
  if (rest < MIN_BLOCK || heap.hooks.trace !== null) return false;
  const remainder = (b + (need >>> 2)) as Block;
  if (!freeBlocks.raise(next, remainder, rest)) return false;
  resizeLive(m, b, need, heap.secret);
  freeBlocks.countCoalesced(Rec.coalescedForward, b, need + rest);
  freeBlocks.countSplits(remainder, rest, 1);
  return true;
}

/** Coalesces live `b` with the free block above it, by one store. */
function absorb(heap: ThreadHeap, b: Block, next: Block, total: number): void {
  const { words: m } = heap;
  const { freeBlocks } = heap.pool;
  freeBlocks.remove(next); // the caller has charged its purged pages
  const above = nextOf(m, next);
  resizeLive(m, b, total, heap.secret);
  markPreviousLive(m, above);
  freeBlocks.countCoalesced(Rec.coalescedForward, b, total);
}

/** Grows into the free block below, and the one above if that is free too; the payload's `bytes` move down. */
function growBackward(heap: ThreadHeap, b: Block, need: number, bytes: number): Block {
  const { words: m } = heap;
  const { freeBlocks } = heap.pool;
  const none = 0 as Block;
  if (!isPreviousFree(m, b)) return none;
  const below = freeBlocks.below(b);
  const next = freeBlocks.above(b);
  const atTop = next === m[heap.record + Rec.top];
  const above = !atTop && isFree(m, next) ? sizeOf(m, next) : 0;
  const have = sizeOf(m, b) + above;
  const low = sizeOf(m, below);
  if (low + have < need) return none;
  if (above > 0) freeBlocks.above(next); // throws for an overwritten header, before anything is changed
  if (!heap.wilderness.account.charge(purgedPages(m, below) + (above > 0 ? purgedPages(m, next) : 0)))
    return none;
  if (above > 0) absorb(heap, b, next, have);
  freeBlocks.remove(below);
  freeBlocks.countCoalesced(Rec.coalescedBackward, below, low + have);
  moveDown(heap, below, b, bytes);
  return below;
}

/**
 * Coalesces live `b` with the block below and moves its payload there; all or nothing. Coalescing comes first, by one store, for
 * the payload may overwrite the header of `b`. On a full stack the catch block undoes it by stores alone, since any call might
 * fail; recovery would do it too, but has to wait for stack, and the program may use its block before. JavaScript that is stopped
 * for good does not reach the catch block: then recovery undoes it by the note in Rec.moving, which is cleared by the store right
 * after the copy.
 */
function moveDown(heap: ThreadHeap, below: Block, b: Block, bytes: number): void {
  const { words: m, record, window, secret } = heap;
  const low = m[below]!;
  const lowChecksum = m[below + 1]!;
  const checksum = m[b + 1]!;
  m[record + Rec.movingBelow] = below;
  m[record + Rec.movingLow] = low;
  m[record + Rec.moving] = b;
  try {
    clearChecksum(m, b);
    resizeLive(m, below, sizeOf(m, below) + sizeOf(m, b), secret);
    window.copy(window.pointerOf(below), window.pointerOf(b), bytes);
    m[record + Rec.moving] = 0;
  } catch (error) {
    m[b + 1] = checksum;
    m[below] = low;
    m[below + 1] = lowChecksum;
    m[record + Rec.moving] = 0;
    throw error;
  }
}
