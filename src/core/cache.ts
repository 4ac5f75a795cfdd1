/**
 * The cache: small freed blocks, by exact size, ready for the next request of that size.
 *
 * Owns one stack of blocks per size up to MAX_CACHED bytes, and a list per size that takes what a full stack spills,
 * in bundles: one block's payload carries the numbers of others, which then are not touched at all. Linked one by one,
 * the blocks cost a cache miss each to put away and another to fetch, each waiting for the one before.
 * Must not know joining. Stacks and lists are an index over CACHED headers: whoever takes over the heap can forget
 * them and walk the headers.
 *
 *   at + 0      tops          word index one above the top entry of each stack, by size in 16-byte units
 *   at + 128    closed tops   the same, every stack closed
 *   at + 256    bottoms       word index of the lowest entry of each stack
 *   at + 384    spilled       first bundle of each list, 0 at its end
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
 * but the header, and a program that writes into a freed block cannot lead the next malloc astray. Only bundles are
 * in payloads; every block that comes back from one is tested for its seal.
 */
import { corrupt } from "../errors.js";
import { GRAIN, isCached, isSealed, isSealedCached, MIN_BLOCK } from "./block.js";
import { isOwned } from "./control.js";
import type { Block } from "./memory.js";

const STACK_WORDS = 64;
const STACK_MASK = STACK_WORDS - 1;
/** Largest cached block in 16-byte units, and in bytes. */
export const CACHED_UNITS = 64;
export const MAX_CACHED = CACHED_UNITS * GRAIN;
const CLOSED = 128;
const BOTTOMS = 256;
const SPILLED = 384;
const STACKS = 512;
// A bundle, in the payload of the block that carries it: next bundle, number of blocks carried, the blocks.
const LINK = 2;
const COUNT = 3;
const CARRIED = 4;
const TAKEN = -1;
/** Words that the cache of one heap takes; it must start at a multiple of 64. */
export const CACHE_WORDS = STACKS + (CACHED_UNITS + 1) * STACK_WORDS;
/** Bytes that one stack may keep: enough that a burst of frees and mallocs stays inside, little beside a heap. */
const BYTES_PER_STACK = 8192;
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

/** Moves the older half of a full stack to its list, in bundles; returns how many blocks. */
export function spill(m: Int32Array, at: number, units: number): number {
  const bottom = m[at + BOTTOMS + units]!;
  const top = m[at + units]!;
  const count = (top - bottom + 1) >>> 1;
  const room = bundleRoom(m, at, units);
  for (let i = 0; i < count; ) {
    const carrier = m[bottom + i]!;
    const carried = Math.min(room, count - i - 1);
    for (let k = 0; k < carried; k++) m[carrier + CARRIED + k] = m[bottom + i + 1 + k]!;
    m[carrier + COUNT] = carried;
    m[carrier + LINK] = m[at + SPILLED + units]!;
    m[at + SPILLED + units] = carrier;
    i += carried + 1;
  }
  for (let i = bottom + count; i < top; i++) m[i - count] = m[i]!;
  m[at + units] = top - count;
  return count;
}

/**
 * Moves bundles back to their stack, which must be empty, until it is about half full; returns how many blocks, 0 when
 * the list is empty. Throws ERR_HEAP_CORRUPT, and drops the list, when what a bundle says was overwritten; `record` is
 * the heap that its blocks must lie in.
 *
 * Several at once: a bundle alone lasted for eight blocks, and the way here cost a fifth of sh6bench. They are laid from
 * above, so that what was freed last is used first.
 */
