/**
 * The inbox of a heap: taking back its blocks that other threads freed.
 *
 * Owns the receiving side, completing a drain that its owner began and did not end, and telling what a dead sender had sent. Must not know
 * coalescing or caches: it hands each block to a function. The sending side is remote.ts.
 *
 *   Rec.inbox           the list that other threads push to, linked by word 2 of each block
 *   Rec.receivingNext   the list that was taken from it, as far as it is not processed yet
 *   Rec.receiving       the block that is being processed
 *   Rec.drains          a sequence lock: odd during a drain, so that readers of the lists wait or read again
 */

import { isCached, isIntact, markAt, markCached, sizeOf } from "../block/block.js";
import { returnedOverwritten } from "../block/damage.js";
import { HeapError } from "../errors.js";
import { isOwned } from "../memory/control.js";
import { type Block, oncePerWords, type Window } from "../memory/memory.js";
import * as Rec from "../memory/record-words.js";
import type { OsThreads } from "../platform/os-threads.js";
import { isAlive } from "./heaps.js";

/** The word of a block that leads to the next in a list. */
export const LINK = 2;
/** A list is followed no further: overwritten links may form a cycle. */
const LONGEST_LIST = 2 ** 28;
/** In milliseconds, and how often: an owner drains its inbox in less. */
const WAIT = 1;
const WAITS = 2000;

/**
 * Takes back what other threads freed: calls `take` for each block, which is then CACHED, unmarked and in no list. Throws
 * ERR_HEAP_CORRUPT when the link in a freed block was overwritten; the rest of the list is lost.
 */
export function drain(window: Window, record: number, secret: number, take: (b: Block) => void): void {
  const m = window.words;
  // Orders the odd number before the first mark that is removed, for hasArrived(): an atomic load is not done before an
  // earlier atomic store, and nothing that stands below before it.
  window.atomicStore(record + Rec.drains, m[record + Rec.drains]! | 1);
  window.atomicLoad(record + Rec.drains);
  // Orders the links before they are followed.
  if (m[record + Rec.receivingNext] === 0) takeList(window, record);
  try {
    takeApart(m)(record, secret, take);
  } catch (error) {
    if (error instanceof HeapError) endDrain(window, record); // else recoverDrain() completes it, and must know the block at hand
    throw error;
  }
  endDrain(window, record);
}

function endDrain(window: Window, record: number): void {
  const m = window.words;
  m[record + Rec.receiving] = 0;
  // Orders the end of all that after it, for hasArrived().
  window.atomicStore(record + Rec.drains, m[record + Rec.drains]! + 1);
}

/** Processes the list block by block. A closure over the words, so that V8 folds them into the code. */
const takeApart = oncePerWords((m) => (record: number, secret: number, take: (b: Block) => void): void => {
  const words = m; // outside the loop: inside it, V8 would not know at an access what `m` is
  for (
    let b = words[record + Rec.receivingNext]! as Block;
    b !== 0;
    b = words[record + Rec.receivingNext]! as Block
  ) {
    const back = isMarkedBlock(words, b, record, secret);
    if (!back && !isLate(words, b, record, secret)) {
      words[record + Rec.receivingNext] = 0;
      throw returnedOverwritten(words, b, record);
    }
    words[record + Rec.receivingBlocks] = words[record + Rec.receivedBlocks]! + 1;
    words[record + Rec.receivingUnits] = words[record + Rec.receivedUnits]! + (sizeOf(words, b) >>> 4);
    words[record + Rec.receiving] = b;
    words[record + Rec.receivingNext] = words[b + LINK]!;
    if (back) markCached(words, b);
    countReceived(words, record);
    if (back) take(b);
    words[record + Rec.receiving] = 0; // before the counts for the next block are noted
  }
});

/**
 * Whether the owner freed the block into its cache at the same time as another thread marked it. Then it is free already, and
 * nothing is to be done.
 */
function isLate(m: Int32Array, b: Block, record: number, secret: number): boolean {
  return (b & 3) === 2 && isOwned(m, b, record) && isCached(m, b as Block) && isIntact(m, b as Block, secret);
}

/** Whether the inbox has blocks. */
export function hasReturned(m: Int32Array, record: number): boolean {
  return m[record + Rec.inbox] !== 0 || m[record + Rec.receivingNext] !== 0;
}

