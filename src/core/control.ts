/**
 * The control block: what all threads of the process share, by name.
 *
 * Owns the picture below and the word indices in it. Must not know when they change.
 *
 *   chunk 0 of the window, 1 MiB, touched only where something is stored:
 *
 *   word      0   CONTROL      settings, cursors, counters: the named words below
 *          1024   OWNERS       one word per chunk of the zone: the heap record that owns it, 0 for nobody
 *          8192   SEGMENTS     4 words per segment: start, end, owner, spare
 *         65536   MAPPINGS     2 words per large block: page of the mapping, pages in it (hash table)
 *        262144   end: the first segment starts here
 *
 * A chunk is owned whole, and a chunk with an owner is mapped whole: reading a word of it never faults. That
 * one word per chunk is therefore both the test for a wild pointer and, between threads, the test whose it is.
 */
import { WORD_BYTES, ZONE_LIMIT } from "./memory.js";

/** Bytes per chunk: the step in which segments take address space. */
export const CHUNK_BYTES = 2 ** 20;
export const CHUNK_WORDS = CHUNK_BYTES / WORD_BYTES;
/** `byte offset >>> CHUNK_SHIFT` is the chunk. */
export const CHUNK_SHIFT = 20;
export const CHUNKS = ZONE_LIMIT / CHUNK_BYTES;
const WORD_CHUNK_SHIFT = CHUNK_SHIFT - 2;
const ZONE_WORDS = ZONE_LIMIT / WORD_BYTES;

export const OWNERS = 1024;
/** The same by a name that V8 folds: an exported constant is loaded from its cell. */
const owners = OWNERS;
export const SEGMENTS = 8192;
export const SEGMENT_WORDS = 4;
export const SEGMENT_START = 0;
export const SEGMENT_END = 1;
export const SEGMENT_OWNER = 2;
export const MAX_SEGMENTS = CHUNKS;
export const MAPPINGS = 65536;
/** A power of two; at most three quarters of the entries are used. */
export const MAPPING_ENTRIES = 65536;
export const CONTROL_BYTES = CHUNK_BYTES;

/** Words of the control block. Written in slow paths only. */
export const Control = {
  /** MAGIC once everything else is set up. */
  magic: 0,
  /** Random per process; mixed into every header's check word. Its top bit is set, so no check word is 0. */
  secret: 1,
  /** Bytes per page. */
  pageSize: 2,
  /** First chunk of the sbrk range never handed out. */
  nextChunk: 4,
  /** First chunk that the range taken with sbrk does not reach; 0 when there is no such range. */
  breakChunks: 5,
  /** Segments in the table. */
  segments: 6,
  /** Pages charged: committed parts of segments and large blocks, less what was given back. */
  chargedPages: 7,
  /** Highest footprint seen when it was about to fall, in pages. */
  peakPages: 8,
  /** Cap on chargedPages; NO_LIMIT when there is none. */
  limitPages: 9,
  /** Requests of more bytes than this get a mapping of their own. */
  mmapThreshold: 10,
  /** 1 while freeing a large block raises mmapThreshold. */
  thresholdRises: 11,
  /** Free, touched, joined pages that make the heap give memory back by itself. */
  trimPages: 12,
  /** Where the next large block is tried, and the end of the gap it is in, in pages from the window's base. */
  largeNext: 13,
  largeGapEnd: 14,
  /** Large blocks live, and the pages of their mappings. */
  largeCount: 15,
  largePages: 16,
  /** Counts since the process began. */
  grows: 17,
  mmaps: 18,
  munmaps: 19,
  mremaps: 20,
  trims: 21,
  /** First chunk to try when a segment has to be mapped. */
  nextMapped: 22,
  /** First and one past the last page of the part of the window that large blocks are placed in. */
  largeFirst: 23,
  largeLimit: 24,
  /** Entries of the mappings table that are not empty, freed ones included. */
  mappingsUsed: 25,
  /** Bytes / 16 in front of the payloads of large blocks. */
  largeFront: 26,
} as const;

export const MAGIC = 0x68656170;
export const NO_LIMIT = 0x7fffffff;

/**
 * Whether a word belongs to the heap of that record: then it is mapped, and no other thread writes headers there. For
 * any number: what comes out of memory that users can overwrite is tested with it before it is followed.
 */
export function isOwned(m: Int32Array, word: number, record: number): boolean {
  return word >>> 0 < ZONE_WORDS && m[owners + (word >>> WORD_CHUNK_SHIFT)] === record;
}

if (SEGMENTS + MAX_SEGMENTS * SEGMENT_WORDS > MAPPINGS)
  throw new Error("control: segment table overlaps mappings");
if ((MAPPINGS + MAPPING_ENTRIES * 2) * WORD_BYTES > CONTROL_BYTES)
  throw new Error("control: larger than a chunk");
if (CHUNK_BYTES !== 2 ** CHUNK_SHIFT) throw new Error("control: chunk shift and size disagree");