export function unspill(m: Int32Array, at: number, units: number, secret: number, record: number): number {
  let carrier = m[at + SPILLED + units]!;
  if (carrier === 0) return 0;
  const bottom = m[at + BOTTOMS + units]!;
  const room = bundleRoom(m, at, units);
  const most = Math.max(FEWEST, (roomOf(m, at, units) + 1) >>> 1);
  const top = bottom + countBundles(m, carrier, units, room, most, secret, record);
  let lowest = top;
  while (lowest > bottom) {
    const below = layBundle(m, carrier, lowest, units, Math.min(room, lowest - bottom - 1), secret, record);
    if (below === 0) break;
    lowest = below;
    carrier = m[carrier + LINK]!;
  }
  if (lowest === top) {
    m[at + SPILLED + units] = 0;
    throw corrupt(`a freed block of ${units * GRAIN} bytes near word ${carrier} was overwritten`);
  }
  const count = top - lowest;
  if (lowest !== bottom) moveDown(m, lowest, bottom, count); // what came before it is sound
  m[at + SPILLED + units] = carrier;
  m[at + units] = bottom + count;
  return count;
}

/** How many blocks the first bundles say they are: as many bundles as `most` blocks allow; 0 when the first was overwritten. */
function countBundles(
  m: Int32Array,
  first: number,
  units: number,
  room: number,
  most: number,
  secret: number,
  record: number,
): number {
  let count = 0;
  for (let carrier = first; carrier !== 0; carrier = m[carrier + LINK]!) {
    if (!isCachedBlock(m, carrier, units, secret, record)) break;
    const carried = m[carrier + COUNT]! >>> 0;
    if (carried > room || count + carried + 1 > most) break;
    count += carried + 1;
  }
  return count;
}

function moveDown(m: Int32Array, from: number, to: number, count: number): void {
  for (let i = 0; i < count; i++) m[to + i] = m[from + i]!;
}

/** Stores a bundle's blocks below `end`, and returns where the lowest entry is; 0 when the bundle was overwritten. */
function layBundle(
  m: Int32Array,
  carrier: number,
  end: number,
  units: number,
  room: number,
  secret: number,
  record: number,
): number {
  if (!isCachedBlock(m, carrier, units, secret, record)) return 0;
  const carried = m[carrier + COUNT]!;
  if (carried >>> 0 > room) return 0;
  const lowest = end - carried - 1;
  m[lowest] = carrier;
  for (let k = 0; k < carried; k++) {
    const b = m[carrier + CARRIED + k]!;
    if (!isCachedBlock(m, b, units, secret, record)) return 0;
    m[lowest + 1 + k] = b;
  }
  m[carrier + COUNT] = TAKEN; // a link that leads back to it finds no bundle
  return lowest;
}

/** Blocks that one of `units` can carry in its payload: half a stack at most, which is what spills at once. */
function bundleRoom(m: Int32Array, at: number, units: number): number {
  return Math.min(units * (GRAIN / 4) - CARRIED, roomOf(m, at, units) >>> 1);
}

function isCachedBlock(m: Int32Array, b: number, units: number, secret: number, record: number): boolean {
  if ((b & 3) !== 2 || !isOwned(m, b, record)) return false;
  const block = b as Block;
  if (isSealedCached(m, block, units << 4, secret)) return true;
  return isCached(m, block) && m[b]! >>> 4 === units && isSealed(m, block, secret); // with a mark that came late
}

/** Calls `visit` for every block of a list; stops after `atMost`, so that a list that was bent cannot hang it. */
export function forEachSpilled(
  m: Int32Array,
  at: number,
  units: number,
  atMost: number,
  visit: (b: Block) => void,
): void {
  const room = bundleRoom(m, at, units);
  let left = atMost;
  for (let carrier = m[at + SPILLED + units]!; carrier !== 0 && left > 0; carrier = m[carrier + LINK]!) {
    visit(carrier as Block);
    const carried = Math.min(m[carrier + COUNT]!, room);
    for (let k = 0; k < carried; k++) visit(m[carrier + CARRIED + k]! as Block);
    left -= carried + 1;
  }
}

if (STACK_WORDS - capacityOf(2) < 1) throw new Error("cache: a stack has no place for its sentinel");
