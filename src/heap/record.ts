/**
 * The heap record: the whole state of one heap, in raw memory at the start of its first segment.
 *
 * Owns its layout; the single words are in record-words.ts. The word index of the record is all that an adopter needs.
 *
 *   record + 0      words of the thread that has the heap
 *   record + 32     words that other threads write or read, on a cache line of their own
 *   record + 64     outbox: blocks of other heaps that were freed here (see remote.ts)
 *   record + 128    cache
 *   …               small bins
 *   …               bins
 *   …               first block
 */
import { BINS_WORDS, initializeBins } from "../block/bins.js";
import { HEADER_BYTES, WORD_BYTES } from "../memory/memory.js";
import * as Rec from "../memory/record-words.js";
import { CACHE_WORDS, initializeCache } from "./cache.js";
import { initializeSmallBins, SMALL_BINS_WORDS } from "./small-bins.js";

export { Rec };

const SMALL_BINS_AT = Rec.cache + CACHE_WORDS;
const BINS_AT = SMALL_BINS_AT + SMALL_BINS_WORDS;
export const RECORD_WORDS = BINS_AT + BINS_WORDS;

/** Words from a record to the first block of its segment. */
export const FIRST_BLOCK = Math.ceil(RECORD_WORDS / 4) * 4 + HEADER_BYTES / WORD_BYTES;

export function cacheOf(record: number): number {
  return record + Rec.cache;
}

export function smallBinsOf(record: number): number {
  return record + SMALL_BINS_AT;
}

export function binsOf(record: number): number {
  return record + BINS_AT;
}

const INDEX_COUNTS = [Rec.victim, Rec.uncoalescable, Rec.freeBlocks, Rec.freeUnits, Rec.purgedPages] as const;

/** Empties cache and bins without touching a block: the headers still say CACHED and FREE. */
export function initializeIndex(m: Int32Array, record: number): void {
  initializeCache(m, cacheOf(record));
  initializeSmallBins(m, smallBinsOf(record));
  initializeBins(m, binsOf(record));
  for (const word of INDEX_COUNTS) m[record + word] = 0;
}
