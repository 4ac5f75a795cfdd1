/**
 * The heap record: the whole state of one thread's heap, in raw memory at the start of its first segment.
 *
 * Owns the picture and the names of its words. Whoever has the index of a record can take the heap over.
 *
 *   record + 0      words of the thread that has the heap
 *   record + 32     words that other threads write or read, on a cache line of their own
 *   record + 64     outbox: blocks of other heaps that were freed here (see remote.ts)
 *   record + 128    cache (aligned to 64 words)
 *   …               bins
 *   …               first block
 */
import { BINS_WORDS, initializeBins } from "./bins.js";
import { CACHE_WORDS, initializeCache, STACK_WORDS } from "./cache.js";
import { initializeHot } from "./hot.js";
import { HEADER_BYTES, WORD_BYTES } from "./memory.js";

/** Words of a heap record, relative to it. */
export const Rec = {
  /** The active segment: the one that is carved. */
  segment: 0,
  /** First word of the wilderness: every block of the active segment lies below. */
  top: 1,
  /** First word never touched, as of when top was last lowered: the true one is max(high, top). */
  high: 2,
  /** End of what is charged; top goes no further without asking. A multiple of the page size. */
  commit: 3,
  /** Blocks in bins, and their bytes / 16. */
  freeBlocks: 4,
  freeUnits: 5,
  /** Blocks between the starts of the heap's segments and their ends, in any state. */
  blocks: 6,
  splits: 7,
  mergesForward: 8,
  mergesBackward: 9,
  /** Bytes / 16 that were joined into large free runs since memory was last given back. */
  loose: 10,
  /** Pages inside free blocks that were given back. */
  gonePages: 12,
  /** Bytes / 16 between the starts and the fences of the segments that were closed. */
  closedUnits: 13,
  /** Bytes / 16 of the cached blocks that are in lists. */
  spilledUnits: 14,
  /** The same blocks counted. */
  spilledBlocks: 15,
  /** Pages charged to the heap: committed parts of its segments, less what was given back. */
  charged: 16,
  /** How often memory was given back. */
  trims: 17,
  /** Blocks of other heaps freed here, since the process began, and their bytes / 16; wrap around. */
  sentBlocks: 18,
  sentUnits: 19,
  /** Blocks of this heap freed elsewhere that came back, in the same units. */
  receivedBlocks: 20,
  receivedUnits: 21,
  /** A block of another heap that is being freed here; 0 otherwise. */
  sending: 22,
  /** The block that is being taken back; 0 otherwise. */
  receiving: 23,
  /** The blocks after it in the list that was taken from `remote`. */
  received: 24,
  /** What receivedBlocks and receivedUnits are when that block is back; valid while there is one. */
  receivingBlocks: 25,
  receivingUnits: 26,
  /** 1 while an update is under way in the heap, or was broken off: it must be put in order before it is used. */
  torn: 27,
  /** A live block that is moving down into the free one below; 0 otherwise. */
  moving: 28,
  /** The block below and its size word, as they were; valid while there is one. */
  movingBelow: 29,
  movingLow: 30,

  /** First block of the list of blocks freed by other threads. Anybody pushes, the owner takes all. */
  remote: 32,
  /** Odd while the owner takes the list apart. Only the owner writes it. */
  drains: 33,
  /** The heap's entry in the table of heaps; never changes. */
  entry: 48,
} as const;

export const OUTBOX = 64;
export const CACHE_AT = 128;
const BINS_AT = CACHE_AT + CACHE_WORDS;
export const RECORD_WORDS = BINS_AT + BINS_WORDS;

/** Words from a record to the first block of its segment. */
export const FIRST_BLOCK = Math.ceil(RECORD_WORDS / 4) * 4 + HEADER_BYTES / WORD_BYTES;

export function cacheOf(record: number): number {
  return record + CACHE_AT;
}

export function binsOf(record: number): number {
  return record + BINS_AT;
}

/** Empties cache and bins, whatever they held. */
export function initializeIndex(m: Int32Array, record: number): void {
  initializeCache(m, cacheOf(record));
  initializeHot(m, cacheOf(record));
  initializeBins(m, binsOf(record));
}

if (CACHE_AT % STACK_WORDS !== 0)
  throw new Error("record: the cache's stacks would not end where one mask finds it");
