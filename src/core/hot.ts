/**
 * Hot sizes: those above MAX_CACHED that a program asks for again and again, and that get a stack of the cache.
 *
 * Owns which sizes those are. A program has few of them: pages of a file, buffers, a struct or two; of the 66,000 such
 * requests of a recorded SQLite program twelve sizes make up 90 %. They are then as cheap as small ones, where the way
 * through the bins costs 20 times as much; all other blocks of that size are joined as they are freed. Must not know joining.
 *
 *   at + HOT         the size in units of 16 bytes that has each of the hot stacks; 0: none has it
 *   at + HOT + 16    the stack that is given away next
 *   at + HOT + 32    interest, by size modulo 64: a size in units, and in the lowest 8 bits how often it was asked for
 *
 * The interest is the majority vote of Boyer and Moore (1981) in each place of its table: a request for another size takes
 * one back, so that a size which shares its place with others wins only when it is asked for more often than they.
 *
 * How many sizes may be hot, and how much each may keep, grows with the heap: a 64th of it for each.
 */
import {
  closeStack,
  HOT,
  HOT_STACKS,
  hasStack,
  hotStackOf,
  openStack,
  STACK_WORDS,
  STACKS,
} from "./cache.js";

const NEXT = HOT + HOT_STACKS;
const INTEREST = HOT + 32;
const INTEREST_MASK = 63;
const COUNT_BITS = 8;
const COUNT_MASK = (1 << COUNT_BITS) - 1;
/** Requests that make a size hot: so many that what is done once or twice leaves blocks that are joined at once. */
const ENOUGH = 24;
const KEPT_SHIFT = 6;
/** 128 KiB, in units. */
const MOST_KEPT = 8192;
/** A stack more for each 64 KiB of heap, in units; two even in the smallest. */
const HEAP_PER_STACK_SHIFT = 12;
const FEWEST_STACKS = 2;

/** Notes a request for a size above MAX_CACHED that no cached block served; whether it was asked for often since last time. */
export function heats(m: Int32Array, at: number, units: number): boolean {
  const place = at + INTEREST + (units & INTEREST_MASK);
  const known = m[place]!;
  if (known >>> COUNT_BITS === units) {
    m[place] = known + 1;
    if ((known & COUNT_MASK) + 1 < ENOUGH) return false;
    m[place] = 0;
    return true;
  }
  m[place] = (known & COUNT_MASK) > 1 ? known - 1 : (units << COUNT_BITS) | 1;
  return false;
}

/**
 * The size whose stack another size is given if it gets one now; 0 when there is none. Its blocks must leave the stack
 * first. A size that has a stack, which must be empty, keeps it.
 */
export function nextEvicted(m: Int32Array, at: number, units: number): number {
  return hasStack(m, at, units) ? 0 : m[at + HOT + m[at + NEXT]!]!;
}

/** Gives a size a stack, or a longer one, in a heap of `extent` units. */
export function makeHot(m: Int32Array, at: number, units: number, extent: number): void {
  const kept = Math.min(MOST_KEPT, extent >>> KEPT_SHIFT);
  const capacity = Math.max(1, Math.min(STACK_WORDS - 1, (kept / units) | 0));
  if (hasStack(m, at, units)) {
    openStack(m, at, hotStackOf(m, at, units), units, capacity);
    return;
  }
  const i = m[at + NEXT]!;
  const old = m[at + HOT + i]!;
  if (old !== 0) closeStack(m, at, old);
  m[at + HOT + i] = units;
  openStack(m, at, i, units, capacity);
  const stacks = Math.min(HOT_STACKS, Math.max(FEWEST_STACKS, extent >>> HEAP_PER_STACK_SHIFT));
  m[at + NEXT] = (i + 1) % stacks;
}

/** No size is hot, none was ever asked for. */
export function initializeHot(m: Int32Array, at: number): void {
  for (let word = HOT; word <= INTEREST + INTEREST_MASK; word++) m[at + word] = 0;
}

/** The size that has hot stack `i`, in units of 16 bytes; 0 when none has. */
export function hotUnits(m: Int32Array, at: number, i: number): number {
  return m[at + HOT + i]!;
}

if (INTEREST + INTEREST_MASK >= STACKS) throw new Error("hot: the interest reaches into the stacks");
