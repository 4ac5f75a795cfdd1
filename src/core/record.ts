/**
 * The heap record: the whole state of one thread's heap, in raw memory at the start of its first segment.
 *
 * Owns the picture; its single words are in record-words.ts. Whoever has the index of a record can take the heap over.
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

export * as Rec from "./record-words.js";

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