/** Moves the list from `inbox` to `receivingNext`, which is written first: after a death in between it is in both. */
function takeList(window: Window, record: number): void {
  const m = window.words;
  for (;;) {
    const first = window.atomicLoad(record + Rec.inbox);
    m[record + Rec.receivingNext] = first;
    if (first === 0 || window.compareExchange(record + Rec.inbox, first, 0)) return;
  }
}

/**
 * Counts the block that is being processed. Stores the values noted before, so that it can be repeated after a death.
 */
function countReceived(m: Int32Array, record: number): void {
  m[record + Rec.receivedBlocks] = m[record + Rec.receivingBlocks]!;
  m[record + Rec.receivedUnits] = m[record + Rec.receivingUnits]!;
}

/**
 * Completes a drain that a dead or interrupted thread had begun. Its blocks are CACHED and in no list then: consolidation follows. The caller
 * has claimed the heap.
 */
export function recoverDrain(window: Window, record: number, secret: number): void {
  const m = window.words;
  const b = m[record + Rec.receiving]! as Block;
  if (b !== 0) {
    if (m[record + Rec.receivingNext] === b) m[record + Rec.receivingNext] = m[b + LINK]!;
    if (markAt(m, b, secret) !== 0) markCached(m, b); // else it may be coalesced already
    countReceived(m, record);
    m[record + Rec.receiving] = 0;
  }
  // If the inbox still contains the noted list, its head was noted and not taken.
  const remote = window.atomicLoad(record + Rec.inbox); // orders the links after it
  if (chainContains(m, record, remote, m[record + Rec.receivingNext]!, secret))
    m[record + Rec.receivingNext] = 0;
  drain(window, record, secret, () => {});
}

/**
 * Whether a chain of a thread that has died was sent to this inbox, by its first block and the mark of that thread. Looks while
 * nothing is drained: Rec.drains is even and stays the same.
 */
export function hasArrived(
  window: Window,
  threads: OsThreads,
  record: number,
  first: Block,
  mark: number,
  secret: number,
): boolean {
  const m = window.words;
  for (let waits = 0; waits < WAITS; waits++) {
    const drains = window.atomicLoad(record + Rec.drains);
    if ((drains & 1) === 0) {
      const found = listContains(window, record, first, secret) || !hasMark(m, first, record, mark, secret);
      // An exchange for the number that is there: on arm64 the reads above might be made after a mere load.
      if (window.compareExchange(record + Rec.drains, drains, drains)) return found;
    } else if (!isAlive(window, threads, m[record + Rec.entry]!)) {
      return deadOwnerHas(window, record, first, mark, secret);
    } else {
      threads.waitOn(window.addressOf(record + Rec.drains), drains, WAIT);
    }
  }
  return true; // the owner is suspended in a drain: losing a chain is better than freeing it twice
}

/** Whether a block has a mark still. Memory that its owner took back, and gave up since, has none. */
function hasMark(m: Int32Array, b: Block, record: number, mark: number, secret: number): boolean {
  return isOwned(m, b, record) && markAt(m, b, secret) === mark;
}

/** Whether the chain was sent to an owner that died in a drain. */
function deadOwnerHas(window: Window, record: number, first: Block, mark: number, secret: number): boolean {
  const m = window.words;
  return (
    !hasMark(m, first, record, mark, secret) ||
    m[record + Rec.receiving] === first ||
    listContains(window, record, first, secret)
  );
}

/** Whether the inbox, or what was taken from it, contains the block. */
export function listContains(window: Window, record: number, block: number, secret: number): boolean {
  // Each load orders the links after the head that leads to them.
  return [Rec.inbox, Rec.receivingNext].some((head) =>
    chainContains(window.words, record, window.atomicLoad(record + head), block, secret),
  );
}

function chainContains(m: Int32Array, record: number, first: number, block: number, secret: number): boolean {
  let b = first;
  for (let left = LONGEST_LIST; b !== 0 && left > 0; left--) {
    if (b === block) return true;
    if (!isMarkedBlock(m, b, record, secret)) return false;
    b = m[b + LINK]!;
  }
  return false;
}

export function isMarkedBlock(m: Int32Array, b: number, record: number, secret: number): boolean {
  return (b & 3) === 2 && isOwned(m, b, record) && markAt(m, b as Block, secret) !== 0;
}
