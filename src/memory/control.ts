/**
 * The control block: the state that all threads of the process share.
 *
 * Owns the layout below; single words are in control-words.ts. Must not know when they change.
 *
 *   chunks 0 and 1 of the window; the kernel has pages for what was stored only:
 *
 *   word      0   CONTROL      settings, cursors, counters
 *            64   LOCK         the lock, on a cache line of its own
 *            96   ADOPTION     the mutex under which heaps are claimed, on another
 *           128   PENDING      the change that the holder of the lock has begun
 *          1024   OWNERS       one word per chunk of the zone: the heap record that owns it, 0 for none
 *          5120   WAITERS      4 words per asynchronous waiter (see waiters.ts)
 *          7168   KEPT         one bit per chunk: mapped for good, since a segment was there (see vacant.ts)
 *          7296   VACANT       one bit per chunk: kept, and nobody's
 *          8192   SEGMENTS     4 words per segment: start, end, owner, spare
 *         32768   HEAPS        32 words per heap, whether its thread lives or not (see heaps.ts)
 *         65536   MAPPINGS     2 words per large block, ascending: page of the mapping, pages in it (see mappings.ts)
 *        163840   MAPPINGS     a second such table: live entries are copied from one to the other to drop freed ones
 *        262144   CLOSED_LISTS zeroes, never written
 *        393216   PAGES        one byte per page of the first 2 GiB: 255 where it is mapped (see mapped-pages.ts)
 *        524288   end: the first segment starts here
 *
 * A chunk has one owner, and all of an owned chunk is mapped: reading a word of it never faults. So one word per chunk
 * tells both a wild pointer and another thread's block.
 *
 * Written under the lock: PENDING, OWNERS, KEPT, VACANT, SEGMENTS, MAPPINGS, PAGES, and the cursors and counters of CONTROL. Written
 * under ADOPTION: HEAPS, and OWNERS again, with the same values, by who adopts a heap. Settings are written before the
 * first allocation; a dynamic mmapThreshold changes later, under the lock. peakPages changes by compareExchange,
 * churnCredit and churnOthers without the lock. Any thread reads all of it.
 */
import { WORD_BYTES, ZONE_LIMIT } from "./memory.js";

export * as Control from "./control-words.js";

/** Segments consist of whole chunks. */
export const CHUNK_BYTES = 2 ** 20;
export const CHUNK_WORDS = CHUNK_BYTES / WORD_BYTES;
/** `byte offset >>> CHUNK_SHIFT` is the chunk. */
export const CHUNK_SHIFT = 20;
export const CHUNKS = ZONE_LIMIT / CHUNK_BYTES;
export const WORD_CHUNK_SHIFT = CHUNK_SHIFT - 2;
const ZONE_WORDS = ZONE_LIMIT / WORD_BYTES;

export const OWNERS = 1024;
export const WAITERS = 5120;
export const WAITER_WORDS = 4;
/** Asynchronous waiters at the same time, in all threads. */
export const MAX_WAITERS = 512;
export const KEPT = 7168;
export const VACANT = 7296;
export const SEGMENTS = 8192;
export const SEGMENT_WORDS = 4;
export const SEGMENT_START = 0;
export const SEGMENT_END = 1;
export const SEGMENT_OWNER = 2;
export const MAX_SEGMENTS = CHUNKS;
export const HEAPS = 32768;
/** Two cache lines per heap, for processors fetch lines in pairs. */
export const HEAP_WORDS = 32;
/** Threads that can have a heap at the same time. */
export const MAX_HEAPS = 1024;
/** The first of the two tables. */
export const MAPPINGS = 65536;
/** Per table, one for each large block. Three quarters of vm.max_map_count: the rest of the process needs mappings too. */
export const MAPPING_ENTRIES = 49152;
export const MAPPING_WORDS = 2 * MAPPING_ENTRIES;
/** Never written. As lists of a cache, these are empty and take no block. */
export const CLOSED_LISTS = MAPPINGS + 2 * MAPPING_WORDS;
export const CLOSED_WORDS = 4096;
/** One byte per page of 4 KiB below 2 GiB, to the end of the control block. */
export const PAGES = 393216;
export const CONTROL_CHUNKS = 2;
export const CONTROL_BYTES = CONTROL_CHUNKS * CHUNK_BYTES;

/** Changes that a thread may die in, under the lock. Each name says what has been done. */
export const Pending = {
  nothing: 0,
  chunksTaken: 1,
  chunksTakenToExtend: 2,
  chunksMapped: 3,
  chunksVacated: 4,
  mapped: 5,
  unmapping: 6,
  remapped: 7,
  unmapped: 8,
  slackChanged: 9,
} as const;

export const NO_LIMIT = 0x7fffffff;

/**
 * Whether a word belongs to the heap of that record. Then it is mapped, and no other thread writes headers there. `word`
 * may be any number: links that a program may have overwritten are tested before they are followed.
 */
export function isOwned(m: Int32Array, word: number, record: number): boolean {
  if (word >>> 0 >= ZONE_WORDS) return false;
  return m[OWNERS + (word >>> WORD_CHUNK_SHIFT)] === record;
}

/** The record of the heap that owns the chunk of a word in the zone; 0 for nobody. */
export function ownerOfWord(m: Int32Array, word: number): number {
  return m[OWNERS + (word >>> WORD_CHUNK_SHIFT)]!;
}

/** The word where the first block of a segment lies. */
export function segmentStart(m: Int32Array, id: number): number {
  return m[SEGMENTS + id * SEGMENT_WORDS + SEGMENT_START]!;
}

/** The word after the segment's last one. */
export function segmentEnd(m: Int32Array, id: number): number {
  return m[SEGMENTS + id * SEGMENT_WORDS + SEGMENT_END]!;
}

/** The record of the heap that owns the segment. */
export function segmentOwner(m: Int32Array, id: number): number {
  return m[SEGMENTS + id * SEGMENT_WORDS + SEGMENT_OWNER]!;
}

if (OWNERS + CHUNKS > WAITERS || WAITERS + MAX_WAITERS * WAITER_WORDS > KEPT)
  throw new Error("control: table of waiters overlaps others");
if (KEPT + CHUNKS / 32 > VACANT || VACANT + CHUNKS / 32 > SEGMENTS)
  throw new Error("control: bits of chunks overlap others");
if (SEGMENTS + MAX_SEGMENTS * SEGMENT_WORDS > HEAPS) throw new Error("control: segment table overlaps heaps");
if (HEAPS + MAX_HEAPS * HEAP_WORDS > MAPPINGS) throw new Error("control: table of heaps overlaps mappings");
if (CLOSED_LISTS + CLOSED_WORDS > PAGES) throw new Error("control: closed lists overlap the table of pages");
if (CHUNK_BYTES !== 2 ** CHUNK_SHIFT) throw new Error("control: chunk shift and size disagree");
