/**
 * The pool of one heap: small bins, bins, the designated victim, and the wilderness.
 *
 * Owns where a request is served from, and batches for the cache; how blocks are split and coalesced is free-blocks.ts's. Must not
 * know when that is done, C semantics, or other heaps' memory. One thread at a time uses a pool; its whole state is the heap record.
 *
 * The designated victim is dlmalloc's: the block that small ones are carved from, one after the other. It is in no list and not
 * coalesced, so that blocks allocated in a row lie in a row.
 */
import { findFit, findWhere, LEAST_BINNED } from "../block/bins.js";
import {
  alignedPayload,
  CACHED,
  FLAGS,
  isPurged,
  linkOf,
  linkTo,
  MIN_BLOCK,
  markCached,
  markLive,
  PREVIOUS_FREE,
  resizeLive,
  sizeOf,
  UNIT_BYTES,
  writeCached,
} from "../block/block.js";
import { isOwned } from "../memory/control.js";
import type { Block } from "../memory/memory.js";
import { MAX_CACHED, pushMany } from "./cache.js";
import { FreeBlocks } from "./free-blocks.js";
import { binsOf, cacheOf, Rec, smallBinsOf } from "./record.js";
import {
  dropSmallBin,
  popSmallest,
  setSmallBin,
  smallBinCount,
  smallBinHead,
  smallestBin,
} from "./small-bins.js";
import { NOTHING_CLEAN, type Wilderness } from "./wilderness.js";

/** Bytes of small blocks in a batch: what a refill puts into the cache at once. */
export const BATCH_BYTES = 2048;
/** The largest designated victim: the rest of a large free block stays in its bin. */
const MOST_VICTIM = 64 * 1024;
/** Instead of a number of tries: no limit. */
const ALL = 2 ** 30;

/** Blocks of `size` bytes in a batch. */
function batchOf(size: number): number {
  return size < BATCH_BYTES ? (BATCH_BYTES / size) | 0 : 1;
}

export class Pool {
  readonly wilderness: Wilderness;
  readonly m: Int32Array;
  readonly record: number;
  readonly secret: number;
  readonly cache: number;
  readonly smallBins: number;
  readonly bins: number;
  readonly freeBlocks: FreeBlocks;

  constructor(wilderness: Wilderness) {
    this.wilderness = wilderness;
    this.m = wilderness.m;
    this.record = wilderness.record;
    this.secret = wilderness.secret;
    this.cache = cacheOf(this.record);
    this.smallBins = smallBinsOf(this.record);
    this.bins = binsOf(this.record);
    this.freeBlocks = new FreeBlocks(wilderness);
  }

  // ---- Taking ----

  /** Whether some free block has `size` bytes. */
  hasFit(size: number): boolean {
    return findFit(this.m, this.bins, size, this.record) !== 0;
  }

  /** A live block of more than LEAST_BINNED bytes: a good fit from the bins, or carved from committed memory; 0 for none. */
  take(size: number): Block {
    const { m, wilderness } = this;
    const b = findFit(m, this.bins, size, this.record);
    if (b === 0) return this.#takeVictim(size) || wilderness.carve(size);
    wilderness.cleanFrom = NOTHING_CLEAN;
    if (isPurged(m, b) && !this.freeBlocks.chargeUsed(b, size)) return this.takeAffordable(size);
    this.freeBlocks.cut(b, size);
    return b;
  }

  /**
   * As take(), from the first free block that the limit allows to be used: a purged one is charged again when it is used.
   * Looks at all blocks of a bin, where take() looks at some.
   */
  takeAffordable(size: number): Block {
    const { m, wilderness } = this;
    const affords = (b: Block) => wilderness.account.affords(this.freeBlocks.pagesUsed(b, size));
    const b = findWhere(m, this.bins, size, this.record, affords, ALL);
    if (b === 0 || !this.freeBlocks.chargeUsed(b, size)) return wilderness.carve(size);
    wilderness.cleanFrom = NOTHING_CLEAN;
    this.freeBlocks.cut(b, size);
    return b;
  }

