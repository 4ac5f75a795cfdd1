/**
 * The cache: freed blocks of up to 9 KiB, by exact size, ready for the next request of that size.
 *
 * Owns a LIFO list for each size, linked through the headers of the blocks (see block.ts), and how many blocks each holds. Like
 * dlmalloc's fastbins and glibc's tcache. Must not know coalescing, or when the cache is consolidated. The lists are an index
 * over CACHED headers: recovery drops them and walks the headers.
 *
 *   at + 0     lists     4 words for each size in units of 16 bytes, so that a size / 4 is where its list lies:
 *        + 0     head      first block of the list, 0 when it is empty
 *        + 1     left      how many more blocks it may take before free() checks the size of the whole cache
 *        + 2     granted   what `left` was when the list was empty: granted - left blocks are in it
 *
 * Lists of zeroes are empty and full at once: CLOSED_LISTS of the control block.
 *
 * A thread may be interrupted between two stores and take the fast paths again before the heap is recovered. So after each store
 * a list holds CACHED blocks of its size only, each of them once.
 */
import { isCached, linkOf, linkTo, MIN_BLOCK, sizeOf, UNIT_BYTES } from "../block/block.js";
import { listOverwritten } from "../block/damage.js";
import { CLOSED_WORDS, isOwned } from "../memory/control.js";
import { type Block, WORD_BYTES } from "../memory/memory.js";

/** Largest size that is cached, in bytes and in units: two pages, and a program's own header in front of them. */
export const MAX_CACHED = 9216;
export const CACHED_UNITS = MAX_CACHED / UNIT_BYTES;
const LIST_WORDS = 4;
export const LEFT = 1;
const GRANTED = 2;
/** Words that the cache of one heap takes. */
export const CACHE_WORDS = LIST_WORDS * (CACHED_UNITS + 1);
/** Bytes by which one list may grow before free() checks the size of the whole cache. */
const GRANT_BYTES = 64 * 1024;

/** Empties all lists; the headers of what they held still say CACHED. */
export function initializeCache(m: Int32Array, at: number): void {
  for (let units = 0; units <= CACHED_UNITS; units++) setList(m, at, units, 0, 0);
}

/** Sets the head of a list and how many blocks it holds, and lets it take some more. */
export function setList(m: Int32Array, at: number, units: number, head: number, count: number): void {
  const more = units * UNIT_BYTES < MIN_BLOCK ? 0 : (GRANT_BYTES / (units * UNIT_BYTES)) | 0;
  const list = at + units * LIST_WORDS;
  m[list] = head;
  m[list + LEFT] = more;
  m[list + GRANTED] = more + count;
}

/** Lets a list take some more blocks. */
export function grantMore(m: Int32Array, at: number, units: number): void {
  setList(m, at, units, m[at + units * LIST_WORDS]!, countOf(m, at, units));
}

/** How many blocks a list holds. */
export function countOf(m: Int32Array, at: number, units: number): number {
  const list = at + units * LIST_WORDS;
  return m[list + GRANTED]! - m[list + LEFT]!;
}

/** Units in all lists. */
export function cachedUnits(m: Int32Array, at: number): number {
  let sum = 0;
  for (let units = MIN_BLOCK / UNIT_BYTES; units <= CACHED_UNITS; units++)
    sum += countOf(m, at, units) * units;
  return sum;
}

/** The first block of a list. */
export function headOf(m: Int32Array, at: number, units: number): Block {
  return m[at + units * LIST_WORDS]! as Block;
}

/** Pushes a chain of CACHED blocks from `first` on; its last block is linked to the head of the list. */
export function pushMany(m: Int32Array, at: number, units: number, first: Block, count: number): void {
  const list = at + units * LIST_WORDS;
  m[list] = first;
  m[list + LEFT] = m[list + LEFT]! - count;
}

/** Pushes a CACHED block of at most MAX_CACHED bytes. */
export function push(m: Int32Array, at: number, b: Block): void {
  const list = at + (sizeOf(m, b) >>> 2);
  linkTo(m, b, m[list]!);
  m[list] = b;
  m[list + LEFT] = m[list + LEFT]! - 1;
}

/**
 * Pops a block; 0 when the list is empty. Throws ERR_HEAP_CORRUPT, and drops the list, when its head is no cached block of this
 * heap and size. The next consolidation finds the dropped blocks by their headers.
 */
export function pop(m: Int32Array, at: number, units: number, record: number): Block {
  const list = at + units * LIST_WORDS;
  const b = m[list]! as Block;
  if (b === 0) return b;
  if (!isOwned(m, b, record) || !isCached(m, b) || sizeOf(m, b) !== units << 4) {
    setList(m, at, units, 0, 0);
    throw listOverwritten(m, b, record);
  }
  m[list] = linkOf(m, b);
  m[list + LEFT] = m[list + LEFT]! + 1;
  return b;
}

/**
 * Calls `visit` for every block of the list from `head` on, before the block is read: `visit` throws if it is none of the
 * heap's. Stops after `atMost` blocks: overwritten links may form a cycle.
 */
export function forEachCached(m: Int32Array, head: Block, atMost: number, visit: (b: Block) => void): void {
  let left = atMost;
  for (let b = head; b !== 0 && left > 0; b = linkOf(m, b) as Block, left--) {
    visit(b);
  }
}

if (CACHE_WORDS > CLOSED_WORDS) throw new Error("cache: some list cannot be closed");
if (LIST_WORDS * WORD_BYTES !== UNIT_BYTES) throw new Error("cache: a list does not lie where its size says");
