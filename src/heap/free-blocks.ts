/**
 * Free blocks of one heap: how they are binned and split, and how a freed one is coalesced with its neighbours.
 *
 * Owns that for blocks over 1,024 bytes; smaller ones, which are not coalesced, it puts into their small bins. Must not know which
 * block serves a request, C semantics, or other heaps' memory. One thread at a time uses them; their whole state is the heap record.
 *
 * After every single store the size words can be walked from a segment's start to its end: a remainder's header is written
 * before the block in front of it shrinks, and two blocks become one by one store.
 */
import { BIN_COUNT, binOf, checkLinks, LEAST_BINNED, link, replace, unlink } from "../block/bins.js";
import {
  innerPages,
  isFree,
  isIntact,
  isPreviousFree,
  isPurged,
  MIN_BLOCK,
  markCached,
  markPreviousFree,
  markPreviousLive,
  nextOf,
  previousOf,
  purgedPages,
  sizeOf,
  writeCached,
  writeFree,
  writeLive,
} from "../block/block.js";
import { belowOverwritten, headerOverwritten } from "../block/damage.js";
import { isOwned } from "../memory/control.js";
import { type Block, WORD_BYTES } from "../memory/memory.js";
import { countSincePurge, notePurged, POLICY_RUN, purgeWilderness } from "./purge.js";
import { binsOf, Rec, smallBinsOf } from "./record.js";
import { pushSmall } from "./small-bins.js";
import type { Wilderness } from "./wilderness.js";

export class FreeBlocks {
  readonly wilderness: Wilderness;
  readonly m: Int32Array;
  readonly record: number;
  readonly secret: number;
  readonly smallBins: number;
  readonly bins: number;

  constructor(wilderness: Wilderness) {
    this.wilderness = wilderness;
    this.m = wilderness.m;
    this.record = wilderness.record;
    this.secret = wilderness.secret;
    this.smallBins = smallBinsOf(this.record);
    this.bins = binsOf(this.record);
    wilderness.keepRest = (b, untouched) => {
      this.keep(b);
      if (isFree(this.m, b)) notePurged(wilderness, b, untouched); // never touched: counted as purged
    };
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
  chargeUsed(b: Block, size: number): boolean {
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

if (binOf(POLICY_RUN) >= BIN_COUNT) throw new Error("free-blocks: no bin holds blocks of that size");