  /** A whole free block, made live, in which an aligned block of `size` bytes fits; 0 if none is found. */
  takeAligned(size: number, alignment: number): Block {
    const { m } = this;
    const fits = (b: Block) => {
      const pointer = this.wilderness.window.pointerOf(b);
      return !isPurged(m, b) && alignedPayload(pointer, alignment) - pointer + size <= sizeOf(m, b);
    };
    const b = findWhere(m, this.bins, size, this.record, fits);
    if (b !== 0) this.freeBlocks.cut(b, sizeOf(m, b));
    return b;
  }

  /**
   * Fills the empty list of the cache for `size` bytes, at most LEAST_BINNED. Tries, in this order: the small bin of that size;
   * a larger small bin, whose blocks are split; the designated victim; the committed wilderness. False when all are empty.
   */
  refill(size: number): boolean {
    const { m, record, smallBins } = this;
    const units = size >>> 4;
    const found = smallestBin(m, smallBins, units);
    if (found === units) return this.#moveFromSmallBin(size);
    const larger = smallestBin(m, smallBins, units + 2); // one 16 bytes larger leaves too little to be a block
    if (larger !== 0) return this.#splitSmallBin(larger, size);
    const victim = m[record + Rec.victim]! as Block;
    if (victim !== 0 && this.#carveVictim(victim, size)) return true;
    const next = this.#cutVictim(size + MIN_BLOCK);
    if (next === 0) return this.#refillFromWilderness(size);
    this.forgetVictim();
    m[record + Rec.victim] = next;
    return this.#carveVictim(next, size);
  }

  /** Carves a batch from the lower end of the victim; false when it is too small. Never leaves 16 bytes, which are no block. */
  #carveVictim(victim: Block, size: number): boolean {
    const { m, record } = this;
    const have = m[victim]! & ~FLAGS;
    let count = Math.min(batchOf(size), (have / size) | 0);
    let rest = have - count * size;
    if (rest === UNIT_BYTES) {
      count--;
      rest += size;
    }
    if (count <= 0) return false;
    const above = victim + ((count * size) >>> 2);
    if (rest > 0) writeCached(m, above as Block, rest);
    this.#layOut(victim, size, count);
    m[victim + 1] = count > 1 ? victim + (size >>> 2) : 0;
    m[victim] = size | CACHED | (m[victim]! & PREVIOUS_FREE); // this store splits the victim
    m[record + Rec.victim] = rest > 0 ? above : 0;
    pushMany(m, this.cache, size >>> 4, victim, count);
    this.freeBlocks.countSplits(victim, size, rest > 0 ? count : count - 1);
    return true;
  }

