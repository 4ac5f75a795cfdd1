/**
 * Bundles: what a full stack of the cache spills, until that stack is empty.
 *
 * Owns the list of bundles of each size. A bundle is what spilled at once, and its blocks' payloads carry each other's
 * numbers: linked one by one, the blocks cost a cache miss each to put away and another to fetch, each waiting for the one
 * before. Must not know joining, or how stacks are used. The lists are an index over CACHED headers: whoever takes over
 * the heap can forget them and walk the headers.
 *
 *   first block    word 2    the first block of the next bundle in the list, 0 at its end
 *                  word 3    how many blocks follow the first one
 *                  word 4 …  the blocks that follow, as many as there is room for
 *   second block   word 2 …  those that come after these
 *   third block    word 2 …  and so on
 *
 * Few payloads are touched, and which ones is known early: of 32 blocks of 32 bytes six, of 32 blocks of 128 bytes two. With
 * a list of blocks that each carry what has room in them, a recorded xmllint program took 10 % longer.
 *
 * Payloads are memory that a program may write into although it freed it: every block that comes back is tested for its
 * seal.
 */
import { corrupt } from "../errors.js";
import { GRAIN, isCachedMarked, isSealedCached } from "./block.js";
import { BOTTOMS, roomOf, SPILLED, SPILLED_SIZES } from "./cache.js";
import { isOwned } from "./control.js";
import { type Block, oncePerWords } from "./memory.js";

const LINK = 2;
const COUNT = 3;
/** Where the numbers begin in the first block, and in those after it. */
const FIRST_CARRIED = 4;
const CARRIED = 2;
const TAKEN = -1;
const WORDS_PER_UNIT = GRAIN / 4;

/** What moves many entries of a cache at once. `at` is the cache's first word, `units` the size. */
export interface Bundles {
  /** Puts `count` blocks that lie one after the other on a stack that has room; the lowest is taken first. */
  fill(at: number, units: number, first: number, count: number): void;
  /** Makes a bundle of the older half of a full stack; returns how many blocks. */
  spill(at: number, units: number): number;
  /**
   * Moves the bundle that spilled last back to its stack, which must be empty; returns how many blocks, 0 when the list is
   * empty. Throws ERR_HEAP_CORRUPT, and drops the list, when what a bundle says was overwritten; `record` is the heap that
   * its blocks must lie in.
   */
  unspill(at: number, units: number, secret: number, record: number): number;
}

/**
 * The bundles in these words. Closures, so that V8 folds the words and where they lie into the code. With the words as an
 * argument each access tests what they are and fetches where they lie, and a block that was spilled and comes back costs
 * 190 instructions instead of 115.
 */
