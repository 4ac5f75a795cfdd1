/**
 * Bins: free blocks by size, and the bitmap that finds a fit.
 *
 * Owns the map from size to bin, the bitmap, link and unlink. Must not know joining, the operating system or locks.
 * Everything is an index over FREE headers and can be made again from them.
 *
 *   at + 0            summary: bit w set <=> bitmap word w is not 0
 *   at + 1 … 12       bitmap: bit i of word w set <=> bin 32·w + i is not empty
 *   at + 16 + 2·bin   head of the bin: first block, last block
 *
 * A bin is a ring of blocks closed by its head, which is addressed as if it were a block (its two words are where
 * a block has its links), so that linking and unlinking need no case for the ends.
 *
 * Sizes below 1 KiB have a bin each (block size / 16). Above, every doubling is divided into 16 bins, so a block is
 * at most 1/16 larger than its bin's smallest: the two-level scheme of TLSF (Masmano et al., 2004).
 */
import { corrupt } from "../errors.js";
import { isSealedFree, sizeOf } from "./block.js";
import { isOwned } from "./control.js";
import { type Block, oncePerWords } from "./memory.js";

const EXACT_UNITS = 64; // sizes in 16-byte units with a bin of their own
const EXACT_LOG2 = 6;
const SUB_LOG2 = 4;
const SUB_BINS = 1 << SUB_LOG2;
const DOUBLINGS = 20; // 1 KiB up to 1 GiB
export const BIN_COUNT = EXACT_UNITS + DOUBLINGS * SUB_BINS;
const BITMAP_WORDS = BIN_COUNT / 32;
const HEADS = 16;
/** Words that the bins of one heap take. */
export const BINS_WORDS = HEADS + 2 * BIN_COUNT;
/** Blocks of the request's own bin that are tried before a larger bin is taken. */
const TRIES = 8;

const NEXT = 2;
const PREVIOUS = 3;

/** The bin that a free block of `size` bytes belongs in. */
export function binOf(size: number): number {
  const units = size >>> 4;
  if (units < EXACT_UNITS) return units;
  const log2 = 31 - Math.clz32(units);
  return EXACT_UNITS + ((log2 - EXACT_LOG2) << SUB_LOG2) + ((units >>> (log2 - SUB_LOG2)) & (SUB_BINS - 1));
}

/** Where the head's words would be a block's links. */
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

/** Puts a block first in its bin: what was freed last is warm, and is used first. */
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

/** Takes a block out of its bin. Its links must have been checked. */
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

/** Throws ERR_HEAP_CORRUPT when a block's links do not lead back to it; `record` is the heap that they must lie in. */
export function checkLinks(m: Int32Array, b: Block, record: number): void {
  if (!isOwned(m, b, record)) throw strayLink(b);
  const next = m[b + NEXT]!;
  const previous = m[b + PREVIOUS]!;
  if (
    !isOwned(m, next, record) ||
    !isOwned(m, previous, record) ||
    m[next + PREVIOUS] !== b ||
    m[previous + NEXT] !== b
  ) {
    throw bentLinks(m, b);
  }
}

// Functions of their own: where two texts in one function name the same block, V8 boxes its number ahead of both, needed or
// not.

function strayLink(b: Block): Error {
  return corrupt(`a free block's link leads to word ${b}, outside the heap`);
}

function bentLinks(m: Int32Array, b: Block): Error {
  return corrupt(`the links of the free block at word ${b} (${sizeOf(m, b)} bytes) were overwritten`);
}

/** The ring holds its head alone: the bin is empty. */
function clearBit(m: Int32Array, at: number, head: number): void {
  const bin = (head + NEXT - HEADS - at) >>> 1;
  const word = bin >>> 5;
  const bits = m[at + 1 + word]! & ~(1 << (bin & 31));
  m[at + 1 + word] = bits;
  if (bits === 0) m[at] = m[at]! & ~(1 << word);
}

/** What takes many blocks out of their bin at once. */
export interface Rings {
  /**
   * Takes up to `most` blocks of `size` bytes out of their bin, those first that were put there last, and stores their
   * numbers from word `to` on. Returns how many: 0 when the bin is empty or holds other sizes as well. It takes none that
   * is not, with its links, what it should be.
   */
  takeFirst(at: number, size: number, secret: number, record: number, to: number, most: number): number;
}

