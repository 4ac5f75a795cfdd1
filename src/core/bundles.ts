/**
 * Bundles: what a full stack of the cache spills, until that stack is empty.
 *
 * Owns the list of bundles of each size. One block's payload carries the numbers of others, which then are not touched at
 * all: linked one by one, the blocks cost a cache miss each to put away and another to fetch, each waiting for the one
 * before. Must not know joining, or how stacks are used. The lists are an index over CACHED headers: whoever takes over
 * the heap can forget them and walk the headers.
 *
 *   word 2 of the carrier   the next bundle of the list, 0 at its end
 *   word 3                  how many blocks are carried
 *   word 4 …                the blocks
 *
 * Payloads are memory that a program may write into although it freed it: every block that comes back is tested for its
 * seal.
 */
import { corrupt } from "../errors.js";
import { GRAIN, isCached, isSealed, isSealedCached } from "./block.js";
import { BOTTOMS, FEWEST, roomOf, SPILLED } from "./cache.js";
import { isOwned } from "./control.js";
import { type Block, oncePerWords } from "./memory.js";

const LINK = 2;
const COUNT = 3;
const CARRIED = 4;
const TAKEN = -1;
const WORDS_PER_UNIT = GRAIN / 4;
// Constants of other modules, by names of this module's own: V8 folds those into the code.
const fewest = FEWEST;
const bottoms = BOTTOMS;
const lists = SPILLED;

/** What moves many entries of a cache at once. `at` is the cache's first word, `units` the size. */
export interface Bundles {
  /** Puts `count` blocks that lie one after the other into an empty stack; the lowest is taken first. */
  fill(at: number, units: number, first: number, count: number): void;
  /** Moves the older half of a full stack to its list; returns how many blocks. */
  spill(at: number, units: number): number;
  /**
   * Moves bundles back to their stack, which must be empty, until it is about half full; returns how many blocks, 0 when
   * the list is empty. Throws ERR_HEAP_CORRUPT, and drops the list, when what a bundle says was overwritten; `record` is
   * the heap that its blocks must lie in.
   */
  unspill(at: number, units: number, secret: number, record: number): number;
}

/**
 * The bundles in these words. Closures, so that V8 folds the words and where they lie into the code. With the words as an
 * argument each access tests what they are and fetches where they lie, and a block that was spilled and came back cost
 * 190 instructions where it costs 115 now.
 */