export const bundlesOf: (m: Int32Array) => Bundles = oncePerWords((m) => {
  /** Two comparisons for nearly all; the third test is for those with a mark that came late. */
  const isCachedBlock = (b: number, units: number, secret: number, record: number): boolean => {
    if ((b & 3) !== 2 || !isOwned(m, b, record)) return false;
    if (isSealedCached(m, b as Block, units << 4, secret)) return true;
    return m[b]! >>> 4 === units && isCachedMarked(m, b as Block, secret);
  };

  const fill = (at: number, units: number, first: number, count: number): void => {
    const words = m; // named outside the loop: inside, V8 looks at an access before it knows what `m` is
    const top = words[at + units]!;
    let b = first;
    for (let i = top + count - 1; i >= top; i--) {
      words[i] = b;
      b += units * WORDS_PER_UNIT;
    }
    words[at + units] = top + count;
  };

  /** Stores the entries from `from` up to `end` in a payload, from word `to` on. */
  const layAway = (to: number, from: number, end: number): number => {
    const words = m;
    const shift = to - from;
    for (let i = from; i < end; i++) words[i + shift] = words[i]!;
    return end;
  };

  const spill = (at: number, units: number): number => {
    const bottom = m[at + BOTTOMS + units]!;
    const top = m[at + units]!;
    const count = spilledAtOnce(m, at, units);
    const end = bottom + count;
    const first = m[bottom]!;
    const room = units * WORDS_PER_UNIT;
    let next = layAway(first + FIRST_CARRIED, bottom + 1, Math.min(bottom + 1 + room - FIRST_CARRIED, end));
    for (let carrier = bottom + 1; next < end; carrier++)
      next = layAway(m[carrier]! + CARRIED, next, Math.min(next + room - CARRIED, end));
    const older = m[at + SPILLED + units]!;
    if (older === 0) m[at + SPILLED_SIZES] = m[at + SPILLED_SIZES]! + 1;
    m[first + COUNT] = count - 1;
    m[first + LINK] = older;
    m[at + SPILLED + units] = first;
    m[at + units] = bottom; // while they move some stand in the stack twice
    layAway(bottom, end, top);
    m[at + units] = top - count;
    return count;
  };

  /** Entries from a payload, from word `from` on; returns `end`, or 0 when one of them was overwritten. */
  const layBack = (
    from: number,
    to: number,
    end: number,
    units: number,
    secret: number,
    record: number,
  ): number => {
    const words = m;
    const shift = from - to;
    for (let i = to; i < end; i++) {
      const b = words[i + shift]!;
      if (!isCachedBlock(b, units, secret, record)) return 0;
      words[i] = b;
    }
    return end;
  };

  /** The entries of the bundle that begins with `first`, from the bottom of the stack on; 0 when it was overwritten. */
  const unbundle = (first: number, at: number, units: number, secret: number, record: number): number => {
    const count = spilledAtOnce(m, at, units);
    if (!isCachedBlock(first, units, secret, record) || m[first + COUNT] !== count - 1) return 0;
    const bottom = m[at + BOTTOMS + units]!;
    const end = bottom + count;
    const room = units * WORDS_PER_UNIT;
    m[bottom] = first;
    let to = bottom + 1;
    let next = Math.min(to + room - FIRST_CARRIED, end);
    next = layBack(first + FIRST_CARRIED, to, next, units, secret, record);
    for (let carrier = bottom + 1; next !== 0 && next < end; carrier++) {
      to = next;
      next = Math.min(to + room - CARRIED, end);
      next = layBack(m[carrier]! + CARRIED, to, next, units, secret, record);
    }
    return next;
  };

  const unspill = (at: number, units: number, secret: number, record: number): number => {
    const list = at + SPILLED + units;
    const first = m[list]!;
    if (first === 0) return 0;
    const end = unbundle(first, at, units, secret, record);
    const older = end === 0 ? 0 : m[first + LINK]!;
    if (older === 0) m[at + SPILLED_SIZES] = m[at + SPILLED_SIZES]! - 1;
    m[list] = older;
    if (end === 0) {
      throw corrupt(`a freed block of ${units * GRAIN} bytes near word ${first} was overwritten`);
    }
    m[first + COUNT] = TAKEN; // a link that leads back to it finds no bundle
    m[at + units] = end;
    return end - m[at + BOTTOMS + units]!;
  };

  return { fill, spill, unspill };
});

/** Blocks of a bundle: half a stack. */
function spilledAtOnce(m: Int32Array, at: number, units: number): number {
  return (roomOf(m, at, units) + 1) >>> 1;
}

/**
 * Calls `visit` for every block of a list, before anything is read in it; stops after `atMost`, so that a list that was
 * bent cannot hang it. Whether a block is one of the heap's is for `visit` to say, and to throw if not.
 */
export function forEachSpilled(
  m: Int32Array,
  at: number,
  units: number,
  atMost: number,
  visit: (b: Block) => void,
): void {
  const room = units * WORDS_PER_UNIT;
  const count = spilledAtOnce(m, at, units);
  let left = atMost;
  for (let first = m[at + SPILLED + units]!; first !== 0 && left > 0; first = m[first + LINK]!) {
    const bundle = [first];
    visit(first as Block);
    for (let k = 0; bundle.length < count; k++) {
      const from = k === 0 ? FIRST_CARRIED : CARRIED;
      for (let word = from; word < room && bundle.length < count; word++) {
        const b = m[bundle[k]! + word]!;
        visit(b as Block);
        bundle.push(b);
      }
    }
    left -= count;
  }
}