  /**
   * Splits a batch of blocks of a larger small bin: their lower ends go into the cache, in the same order, their remainders into
   * the small bin of their size.
   */
  #splitSmallBin(found: number, size: number): boolean {
    const { m, smallBins } = this;
    const rest = (found << 4) - size;
    const first = smallBinHead(m, smallBins, found);
    const have = smallBinCount(m, smallBins, found);
    const most = Math.min(batchOf(size), have);
    let restHead: number = smallBinHead(m, smallBins, rest >>> 4);
    let last = first as number;
    let next = first as number;
    let count = 0;
    while (
      count < most &&
      isOwned(m, next, this.record) &&
      (m[next]! & ~PREVIOUS_FREE) === ((found << 4) | CACHED)
    ) {
      last = next;
      next = m[last + 1]!;
      const above = last + (size >>> 2);
      m[above + 1] = restHead;
      m[above] = rest | CACHED;
      m[last] = size | CACHED | (m[last]! & PREVIOUS_FREE);
      restHead = above;
      count++;
    }
    if (count === 0) throw dropSmallBin(m, smallBins, found, this.record);
    setSmallBin(m, smallBins, found, next, have - count);
    if (rest <= LEAST_BINNED)
      setSmallBin(m, smallBins, rest >>> 4, restHead, smallBinCount(m, smallBins, rest >>> 4) + count);
    m[last + 1] = 0;
    pushMany(m, this.cache, size >>> 4, first, count);
    this.freeBlocks.countSplits(first, size, count);
    return true;
  }

  #refillFromWilderness(size: number): boolean {
    const { m, record } = this;
    const top = m[record + Rec.top]! as Block;
    const room = (m[record + Rec.commit]! - top) << 2;
    const count = Math.min(batchOf(size), (room / size) | 0);
    if (count === 0) return false;
    this.#layOut(top, size, count);
    m[top + 1] = count > 1 ? top + (size >>> 2) : 0;
    m[top] = size | CACHED;
    m[record + Rec.top] = top + ((count * size) >>> 2);
    m[record + Rec.blocks] = m[record + Rec.blocks]! + count;
    pushMany(m, this.cache, size >>> 4, top, count);
    return true;
  }

  /** Writes headers of adjacent CACHED blocks, each linked to the next; not the first one's, which the caller writes last. */
  #layOut(first: Block, size: number, count: number): void {
    const { m } = this;
    const step = size >>> 2;
    let next = 0;
    for (let b = first + (count - 1) * step; b > first; b -= step) {
      m[b + 1] = next;
      m[b] = size | CACHED;
      next = b;
    }
  }

  /** Moves a batch of blocks from a small bin to the cache. */
  #moveFromSmallBin(size: number): boolean {
    const { m, record, smallBins } = this;
    const units = size >>> 4;
    const first = smallBinHead(m, smallBins, units);
    const most = Math.min(batchOf(size), smallBinCount(m, smallBins, units));
    let last = first;
    let count = 1;
    for (; count < most; count++) {
      const next = linkOf(m, last) as Block;
      if (!isOwned(m, next, record) || (m[next]! & ~PREVIOUS_FREE) !== (size | CACHED)) break;
      last = next;
    }
    setSmallBin(m, smallBins, units, linkOf(m, last), smallBinCount(m, smallBins, units) - count);
    linkTo(m, last, 0);
    pushMany(m, this.cache, units, first, count);
    return true;
  }

  /** Puts the designated victim back among the free blocks. */
  forgetVictim(): void {
    const { m, record } = this;
    const victim = m[record + Rec.victim]! as Block;
    m[record + Rec.victim] = 0;
    if (victim !== 0) this.freeBlocks.keep(victim);
  }

  /** Cuts a new victim, at most MOST_VICTIM bytes, from the free block that fits best; CACHED. */
  #cutVictim(size: number): Block {
    const { m } = this;
    const b = findFit(m, this.bins, size, this.record);
    if (b === 0) return b;
    const used = Math.min(sizeOf(m, b), MOST_VICTIM);
    if (isPurged(m, b) && !this.freeBlocks.chargeUsed(b, used)) return 0 as Block;
    this.freeBlocks.cut(b, used);
    markCached(m, b);
    return b;
  }

  /** A live block of at least `size` bytes from a small bin, as a whole: the last resort when memory is out. */
  takeLarger(size: number): Block {
    const b = popSmallest(this.m, this.smallBins, size >>> 4, this.record);
    if (b !== 0) markLive(this.m, b, this.secret);
    return b;
  }

  /** A live block from the victim, if it is large enough. */
  #takeVictim(size: number): Block {
    const { m, record, wilderness } = this;
    const victim = m[record + Rec.victim]! as Block;
    if (victim === 0 || sizeOf(m, victim) < size) return 0 as Block;
    wilderness.cleanFrom = NOTHING_CLEAN;
    const rest = sizeOf(m, victim) - size;
    m[record + Rec.victim] = 0;
    const above = (victim + (size >>> 2)) as Block;
    if (rest >= MIN_BLOCK) {
      writeCached(m, above, rest);
      m[record + Rec.victim] = above;
      this.freeBlocks.countSplits(above, rest, 1);
    }
    resizeLive(m, victim, rest < MIN_BLOCK ? size + rest : size, this.secret);
    return victim;
  }
}

if (LEAST_BINNED > MAX_CACHED) throw new Error("pool: blocks of some size have no list");
