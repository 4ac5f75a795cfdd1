/**
 * Bins: free blocks by size, with a bitmap to find a fit.
 *
 * Owns the map from size to bin, the bitmap, and linking. Must not know coalescing, the operating system or locks. All of
 * it is an index that can be rebuilt from the headers.
 *
 *   at + 0            summary: bit w set <=> bitmap word w is not 0
 *   at + 1 … 10       bitmap: bit i of word w set <=> bin 32·w + i is not empty
 *   at + 16 + 2·bin   head of the bin: first block, last block
 *
 * A bin is a circular doubly linked list. Its head counts as a block whose links are the head's two words, so that linking
 * has no special case for the ends.
 *
 * Bins have blocks of more than LEAST_BINNED bytes; smaller ones are in the cache and the small bins, by exact size. Each
 * doubling of size has 16 bins, so the blocks of one differ by less than 1/16: the two levels of TLSF (Masmano et al.,
 * 2004).
 */
import { isOwned } from "../memory/control.js";
import type { Block } from "../memory/memory.js";
import { sizeOf } from "./block.js";
import { linksOverwritten, listOverwritten } from "./damage.js";

/** Every block in a bin is larger than this. */
export const LEAST_BINNED = 1024;
const LEAST_LOG2 = 10;
const SUB_LOG2 = 4;
const SUB_BINS = 1 << SUB_LOG2;
const DOUBLINGS = 20; // 1 KiB up to 1 GiB
export const BIN_COUNT = DOUBLINGS * SUB_BINS;
const BITMAP_WORDS = BIN_COUNT / 32;
const HEADS = 16;
/** Words that the bins of one heap take. */
export const BINS_WORDS = HEADS + 2 * BIN_COUNT;
/** Blocks of the request's own bin that are looked at before a larger bin is taken. */
const TRIES = 8;

const NEXT = 2;
const PREVIOUS = 3;

/** The bin that a free block of `size` bytes belongs in. */
export function binOf(size: number): number {
  const log2 = 31 - Math.clz32(size);
  return ((log2 - LEAST_LOG2) << SUB_LOG2) + ((size >>> (log2 - SUB_LOG2)) & (SUB_BINS - 1));
}

/** Least bytes of a block in that bin. */
export function leastOf(bin: number): number {
  return (SUB_BINS + (bin & (SUB_BINS - 1))) * 2 ** ((bin >>> SUB_LOG2) + LEAST_LOG2 - SUB_LOG2);
}

/** The lowest bin that may have blocks of at least `size` bytes. */
function lowestBin(size: number): number {
  return size <= LEAST_BINNED ? 0 : binOf(size);
}

/** The head as a block: its two words are that block's links. */
function headOf(at: number, bin: number): Block {
  return (at + HEADS + 2 * bin - NEXT) as Block;
}

export function initializeBins(m: Int32Array, at: number): void {
  for (let word = 0; word <= BITMAP_WORDS; word++) m[at + word] = 0;
  for (let bin = 0; bin < BIN_COUNT; bin++) {
    const head = headOf(at, bin);
    m[head + NEXT] = head;
    m[head + PREVIOUS] = head;
  }
}

/** Puts a block first in its bin (LIFO): the block freed last is still in the processor's cache. */
export function link(m: Int32Array, at: number, b: Block, size: number): void {
  const bin = binOf(size);
  const head = headOf(at, bin);
  const first = m[head + NEXT]!;
  m[b + NEXT] = first;
  m[b + PREVIOUS] = head;
  m[first + PREVIOUS] = b;
  m[head + NEXT] = b;
  if (first === head) {
    const word = bin >>> 5;
    m[at + 1 + word] = m[at + 1 + word]! | (1 << (bin & 31));
    m[at] = m[at]! | (1 << word);
  }
}

/** Takes a block out of its bin. The caller has checked its links. */
export function unlink(m: Int32Array, at: number, b: Block): void {
  const next = m[b + NEXT]!;
  const previous = m[b + PREVIOUS]!;
  m[previous + NEXT] = next;
  m[next + PREVIOUS] = previous;
  if (next === previous) clearBit(m, at, next);
}

/** Puts block `b` in the place of `old` in its bin, which must be the bin of both. */
export function replace(m: Int32Array, old: Block, b: Block): void {
  const next = m[old + NEXT]!;
  const previous = m[old + PREVIOUS]!;
  m[b + NEXT] = next;
  m[b + PREVIOUS] = previous;
  m[previous + NEXT] = b;
  m[next + PREVIOUS] = b;
}

/** @throws HeapError ERR_HEAP_CORRUPT when the links leave the heap of that record, or do not lead back to the block */
export function checkLinks(m: Int32Array, b: Block, record: number): void {
  if (!isOwned(m, b, record)) throw strayLink(m, b, record);
  const next = m[b + NEXT]!;
  const previous = m[b + PREVIOUS]!;
  if (
    !isOwned(m, next, record) ||
    !isOwned(m, previous, record) ||
    m[next + PREVIOUS] !== b ||
    m[previous + NEXT] !== b
  ) {
    throw brokenLinks(m, b, record);
  }
}

