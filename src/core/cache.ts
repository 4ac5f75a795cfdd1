/**
 * The cache: small freed blocks, by exact size, ready for the next request of that size.
 *
 * Owns a stack of blocks for each size up to MAX_CACHED bytes, and a few more that hot.ts gives to larger sizes. Must not
 * know joining, or what becomes of the blocks that a full stack spills. The stacks are an index over CACHED headers:
 * whoever takes over the heap can forget them and walk the headers.
 *
 *   at + 0      tops          word index one above the top entry of each stack, by size in 16-byte units up to MOST_UNITS
 *   at + 576    closed tops   the same, every stack closed
 *   at + 1152   bottoms       word index of the lowest entry of each stack, up to CACHED_UNITS
 *   at + 1280   spilled       first bundle of each list of spilled blocks, 0 when it is empty
 *   at + 1352   spilled sizes how many of these lists are not empty
 *   at + 1360   hot bottoms   word index of the lowest entry of each hot stack
 *   at + 1408   hot           what hot.ts knows
 *   at + 1536   stacks        64 words each, aligned to 64 words: those for sizes up to MAX_CACHED, then the hot ones
 *
 *   one stack:  | … unused … | 0 | entry | entry | (free) … | (end: a multiple of 64)
 *                              ^sentinel       ^top          ^capacity
 *
 * The place below the lowest entry holds 0, and the capacity ends where `top & 63` is 0: so one load tells whether
 * there is an entry, and one mask whether there is room, with no count and no limit to look up. A closed stack is
 * empty and full at once; a size above MAX_CACHED that is not hot has that.
 *
 * A thread may be cut off between two steps and go on with the fast paths before anything is put in order. So at each moment
 * the entries of a stack are CACHED blocks of its size, each once; what else holds them does not matter.
 *
 * Entries of a stack are kept there and not as links in the blocks' own payload: taking one then touches no memory
 * but the header, and a program that writes into a freed block cannot lead the next malloc astray.
 */
import { GRAIN, MIN_BLOCK } from "./block.js";
import type { Block } from "./memory.js";

export const STACK_WORDS = 64;
export const STACK_MASK = STACK_WORDS - 1;
/** Largest size that always has a stack, in 16-byte units and in bytes. */
export const CACHED_UNITS = 64;
export const MAX_CACHED = CACHED_UNITS * GRAIN;
/** Largest size that can have one: two pages and what a program may put in front of them. */
export const MOST_UNITS = 575;
const CLOSED = 576;
export const BOTTOMS = 1152;
export const SPILLED = 1280;
export const SPILLED_SIZES = 1352;
const HOT_BOTTOMS = 1360;
export const HOT = 1408;
export const STACKS = 1536;
/** Stacks for sizes above MAX_CACHED. */
export const HOT_STACKS = 16;
const FIRST_HOT = STACKS + (CACHED_UNITS + 1) * STACK_WORDS;
/** Words that the cache of one heap takes; it must start at a multiple of 64. */
export const CACHE_WORDS = FIRST_HOT + HOT_STACKS * STACK_WORDS;
/**
 * Bytes that one stack may keep: enough that a burst of frees and mallocs stays inside, little beside a heap. With 8 KiB, the
 * random and calloc benches took 10 % longer; with 32 KiB they take less still, but larson's peak grows by 6 %.
 */
const BYTES_PER_STACK = 12288;

/** Entries that the stack for blocks of `units` may hold; none for sizes that do not always have one. */
export function capacityOf(units: number): number {
  if (units * GRAIN < MIN_BLOCK || units > CACHED_UNITS) return 0;
  return Math.min(STACK_WORDS - 1, Math.floor(BYTES_PER_STACK / (units * GRAIN)));
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
  }
  m[at + SPILLED_SIZES] = 0;
  const closed = at + STACKS + STACK_WORDS; // the stack for size 0: no entry, no room
  for (let units = 0; units <= MOST_UNITS; units++) {
    if (units > CACHED_UNITS) m[at + units] = closed;
    m[at + CLOSED + units] = closed;
  }
}

/** The table of tops under which every stack is empty and full. */
export function closedTops(at: number): number {
  return at + CLOSED;
}

/** Opens hot stack `i`, which must be empty, for up to `capacity` blocks of `units`, a size above MAX_CACHED. */
export function openStack(m: Int32Array, at: number, i: number, units: number, capacity: number): void {
  const bottom = at + FIRST_HOT + (i + 1) * STACK_WORDS - capacity;
  m[bottom - 1] = 0;
  m[at + HOT_BOTTOMS + i] = bottom;
  m[at + units] = bottom;
}

/** The hot stack that a size above MAX_CACHED has. */
export function hotStackOf(m: Int32Array, at: number, units: number): number {
  return hotStackUnder(at, m[at + units]!);
}

/** Takes the stack away from a size above MAX_CACHED; it must be empty. */
export function closeStack(m: Int32Array, at: number, units: number): void {
  m[at + units] = m[at + CLOSED + units]!;
}

/** Whether a size has a stack. */
export function hasStack(m: Int32Array, at: number, units: number): boolean {
  return m[at + units] !== m[at + CLOSED + units];
}

/** Forgets all entries; their headers still say CACHED. */
export function emptyCache(m: Int32Array, at: number): void {
  for (let units = 0; units <= CACHED_UNITS; units++) {
    m[at + units] = m[at + BOTTOMS + units]!;
    m[at + SPILLED + units] = 0;
  }
  m[at + SPILLED_SIZES] = 0;
  for (let i = 0; i < HOT_STACKS; i++) {
    const units = m[at + HOT + i]!;
    if (units !== 0) m[at + units] = m[at + HOT_BOTTOMS + i]!;
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

/** Of another thread's cache it may be a moment old, but is always one that the stack can have. */
export function depthOf(m: Int32Array, at: number, units: number): number {
  const top = m[at + units]!; // once: its owner may be closing the stack
  if (top === m[at + CLOSED + units]) return 0;
  return Math.min(Math.max(0, top - bottomUnder(m, at, units, top)), STACK_MASK);
}

/** Entry `i` of a stack, counted from its bottom. */
export function entryOf(m: Int32Array, at: number, units: number, i: number): Block {
  return m[bottomOf(m, at, units) + i]! as Block;
}

/** Where the lowest entry of a size that has a stack lies. */
function bottomOf(m: Int32Array, at: number, units: number): number {
  return bottomUnder(m, at, units, m[at + units]!);
}

function bottomUnder(m: Int32Array, at: number, units: number, top: number): number {
  return m[at + (units > CACHED_UNITS ? HOT_BOTTOMS + hotStackUnder(at, top) : BOTTOMS + units)]!;
}

/** The number of the hot stack that a top lies in: stacks end at multiples of their length. */
function hotStackUnder(at: number, top: number): number {
  return (((top + STACK_MASK) & ~STACK_MASK) - at - FIRST_HOT) / STACK_WORDS - 1;
}

if (SPILLED_SIZES <= SPILLED + CACHED_UNITS) throw new Error("cache: a word lies in the table of lists");
if (CLOSED <= MOST_UNITS || BOTTOMS <= CLOSED + MOST_UNITS)
  throw new Error("cache: a table of tops is too short");
if (STACKS % STACK_WORDS !== 0) throw new Error("cache: a stack does not end at a multiple of its words");
if (STACK_WORDS - capacityOf(2) < 1) throw new Error("cache: a stack has no place for its sentinel");