/** The bins in these words. Closures, so that V8 folds the words and where they lie into the code. */
export const ringsOf: (m: Int32Array) => Rings = oncePerWords((m) => {
  const takeFirst = (
    at: number,
    size: number,
    secret: number,
    record: number,
    to: number,
    most: number,
  ): number => {
    const words = m;
    const bin = size >>> 4;
    if (bin >= EXACT_UNITS) return 0;
    const head = headOf(at, bin);
    let last = head;
    let b = words[head + NEXT]! as Block;
    let count = 0;
    while (b !== head && count < most && isOwned(words, b, record)) {
      if (words[b + PREVIOUS]! !== last || !isSealedFree(words, b, size, secret)) break;
      words[to + count] = b;
      count++;
      last = b;
      b = words[b + NEXT]! as Block;
    }
    // The one that is to be the first: it may lie anywhere.
    if (count === 0 || !isOwned(words, b, record) || words[b + PREVIOUS]! !== last) return 0;
    words[head + NEXT] = b;
    words[b + PREVIOUS] = head;
    if (b === head) clearBit(words, at, head);
    return count;
  };

  return { takeFirst };
});

/**
 * A free block of at least `size` bytes, still linked, its links checked; 0 when no bin has one that is certain to
 * fit. Links are checked before they are followed, here and below.
 */
export function findFit(m: Int32Array, at: number, size: number, record: number): Block {
  const bin = binOf(size);
  if (bin >= EXACT_UNITS) {
    const fit = fitInBin(m, headOf(at, bin), size, record);
    if (fit !== 0) return fit;
  }
  const first = firstFrom(m, at, bin < EXACT_UNITS ? bin : bin + 1);
  if (first !== 0) checkLinks(m, first, record);
  return first;
}

/** A free block of just twice `size` bytes, of which nothing is left when it is halved, still linked, its links checked; or 0. */
export function findDouble(m: Int32Array, at: number, size: number, record: number): Block {
  const bin = size >>> 3;
  if (bin >= EXACT_UNITS || ((m[at + 1 + (bin >>> 5)]! >>> (bin & 31)) & 1) === 0) return 0 as Block;
  const first = m[headOf(at, bin) + NEXT]! as Block;
  checkLinks(m, first, record);
  return first;
}

/** The best of the first few blocks of a bin whose blocks may be smaller than the request. */
function fitInBin(m: Int32Array, head: Block, size: number, record: number): Block {
  let best = 0 as Block;
  let bestSize = 0x7fffffff;
  let last = head;
  let b = m[head + NEXT]! as Block;
  for (let tries = TRIES; b !== head && tries > 0; tries--) {
    if (!isOwned(m, b, record)) throw strayLink(b);
    if (m[b + PREVIOUS]! !== last) throw bentLinks(m, b);
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
 * The first free block of at least `size` bytes, smallest bins first, that `accept` takes, of `most` in as many bins at most;
 * or 0.
 */
export function findWhere(
  m: Int32Array,
  at: number,
  size: number,
  record: number,
  accept: (b: Block) => boolean,
  most = TRIES,
): Block {
  let bin = binOf(size);
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

/** The first block of the first bin that is not empty, from `bin` on. */
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
 * Calls `visit` for every block in the bins from `first` on; stops after `atMost`, so that a ring that was bent cannot hang
 * it.
 */
export function forEachBinned(
  m: Int32Array,
  at: number,
  atMost: number,
  record: number,
  first: number,
  visit: (b: Block, bin: number) => void,
): void {
  let left = atMost;
  for (let bin = first; bin < BIN_COUNT; bin++) {
    const head = headOf(at, bin);
    for (let b = m[head + NEXT]! as Block; b !== head && left > 0; b = m[b + NEXT]! as Block, left--) {
      checkLinks(m, b, record);
      visit(b, bin);
    }
  }
}

/** Whether the bitmap says that `bin` has blocks, and whether its ring does. */
export function binMarks(m: Int32Array, at: number, bin: number): { marked: boolean; filled: boolean } {
  const bits = m[at + 1 + (bin >>> 5)]!;
  const summary = (m[at]! >>> (bin >>> 5)) & 1;
  const head = headOf(at, bin);
  return { marked: ((bits >>> (bin & 31)) & summary & 1) === 1, filled: m[head + NEXT] !== head };
}

if (BIN_COUNT % 32 !== 0 || BITMAP_WORDS >= HEADS) throw new Error("bins: the bitmap does not fit");
