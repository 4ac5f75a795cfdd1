/**
 * The cache: small freed blocks, by exact size, ready for the next request of that size.
 *
 * Owns one stack of blocks per size up to MAX_CACHED bytes. Must not know joining, or what becomes of the blocks that a
 * full stack spills. The stacks are an index over CACHED headers: whoever takes over the heap can forget them and walk
 * the headers.
 *
 *   at + 0      tops          word index one above the top entry of each stack, by size in 16-byte units
 *   at + 128    closed tops   the same, every stack closed
 *   at + 256    bottoms       word index of the lowest entry of each stack
 *   at + 384    spilled       first bundle of each list of spilled blocks, 0 when it is empty
 *   at + 512    stacks        64 words each, aligned to 64 words
 *
 *   one stack:  | … unused … | 0 | entry | entry | (free) … | (end: a multiple of 64)
 *                              ^sentinel       ^top          ^capacity
 *
 * The place below the lowest entry holds 0, and the capacity ends where `top & 63` is 0: so one load tells whether
 * there is an entry, and one mask whether there is room, with no count and no limit to look up. A closed stack is
 * empty and full at once.
 *
 * Entries of a stack are kept there and not as links in the blocks' own payload: taking one then touches no memory
 * but the header, and a program that writes into a freed block cannot lead the next malloc astray.
 */
import { GRAIN, MIN_BLOCK } from "./block.js";
import type { Block } from "./memory.js";

const STACK_WORDS = 64;
export const STACK_MASK = STACK_WORDS - 1;
/** Largest cached block in 16-byte units, and in bytes. */
export const CACHED_UNITS = 64;
export const MAX_CACHED = CACHED_UNITS * GRAIN;
const CLOSED = 128;
export const BOTTOMS = 256;
export const SPILLED = 384;
const STACKS = 512;
/** Words that the cache of one heap takes; it must start at a multiple of 64. */
export const CACHE_WORDS = STACKS + (CACHED_UNITS + 1) * STACK_WORDS;
/**
 * Bytes that one stack may keep: enough that a burst of frees and mallocs stays inside, little beside a heap. With 8 KiB, the
 * random and calloc benches took 10 % longer; with 32 KiB they take less still, but larson's peak grows by 6 %.
 */
const BYTES_PER_STACK = 12288;
/** Entries that a stack holds at least. */
const FEWEST = 8;

/** Entries that the stack for blocks of `units` may hold; none for sizes that do not exist. */
export function capacityOf(units: number): number {
  if (units * GRAIN < MIN_BLOCK || units > CACHED_UNITS) return 0;
  return Math.min(STACK_WORDS - 1, Math.max(FEWEST, Math.floor(BYTES_PER_STACK / (units * GRAIN))));
}

/** The same, from the tables. */
export function roomOf(m: Int32Array, at: number, units: number): number {
  return at + STACKS + (units + 1) * STACK_WORDS - m[at + BOTTOMS + units]!;
}

export function initializeCache(m: Int32Array, at: number): void {
  for (let units = 0; units <= CACHED_UNITS; units++) {
    const end = at + STACKS + (units + 1) * STACK_WORDS;
    const bottom = end - capacityOf(units);
    m[bottom - 1] = 0;
    m[at + units] = bottom;
    m[at + BOTTOMS + units] = bottom;
    m[at + SPILLED + units] = 0;
    m[at + CLOSED + units] = at + STACKS + STACK_WORDS; // the stack for size 0: no entry, no room
  }
}

/** The table of tops under which every stack is empty and full. */
export function closedTops(at: number): number {
  return at + CLOSED;
}

/** Forgets all entries; their headers still say CACHED. */
export function emptyCache(m: Int32Array, at: number): void {
  for (let units = 0; units <= CACHED_UNITS; units++) {
    m[at + units] = m[at + BOTTOMS + units]!;
    m[at + SPILLED + units] = 0;
  }
}

/** Takes the entry put last; 0 when there is none. */
export function pop(m: Int32Array, tops: number, units: number): Block {
  const top = m[tops + units]! - 1;
  const b = m[top]!;
  if (b !== 0) m[tops + units] = top;
  return b as Block;
}

/** Whether there was room. */
export function push(m: Int32Array, tops: number, units: number, b: Block): boolean {
  const top = m[tops + units]!;
  if ((top & STACK_MASK) === 0) return false;
  m[top] = b;
  m[tops + units] = top + 1;
  return true;
}

export function isFull(m: Int32Array, tops: number, units: number): boolean {
  return (m[tops + units]! & STACK_MASK) === 0;
}

export function depthOf(m: Int32Array, at: number, units: number): number {
  return m[at + units]! - m[at + BOTTOMS + units]!;
}

/** Entry `i` of a stack, counted from its bottom. */
export function entryOf(m: Int32Array, at: number, units: number, i: number): Block {
  return m[m[at + BOTTOMS + units]! + i]! as Block;
}

if (STACK_WORDS - capacityOf(2) < 1) throw new Error("cache: a stack has no place for its sentinel");
