/**
 * Taking back the blocks of a heap that other threads freed.
 *
 * Owns the list of each heap from the side of its owner, and finishing what a dead owner had begun. Must not know joining
 * or caches: what came back is handed to a function. How blocks get into the list is remote.ts's.
 *
 *   Rec.inbox     the list that others push to, linked by word 2 of each block
 *   Rec.receivingNext   what was taken from it and is not taken apart yet
 *   Rec.receiving  the block in hand
 *   Rec.drains     odd while that goes on: who wants to know what is in the lists waits, or looks again
 */

import { isCached, isIntact, markAt, markCached, sizeOf } from "../block/block.js";
import { returnedOverwritten } from "../block/damage.js";
import { isOwned } from "../memory/control.js";
import { type Block, oncePerWords, type Window } from "../memory/memory.js";
import * as Rec from "../memory/record-words.js";

/** The word of a block that leads to the next in a list. */
export const LINK = 2;
/** How long a list is followed before it is taken to be bent. */
const LONGEST_LIST = 2 ** 28;

/**
 * Takes back what other threads freed: calls `take` for each block, which is cached then, in no stack, and unmarked.
 * Throws ERR_HEAP_CORRUPT when a freed block was written to so that the list leads nowhere; the rest of it is lost.
 */
export function drain(window: Window, record: number, secret: number, take: (b: Block) => void): void {
  const m = window.words;
  // Orders the odd number before the first mark that is removed, for settleChain(): an atomic load is not done before an
  // earlier atomic store, and nothing that stands below before it.
  window.atomicStore(record + Rec.drains, m[record + Rec.drains]! | 1);
  window.atomicLoad(record + Rec.drains);
  // Orders the links before they are followed.
  if (m[record + Rec.receivingNext] === 0) takeList(window, record);
  try {
    takeApart(m)(record, secret, take);
  } finally {
    m[record + Rec.receiving] = 0;
    // Orders the end of all that after it, for settleChain().
    window.atomicStore(record + Rec.drains, m[record + Rec.drains]! + 1);
  }
}

/** Block by block. A closure over the words: V8 folds them and where they lie into the code. */
const takeApart = oncePerWords((m) => (record: number, secret: number, take: (b: Block) => void): void => {
  const words = m; // named outside the loop: inside, V8 looks at an access before it knows what `m` is
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
    words[record + Rec.receiving] = 0; // before the next one's counts are noted
  }
});

/**
 * Whether the owner freed the block too, in the very moment in which another thread marked it, and has it in its cache:
 * then it is free already, and what came back is only its mark.
 */
function isLate(m: Int32Array, b: Block, record: number, secret: number): boolean {
  return (b & 3) === 2 && isOwned(m, b, record) && isCached(m, b as Block) && isIntact(m, b as Block, secret);
}

/** Whether there is something to take back. */
export function hasReturned(m: Int32Array, record: number): boolean {
  return m[record + Rec.inbox] !== 0 || m[record + Rec.receivingNext] !== 0;
}

/** Moves the list from `inbox` to `receivingNext`, by way of a note: who dies in between leaves it in one of them. */
function takeList(window: Window, record: number): void {
  const m = window.words;
  for (;;) {
    const first = window.atomicLoad(record + Rec.inbox);
    m[record + Rec.receivingNext] = first;
    if (first === 0 || window.compareExchange(record + Rec.inbox, first, 0)) return;
  }
}

/**
 * Counts the block in hand, whose mark was removed: it is this heap's again. It is counted as was noted, so that a thread
 * that takes over in the middle does all of it again.
 */
function countReceived(m: Int32Array, record: number): void {
  m[record + Rec.receivedBlocks] = m[record + Rec.receivingBlocks]!;
  m[record + Rec.receivedUnits] = m[record + Rec.receivingUnits]!;
}

/**
 * Finishes a drain that a dead thread had begun. Blocks come out marked CACHED and in no list: the headers are about to
 * be swept. The caller has claimed the heap.
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
  // Noted, but not taken: then the list still contains it.
  const remote = window.atomicLoad(record + Rec.inbox); // orders the links after it
  if (chainContains(m, record, remote, m[record + Rec.receivingNext]!, secret))
    m[record + Rec.receivingNext] = 0;
  drain(window, record, secret, () => {});
}

/** Whether a heap's lists hold the block. */
export function listContains(window: Window, record: number, block: number, secret: number): boolean {
  // Each orders the links after the head that leads to them: whoever put it there had seen or stored them all.
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
