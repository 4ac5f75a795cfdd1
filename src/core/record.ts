/**
 * The heap record: the whole state of one thread's heap, in raw memory at the start of its first segment.
 *
 * Owns the picture and the names of its words. Whoever has the index of a record can take the heap over.
 *
 *   record + 0      the words below
 *   record + 64     cache (aligned to 64 words)
 *   …               bins
 *   …               first block
 */
import { BINS_WORDS, initializeBins } from "./bins.js";
import { CACHE_WORDS, initializeCache } from "./cache.js";

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
} as const;

const CACHE_AT = 64;
const BINS_AT = CACHE_AT + CACHE_WORDS;
export const RECORD_WORDS = BINS_AT + BINS_WORDS;

export function cacheOf(record: number): number {
  return record + CACHE_AT;
}

export function binsOf(record: number): number {
  return record + BINS_AT;
}

/** Makes the record of an empty heap in zeroed memory. */
export function initializeRecord(m: Int32Array, record: number): void {
  initializeCache(m, cacheOf(record));
  initializeBins(m, binsOf(record));
}
