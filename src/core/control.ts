/**
 * The control block: what all threads of the process share, by name.
 *
 * Owns the picture below; the indices of its single words are in control-words.ts. Must not know when they change.
 *
 *   chunks 0 and 1 of the window, touched only where something is stored:
 *
 *   word      0   CONTROL      settings, cursors, counters: the named words below
 *            64   LOCK         the lock, on a cache line that nothing else is on
 *            96   ADOPTION     the mutex under which heaps change hands, the same
 *           128   PENDING      what the holder of the lock is in the middle of
 *          1024   OWNERS       one word per chunk of the zone: the heap record that owns it, 0 for nobody
 *          8192   SEGMENTS     4 words per segment: start, end, owner, spare
 *         32768   HEAPS        32 words per heap, whether its thread lives or not (see heaps.ts)
 *         65536   MAPPINGS     2 words per large block: page of the mapping, pages in it (hash table)
 *        196608   MAPPINGS     a second such table: the live entries move from one to the other to drop freed ones
 *        524288   end: the first segment starts here
 *
 * A chunk is owned whole, and a chunk with an owner is mapped whole: reading a word of it never faults. That
 * one word per chunk is therefore both the test for a wild pointer and, between threads, the test whose it is.
 *
 * Written under the lock: PENDING, OWNERS, SEGMENTS, MAPPINGS, and of CONTROL the cursors and counters; who takes a heap over
 * writes its OWNERS again, to what they are already, under ADOPTION. HEAPS and their number are written under that, too.
 * Settings are written before the first allocation; a dynamic mmapThreshold rises later, under the lock, and trimPages
 * with it. peakPages is raised by compareExchange. Everybody reads everything.
 */
import { WORD_BYTES, ZONE_LIMIT } from "./memory.js";

export * as Control from "./control-words.js";

/** Bytes per chunk: the step in which segments take address space. */
export const CHUNK_BYTES = 2 ** 20;
export const CHUNK_WORDS = CHUNK_BYTES / WORD_BYTES;
/** `byte offset >>> CHUNK_SHIFT` is the chunk. */
export const CHUNK_SHIFT = 20;
export const CHUNKS = ZONE_LIMIT / CHUNK_BYTES;
const WORD_CHUNK_SHIFT = CHUNK_SHIFT - 2;
const ZONE_WORDS = ZONE_LIMIT / WORD_BYTES;

export const OWNERS = 1024;
export const SEGMENTS = 8192;
export const SEGMENT_WORDS = 4;
export const SEGMENT_START = 0;
export const SEGMENT_END = 1;
export const SEGMENT_OWNER = 2;
export const MAX_SEGMENTS = CHUNKS;
export const HEAPS = 32768;
/** Words per heap in the table: two cache lines, for processors fetch lines in pairs. */
export const HEAP_WORDS = 32;
/** Threads that can have a heap at the same time. */
export const MAX_HEAPS = 1024;
/** The two tables. */
export const MAPPINGS = 65536;
/** A power of two; at most three quarters of the entries are used. */
export const MAPPING_ENTRIES = 65536;
export const MAPPING_WORDS = 2 * MAPPING_ENTRIES;
export const CONTROL_CHUNKS = 2;
export const CONTROL_BYTES = CONTROL_CHUNKS * CHUNK_BYTES;

/** What can be left unfinished under the lock. The names say what is true already. */
export const Pending = {
  nothing: 0,
  chunksTaken: 1,
  chunksTakenToExtend: 2,
  mapped: 3,
  unmapping: 4,
  remapped: 5,
  unmapped: 6,
} as const;

export const NO_LIMIT = 0x7fffffff;

/**
 * Whether a word belongs to the heap of that record: then it is mapped, and no other thread writes headers there. For
 * any number: what comes out of memory that users can overwrite is tested with it before it is followed.
 */
export function isOwned(m: Int32Array, word: number, record: number): boolean {
  if (word >>> 0 >= ZONE_WORDS) return false;
  return m[OWNERS + (word >>> WORD_CHUNK_SHIFT)] === record;
}

/** The record of the heap that owns the chunk of a word in the zone; 0 for nobody. */
export function ownerOfWord(m: Int32Array, word: number): number {
  return m[OWNERS + (word >>> WORD_CHUNK_SHIFT)]!;
}

if (SEGMENTS + MAX_SEGMENTS * SEGMENT_WORDS > HEAPS) throw new Error("control: segment table overlaps heaps");
if (HEAPS + MAX_HEAPS * HEAP_WORDS > MAPPINGS) throw new Error("control: table of heaps overlaps mappings");
if ((MAPPINGS + 2 * MAPPING_WORDS) * WORD_BYTES > CONTROL_BYTES)
  throw new Error("control: larger than its chunks");
if (CHUNK_BYTES !== 2 ** CHUNK_SHIFT) throw new Error("control: chunk shift and size disagree");
