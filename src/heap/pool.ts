/**
 * The pool of one heap: small bins, bins, the designated victim, and the wilderness.
 *
 * Owns how a block is found and split, and how a freed one is coalesced with its neighbours and binned. Must not know when that
 * is done, C semantics, or other heaps' memory. One thread at a time uses a pool; its whole state is the heap record.
 *
 * The designated victim is dlmalloc's: the block that small ones are carved from, one after the other. It is in no list and not
 * coalesced, so that blocks allocated in a row lie in a row.
 *
 * After every single store the size words can be walked from a segment's start to its end: a remainder's header is written
 * before the block in front of it shrinks, and two blocks become one by one store.
 */
import {
  BIN_COUNT,
  binOf,
  checkLinks,
  findFit,
  findWhere,
  LEAST_BINNED,
  link,
  replace,
  unlink,
} from "../block/bins.js";
import {
  alignedPayload,
  CACHED,
  FLAGS,
  innerPages,
  isFree,
  isIntact,
  isPreviousFree,
  isPurged,
  linkOf,
  linkTo,
  MIN_BLOCK,
  markCached,
  markLive,
  markPreviousFree,
  markPreviousLive,
  nextOf,
  PREVIOUS_FREE,
  previousOf,
  purgedPages,
  resizeLive,
  sizeOf,
  UNIT_BYTES,
  writeCached,
  writeFree,
  writeLive,
} from "../block/block.js";
import { belowOverwritten, headerOverwritten } from "../block/damage.js";
import { isOwned } from "../memory/control.js";
import { type Block, WORD_BYTES } from "../memory/memory.js";
import { MAX_CACHED, pushMany } from "./cache.js";
import { countSincePurge, notePurged, POLICY_RUN, purgeWilderness } from "./purge.js";
import { binsOf, cacheOf, Rec, smallBinsOf } from "./record.js";
import {
  dropSmallBin,
  popSmallest,
  pushSmall,
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

  constructor(wilderness: Wilderness) {
    this.wilderness = wilderness;
    this.m = wilderness.m;
    this.record = wilderness.record;
    this.secret = wilderness.secret;
    this.cache = cacheOf(this.record);
    this.smallBins = smallBinsOf(this.record);
    this.bins = binsOf(this.record);
    wilderness.keepRest = (b, untouched) => {
      this.keep(b);
      if (isFree(this.m, b)) notePurged(wilderness, b, untouched); // never touched: counted as purged
    };
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
    if (isPurged(m, b) && !this.#chargeUsed(b, size)) return this.takeAffordable(size);
    this.cut(b, size);
    return b;
  }

  /**
   * As take(), from the first free block that the limit allows to be used: a purged one is charged again when it is used.
   * Looks at all blocks of a bin, where take() looks at some.
   */
  takeAffordable(size: number): Block {
    const { m, wilderness } = this;
    const affords = (b: Block) => wilderness.account.affords(this.pagesUsed(b, size));
    const b = findWhere(m, this.bins, size, this.record, affords, ALL);
    if (b === 0 || !this.#chargeUsed(b, size)) return wilderness.carve(size);
    wilderness.cleanFrom = NOTHING_CLEAN;
    this.cut(b, size);
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
    if (b !== 0) this.cut(b, sizeOf(m, b));
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
    this.countSplits(victim, size, rest > 0 ? count : count - 1);
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
    this.countSplits(first, size, count);
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
    if (victim !== 0) this.keep(victim);
  }

  /** Cuts a new victim, at most MOST_VICTIM bytes, from the free block that fits best; CACHED. */
  #cutVictim(size: number): Block {
    const { m } = this;
    const b = findFit(m, this.bins, size, this.record);
    if (b === 0) return b;
    const used = Math.min(sizeOf(m, b), MOST_VICTIM);
    if (isPurged(m, b) && !this.#chargeUsed(b, used)) return 0 as Block;
    this.cut(b, used);
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
      this.countSplits(above, rest, 1);
    }
    resizeLive(m, victim, rest < MIN_BLOCK ? size + rest : size, this.secret);
    return victim;
  }

  // ---- Keeping ----

  /** Puts a CACHED block that is in no list into its small bin, or coalesces it; whether a purge may be due then. */
  keep(b: Block): boolean {
    if (sizeOf(this.m, b) > LEAST_BINNED) return this.release(b);
    pushSmall(this.m, this.smallBins, b);
    return false;
  }

  /**
   * Coalesces a live or cached block of more than LEAST_BINNED bytes with its free neighbours, and puts the result into its bin;
   * whether a purge may be due then. Throws ERR_HEAP_CORRUPT, with nothing changed, when a neighbour's header or footer was
   * overwritten.
   */
  release(freed: Block): boolean {
    const { m, record, secret } = this;
    const size = sizeOf(m, freed);
    const next = this.above(freed);
    const below = isPreviousFree(m, freed) ? this.below(freed) : (0 as Block);
    markCached(m, freed);
    if (next === m[record + Rec.top]) {
      this.#releaseAtTop(freed, below);
      return true;
    }
    let total = size;
    let purged = 0; // purged pages of the neighbours, which stay purged
    if (isFree(m, next)) {
      purged = this.remove(next);
      total += sizeOf(m, next);
      this.countCoalesced(Rec.coalescedForward, freed, total);
    } else {
      markPreviousFree(m, next);
    }
    let b = freed;
    if (below === 0) {
      writeFree(m, b, total, secret);
      this.put(b, total);
    } else {
      b = below;
      total += sizeOf(m, b);
      purged += this.#resize(b, total);
      this.countCoalesced(Rec.coalescedBackward, b, total);
    }
    if (purged > 0) notePurged(this.wilderness, b, purged);
    if (total < POLICY_RUN) return false;
    countSincePurge(this.wilderness, size);
    return true;
  }

  /** Coalesces the last block, and a free block below it, with the wilderness. */
  #releaseAtTop(freed: Block, below: Block): void {
    const { m, record } = this;
    if (below === 0) {
      this.lowerTop(freed, 1, 0);
      return;
    }
    const purged = this.remove(below);
    this.countCoalesced(Rec.coalescedBackward, below, (m[record + Rec.top]! - below) * WORD_BYTES);
    this.lowerTop(below, 1, purged);
  }

  /** Makes wilderness of the `blocks` blocks from `b` up to the top, of which `purged` pages are purged. */
  lowerTop(b: Block, blocks: number, purged: number): void {
    const { wilderness } = this;
    countSincePurge(wilderness, (this.m[this.record + Rec.top]! - b) * WORD_BYTES);
    wilderness.lowerTop(b, blocks);
    // All of the wilderness below `commit` counts as charged, so that some pages of it cannot be purged: it is purged as a whole.
    if (purged > 0) purgeWilderness(wilderness, purged);
  }

  // ---- Free blocks in their bins ----

  /** Links a FREE block into its bin. */
  put(b: Block, size: number): void {
    const { m, record } = this;
    link(m, this.bins, b, size);
    m[record + Rec.freeBlocks] = m[record + Rec.freeBlocks]! + 1;
    m[record + Rec.freeUnits] = m[record + Rec.freeUnits]! + (size >>> 4);
  }

  /** Unlinks a verified FREE block; returns how many of its pages are purged. */
  remove(b: Block): number {
    const { m, record } = this;
    unlink(m, this.bins, b);
    m[record + Rec.freeBlocks] = m[record + Rec.freeBlocks]! - 1;
    m[record + Rec.freeUnits] = m[record + Rec.freeUnits]! - (sizeOf(m, b) >>> 4);
    const purged = purgedPages(m, b);
    if (purged !== 0) m[record + Rec.purgedPages] = m[record + Rec.purgedPages]! - purged;
    return purged;
  }

  /**
   * Changes the size of a verified FREE block in its bin. Returns how many of its pages were purged: the block is not PURGED
   * afterwards, and the caller notes them again. If the new size belongs in the same bin, as for most large blocks, no list is
   * touched.
   */
  #resize(b: Block, size: number): number {
    const { m } = this;
    const old = sizeOf(m, b);
    if (!isPurged(m, b) && binOf(old) === binOf(size)) {
      writeFree(m, b, size, this.secret);
      m[this.record + Rec.freeUnits] = m[this.record + Rec.freeUnits]! + ((size - old) >> 4);
      return 0;
    }
    const purged = this.remove(b);
    writeFree(m, b, size, this.secret);
    this.put(b, size);
    return purged;
  }

  /**
   * Moves the start of a verified FREE block in its bin up to `start`, with `size` bytes left; false, with nothing changed, when
   * it would belong in another bin or is PURGED. The caller then resizes the block below: that store makes the change valid.
   */
  raise(b: Block, start: Block, size: number): boolean {
    const { m } = this;
    const old = sizeOf(m, b);
    if (size <= LEAST_BINNED || isPurged(m, b) || binOf(old) !== binOf(size)) return false;
    writeFree(m, start, size, this.secret);
    replace(m, b, start);
    m[this.record + Rec.freeUnits] = m[this.record + Rec.freeUnits]! - ((old - size) >>> 4);
    return true;
  }

  /**
   * Makes the first `size` bytes of a verified FREE block in its bin live, and splits off the remainder if a block fits in it. A
   * small remainder goes into its small bin.
   */
  cut(b: Block, size: number): void {
    const { m, secret } = this;
    const rest = sizeOf(m, b) - size;
    const remainder = (b + (size >>> 2)) as Block;
    if (rest <= LEAST_BINNED) {
      const above = nextOf(m, b);
      this.remove(b);
      markPreviousLive(m, above);
      if (rest < MIN_BLOCK) {
        writeLive(m, b, size + rest, secret);
        return;
      }
      writeCached(m, remainder, rest);
      writeLive(m, b, size, secret);
      pushSmall(m, this.smallBins, remainder);
    } else if (!this.raise(b, remainder, rest)) {
      const unused = purgedPages(m, b) - this.pagesUsed(b, size);
      this.remove(b);
      writeFree(m, remainder, rest, secret);
      writeLive(m, b, size, secret);
      this.put(remainder, rest);
      if (unused > 0) notePurged(this.wilderness, remainder, unused);
    } else {
      writeLive(m, b, size, secret);
    }
    this.countSplits(remainder, rest, 1);
  }

  /** Charges the purged pages of a FREE block that `size` bytes of it will use; false when the limit forbids it. */
  #chargeUsed(b: Block, size: number): boolean {
    return this.wilderness.account.charge(this.pagesUsed(b, size));
  }

  /**
   * How many purged pages are used when `size` bytes are taken from a FREE block. Which pages are purged is not known. It is
   * assumed that those taken are, so that the charge is never too low.
   */
  pagesUsed(b: Block, size: number): number {
    const { m } = this;
    const purged = purgedPages(m, b);
    if (purged === 0) return 0;
    const { pageSize } = this.wilderness;
    const have = sizeOf(m, b);
    if (have - size <= LEAST_BINNED) return purged; // the remainder is no FREE block, and has no count of them
    const unused = innerPages((b + (size >>> 2)) as Block, have - size, pageSize);
    return Math.min(purged, innerPages(b, have, pageSize) - unused);
  }

  // ---- Neighbours ----

  /** The block above, or the wilderness. Verifies its header, which a write past the end of `b` overwrites. */
  above(b: Block): Block {
    const { m, record } = this;
    const next = nextOf(m, b);
    if (next === m[record + Rec.top]) return next;
    if (!isIntact(m, next, this.secret)) throw headerOverwritten(m, next);
    if (isFree(m, next)) checkLinks(m, next, record);
    return next;
  }

  /** The free block below, by its footer. Verifies that the header there agrees. */
  below(b: Block): Block {
    const { m, record } = this;
    const below = previousOf(m, b);
    const plausible = below > 0 && below < b && isOwned(m, below, record);
    if (!plausible || !isIntact(m, below, this.secret) || !isFree(m, below) || nextOf(m, below) !== b) {
      throw belowOverwritten(m, b);
    }
    checkLinks(m, below, record);
    return below;
  }

  // ---- Counting ----

  /** Counts `splits` splits. */
  countSplits(remainder: Block, rest: number, splits: number): void {
    const { m, record, wilderness } = this;
    m[record + Rec.blocks] = m[record + Rec.blocks]! + splits;
    m[record + Rec.splits] = m[record + Rec.splits]! + splits;
    wilderness.hooks.trace?.("split", wilderness.window.pointerOf(remainder), rest);
  }

  /** Counts that two blocks were coalesced to `b`. */
  countCoalesced(counter: number, b: Block, total: number): void {
    const { m, record, wilderness } = this;
    m[record + counter] = m[record + counter]! + 1;
    m[record + Rec.blocks] = m[record + Rec.blocks]! - 1;
    if (wilderness.hooks.trace === null) return;
    const step = counter === Rec.coalescedForward ? "coalesce forward" : "coalesce backward";
    wilderness.hooks.trace(step, wilderness.window.pointerOf(b), total);
  }
}

if (binOf(POLICY_RUN) >= BIN_COUNT) throw new Error("pool: no bin holds blocks of that size");
if (LEAST_BINNED > MAX_CACHED) throw new Error("pool: blocks of some size have no list");
