/**
 * Small bins: blocks of up to 1 KiB that consolidation and splitting left over, by exact size. dlmalloc's smallbins.
 *
 * Owns a list for each size, linked like those of the cache, how many blocks each holds, and a bitmap of the lists that are not
 * empty. Their headers say CACHED: neighbours are not coalesced with them before the next consolidation. Only slow paths use
 * them, and move several blocks at a time into the cache, or split them for another size.
 *
 *   at + 0     heads    first block of each list, 0 when it is empty; by size in 16-byte units
 *   at + 80    counts   how many blocks it has
 *   at + 160   bitmap   bit i of word w set <=> the list for 32·w + i units is not empty
 */
import { LEAST_BINNED } from "../block/bins.js";
import { isCached, linkOf, linkTo, sizeOf, UNIT_BYTES } from "../block/block.js";
import { listOverwritten } from "../block/damage.js";
import { isOwned } from "../memory/control.js";
import type { Block } from "../memory/memory.js";

/** Largest size of a small bin, in units. */
export const SMALL_UNITS = LEAST_BINNED / UNIT_BYTES;
const COUNTS = 80;
const BITMAP = 160;
const BITMAP_WORDS = 3;
/** Words that the small bins of one heap take. */
export const SMALL_BINS_WORDS = 164;

/** Empties all lists. */
export function initializeSmallBins(m: Int32Array, at: number): void {
  for (let word = 0; word < SMALL_BINS_WORDS; word++) m[at + word] = 0;
}

/** Sets the head of a list and how many blocks it holds. */
export function setSmallBin(m: Int32Array, at: number, units: number, head: number, count: number): void {
  const word = at + BITMAP + (units >>> 5);
  const bit = 1 << (units & 31);
  m[at + units] = head;
  m[at + COUNTS + units] = count;
  m[word] = count === 0 ? m[word]! & ~bit : m[word]! | bit;
}

export function smallBinHead(m: Int32Array, at: number, units: number): Block {
  return m[at + units]! as Block;
}

export function smallBinCount(m: Int32Array, at: number, units: number): number {
  return m[at + COUNTS + units]!;
}

/** Units in all lists. */
export function smallBinUnits(m: Int32Array, at: number): number {
  let sum = 0;
  for (let units = 0; units < COUNTS; units++) sum += m[at + COUNTS + units]! * units;
  return sum;
}

/** Pushes a CACHED block that is in no list. */
export function pushSmall(m: Int32Array, at: number, b: Block): void {
  const units = sizeOf(m, b) >>> 4;
  linkTo(m, b, m[at + units]!);
  setSmallBin(m, at, units, b, m[at + COUNTS + units]! + 1);
}

/**
 * Pops a block of the smallest size that has one, from `units` on; 0 for none. Throws ERR_HEAP_CORRUPT, and drops the list, when
 * its head is no cached block of this heap and size.
 */
export function popSmallest(m: Int32Array, at: number, units: number, record: number): Block {
  const found = smallestBin(m, at, units);
  if (found === 0) return 0 as Block;
  const b = m[at + found]! as Block;
  if (!isOwned(m, b, record) || !isCached(m, b) || sizeOf(m, b) !== found << 4)
    throw dropSmallBin(m, at, found, record);
  setSmallBin(m, at, found, linkOf(m, b), m[at + COUNTS + found]! - 1);
  return b;
}

/** Drops a list with an invalid head; returns the error for that. */
export function dropSmallBin(m: Int32Array, at: number, units: number, record: number): Error {
  const head = m[at + units]!;
  setSmallBin(m, at, units, 0, 0);
  return listOverwritten(m, head, record);
}

/** The smallest size, in units and from `units` on, whose list is not empty; 0 for none. */
export function smallestBin(m: Int32Array, at: number, units: number): number {
  const bitmap = at + BITMAP;
  let word = units >>> 5;
  let bits = m[bitmap + word]! & (-1 << (units & 31));
  while (bits === 0) {
    if (++word === BITMAP_WORDS) return 0;
    bits = m[bitmap + word]!;
  }
  return (word << 5) + 31 - Math.clz32(bits & -bits);
}