// Two functions: with both messages in one, V8 would box the block's number also where neither is needed.

function strayLink(m: Int32Array, b: Block, record: number): Error {
  return listOverwritten(m, b, record);
}

function brokenLinks(m: Int32Array, b: Block, record: number): Error {
  return linksOverwritten(m, b, record);
}

/** Clears the bit of a bin that has become empty. */
function clearBit(m: Int32Array, at: number, head: number): void {
  const bin = (head + NEXT - HEADS - at) >>> 1;
  const word = bin >>> 5;
  const bits = m[at + 1 + word]! & ~(1 << (bin & 31));
  m[at + 1 + word] = bits;
  if (bits === 0) m[at] = m[at]! & ~(1 << word);
}

/**
 * A free block of at least `size` bytes, still in its bin; 0 for none. Looks at TRIES blocks of the bin that `size` falls
 * in, then takes the first of a larger bin. Links are checked before they are followed, and those of the result.
 */
export function findFit(m: Int32Array, at: number, size: number, record: number): Block {
  if (m[at] === 0) return 0 as Block;
  const bin = lowestBin(size);
  const fit = fitInBin(m, headOf(at, bin), size, record);
  if (fit !== 0) return fit;
  const first = firstFrom(m, at, bin + 1);
  if (first !== 0) checkLinks(m, first, record);
  return first;
}

/** Best fit among the first few blocks of a bin whose blocks may be smaller than the request. */
function fitInBin(m: Int32Array, head: Block, size: number, record: number): Block {
  let best = 0 as Block;
  let bestSize = 0x7fffffff;
  let last = head;
  let b = m[head + NEXT]! as Block;
  for (let tries = TRIES; b !== head && tries > 0; tries--) {
    if (!isOwned(m, b, record)) throw strayLink(m, b, record);
    if (m[b + PREVIOUS]! !== last) throw brokenLinks(m, b, record);
    const have = sizeOf(m, b);
    if (have >= size && have < bestSize) {
      best = b;
      bestSize = have;
      if (have === size) break;
    }
    last = b;
    b = m[b + NEXT]! as Block;
  }
  if (best !== 0) checkLinks(m, best, record);
  return best;
}

/**
 * The first free block of at least `size` bytes that `accept` takes, smallest bins first; 0 for none. Looks at `most`
 * blocks each of `most` bins.
 */
export function findWhere(
  m: Int32Array,
  at: number,
  size: number,
  record: number,
  accept: (b: Block) => boolean,
  most = TRIES,
): Block {
  let bin = lowestBin(size);
  for (let bins = most; bins > 0; bins--) {
    const first = firstFrom(m, at, bin);
    if (first === 0) break;
    bin = binOf(sizeOf(m, first));
    const head = headOf(at, bin);
    let b = first;
    for (let tries = most; b !== head && tries > 0; tries--) {
      checkLinks(m, b, record);
      if (sizeOf(m, b) >= size && accept(b)) return b;
      b = m[b + NEXT]! as Block;
    }
    bin++;
  }
  return 0 as Block;
}

/** The first block of the lowest bin from `bin` on that is not empty; 0 when all are. */
function firstFrom(m: Int32Array, at: number, bin: number): Block {
  if (bin >= BIN_COUNT) return 0 as Block;
  let word = bin >>> 5;
  let bits = m[at + 1 + word]! & (-1 << (bin & 31));
  if (bits === 0) {
    const words = m[at]! & (-2 << word);
    if (words === 0) return 0 as Block;
    word = 31 - Math.clz32(words & -words);
    bits = m[at + 1 + word]!;
  }
  const found = (word << 5) + 31 - Math.clz32(bits & -bits);
  return m[headOf(at, found) + NEXT]! as Block;
}

/**
 * Visits every block in the bins for `least` bytes and more; at most `atMost`, so that overwritten links which form a
 * circle end it.
 */
export function forEachBinned(
  m: Int32Array,
  at: number,
  atMost: number,
  record: number,
  least: number,
  visit: (b: Block, bin: number) => void,
): void {
  let left = atMost;
  for (let bin = lowestBin(least); bin < BIN_COUNT; bin++) {
    const head = headOf(at, bin);
    for (let b = m[head + NEXT]! as Block; b !== head && left > 0; b = m[b + NEXT]! as Block, left--) {
      checkLinks(m, b, record);
      visit(b, bin);
    }
  }
}

/** Whether the bitmap says that `bin` has blocks, and whether it has. */
export function binState(m: Int32Array, at: number, bin: number): { marked: boolean; filled: boolean } {
  const bits = m[at + 1 + (bin >>> 5)]!;
  const summary = (m[at]! >>> (bin >>> 5)) & 1;
  const head = headOf(at, bin);
  return { marked: ((bits >>> (bin & 31)) & summary & 1) === 1, filled: m[head + NEXT] !== head };
}

if (BIN_COUNT % 32 !== 0 || BITMAP_WORDS >= HEADS) throw new Error("bins: the bitmap does not fit");