export const bundlesOf: (m: Int32Array) => Bundles = oncePerWords((m) => {
  /** Two comparisons for nearly all; the third test is for those with a mark that came late. */
  const isCachedBlock = (b: number, units: number, secret: number, record: number): boolean => {
    if ((b & 3) !== 2 || !isOwned(m, b, record)) return false;
    if (isSealedCached(m, b as Block, units << 4, secret)) return true;
    return isMarkedCached(m, b as Block, units, secret);
  };

  const fill = (at: number, units: number, first: number, count: number): void => {
    const words = m; // named outside the loop: inside, V8 looks at an access before it knows what `m` is
    const bottom = words[at + bottoms + units]!;
    let b = first;
    for (let i = bottom + count - 1; i >= bottom; i--) {
      words[i] = b;
      b += units * WORDS_PER_UNIT;
    }
    words[at + units] = bottom + count;
  };

  /** The entry at `from` becomes a bundle that carries the `carried` entries above it, and the first in `list`. */
  const layAway = (list: number, from: number, carried: number): number => {
    const carrier = m[from]!;
    const shift = carrier + CARRIED - from - 1;
    for (let i = from + 1; i <= from + carried; i++) m[i + shift] = m[i]!;
    m[carrier + COUNT] = carried;
    m[carrier + LINK] = m[list]!;
    m[list] = carrier;
    return carried + 1;
  };

  const spill = (at: number, units: number): number => {
    const bottom = m[at + bottoms + units]!;
    const top = m[at + units]!;
    const count = (top - bottom + 1) >>> 1;
    const end = bottom + count;
    const room = roomIn(m, at, units);
    for (let i = bottom; i < end; ) i += layAway(at + lists + units, i, Math.min(room, end - i - 1));
    for (let i = end; i < top; i++) m[i - count] = m[i]!;
    m[at + units] = top - count;
    return count;
  };

  /** How many blocks the first bundles say they are, at most `most`; 0 when the first was overwritten. */
  const blocksIn = (
    first: number,
    units: number,
    room: number,
    most: number,
    secret: number,
    record: number,
  ): number => {
    let count = 0;
    for (let carrier = first; carrier !== 0; carrier = m[carrier + LINK]!) {
      if (!isCachedBlock(carrier, units, secret, record)) break;
      const carried = m[carrier + COUNT]! >>> 0;
      if (carried > room || count + carried + 1 > most) break;
      count += carried + 1;
    }
    return count;
  };

  /** Stores a bundle's blocks below `end`, and returns where the lowest entry is; 0 when the bundle was overwritten. */
  const layBack = (
    carrier: number,
    end: number,
    units: number,
    room: number,
    secret: number,
    record: number,
  ): number => {
    if (!isCachedBlock(carrier, units, secret, record)) return 0;
    const carried = m[carrier + COUNT]!;
    if (carried >>> 0 > room) return 0;
    const lowest = end - carried - 1;
    const shift = carrier + CARRIED - lowest - 1;
    m[lowest] = carrier;
    const words = m;
    for (let i = lowest + 1; i < end; i++) {
      const b = words[i + shift]!;
      if (!isCachedBlock(b, units, secret, record)) return 0;
      words[i] = b;
    }
    m[carrier + COUNT] = TAKEN; // a link that leads back to it finds no bundle
    return lowest;
  };

  /** Laid from above, so that what was freed last is used first. */
  const unspill = (at: number, units: number, secret: number, record: number): number => {
    const list = at + lists + units;
    let carrier = m[list]!;
    if (carrier === 0) return 0;
    const bottom = m[at + bottoms + units]!;
    const room = roomIn(m, at, units);
    const most = Math.max(fewest, (roomOf(m, at, units) + 1) >>> 1);
    const top = bottom + blocksIn(carrier, units, room, most, secret, record);
    let lowest = top;
    while (lowest > bottom) {
      const below = layBack(carrier, lowest, units, Math.min(room, lowest - bottom - 1), secret, record);
      if (below === 0) break;
      lowest = below;
      carrier = m[carrier + LINK]!;
    }
    if (lowest === top) {
      m[list] = 0;
      throw corrupt(`a freed block of ${units * GRAIN} bytes near word ${carrier} was overwritten`);
    }
    const count = top - lowest;
    if (lowest !== bottom) m.copyWithin(bottom, lowest, top); // what came before it is sound
    m[list] = carrier;
    m[at + units] = bottom + count;
    return count;
  };

  return { fill, spill, unspill };
});

/** Blocks that one of `units` can carry in its payload: half a stack at most, which is what spills at once. */
function roomIn(m: Int32Array, at: number, units: number): number {
  return Math.min(units * WORDS_PER_UNIT - CARRIED, roomOf(m, at, units) >>> 1);
}

function isMarkedCached(m: Int32Array, b: Block, units: number, secret: number): boolean {
  return isCached(m, b) && m[b]! >>> 4 === units && isSealed(m, b, secret);
}

/** Calls `visit` for every block of a list; stops after `atMost`, so that a list that was bent cannot hang it. */
export function forEachSpilled(
  m: Int32Array,
  at: number,
  units: number,
  atMost: number,
  visit: (b: Block) => void,
): void {
  const room = roomIn(m, at, units);
  let left = atMost;
  for (let carrier = m[at + lists + units]!; carrier !== 0 && left > 0; carrier = m[carrier + LINK]!) {
    visit(carrier as Block);
    const carried = Math.min(m[carrier + COUNT]!, room);
    for (let k = 0; k < carried; k++) visit(m[carrier + CARRIED + k]! as Block);
    left -= carried + 1;
  }
}
