/**
 * The store: the joined blocks of one heap, in bins, and the wilderness above them.
 *
 * Owns how a block is found, carved from a free run, joined and put back. Must not know the cache above it, C
 * semantics, or other heaps' memory. One thread at a time uses a store; its whole state is the heap record.
 *
 * Every update is a chain of stores after each of which the size words can be walked from a segment's start to its
 * end: a remainder's header is written before the block in front of it shrinks, and two blocks become one by one
 * store.
 */
import { corrupt, hex } from "../errors.js";
import {
  gonePages,
  isFree,
  isGone,
  isPreviousFree,
  isSealed,
  MIN_BLOCK,
  markCached,
  markPreviousFree,
  markPreviousLive,
  nextOf,
  previousOf,
  sizeOf,
  writeFree,
} from "./block.js";
import { isOwned } from "./control.js";
import { type Block, WORD_BYTES } from "./memory.js";
import { Rec } from "./record.js";
import { POLICY_RUN } from "./trim.js";
import { NOTHING_CLEAN, Wilderness } from "./wilderness.js";

/** A run is small for blocks that fit into it no more often than this. */
const SMALL_RUN = 8;

export class Store extends Wilderness {
  /** A live block of `size` bytes or little more, from bins or committed wilderness; 0 if neither has it. */
  take(size: number): Block {
    const run = this.runs.find(size);
    if (run === 0) return this.carveOne(size);
    return this.#takeFrom(run, size) || this.takeAffordable(size);
  }

  /**
   * The same from any run that the limit lets be used: at the limit pages of the one that fits best may have been given back;
   * and take() does not look at all of the runs of a bin.
   */
  takeAffordable(size: number): Block {
    const run = this.runs.findAmongAll(size, (b) => this.account.affords(this.pagesTaken(b, size)));
    return run === 0 ? this.carveOne(size) : this.#takeFrom(run, size);
  }

  /** The lower end of a run, or all of it. */
  #takeFrom(run: Block, size: number): Block {
    this.cleanFrom = NOTHING_CLEAN;
    if (isGone(this.m, run)) return this.#takeGone(run, size);
    this.runs.cut(run, size);
    return run;
  }

  /** A whole free block, made live, in which an aligned block of `size` bytes fits; 0 if none is found. */
  takeAligned(size: number, alignment: number): Block {
    const b = this.runs.findAligned(size, alignment);
    if (b !== 0) this.runs.cut(b, sizeOf(this.m, b));
    return b;
  }

  /**
   * Carves up to `most` blocks of `size` bytes that lie one after the other, all marked CACHED, and returns the
   * lowest; `carved` says how many. One header each and one store for all of them, where single blocks would take a
   * search and a relinked remainder each. 0 if neither bins nor committed wilderness have even one.
   */
  carve(size: number, most: number): Block {
    const m = this.m;
    const run = this.runs.findForMany(size);
    if (run === 0) return this.carveMany(size, most);
    const have = sizeOf(m, run);
    if (have < 2 * size || isGone(m, run)) {
      const b = this.#takeFrom(run, size) || this.takeAffordable(size);
      this.carved = b === 0 ? 0 : 1;
      if (b !== 0) markCached(m, b);
      return b;
    }
    return this.#carveFrom(run, size, most);
  }

  /**
   * The same from one more small run in the bins, where the first gave fewer than were wanted; 0 when the smallest that fits is
   * large: those stay whole.
   */
  carveMore(size: number, most: number): Block {
    const m = this.m;
    const run = this.runs.findForMany(size);
    if (run === 0 || sizeOf(m, run) > size * SMALL_RUN || isGone(m, run)) return 0 as Block;
    return this.#carveFrom(run, size, most);
  }

  /** From the upper end of a run none of whose pages are gone; 0 when a block would leave too little to be one. */
  #carveFrom(run: Block, size: number, most: number): Block {
    const have = sizeOf(this.m, run);
    let count = Math.min(most, (have / size) | 0);
    let rest = have - count * size;
    if (rest > 0 && rest < MIN_BLOCK) {
      count--;
      rest += size;
    }
    this.carved = count;
    if (count === 0) return 0 as Block;
    this.#carveRun(run, have, size, count, rest);
    return (run + (rest >>> 2)) as Block;
  }

  /**
   * Joins a live or cached block with its free neighbours, and keeps it for later; whether it came into a large run.
   * Throws ERR_HEAP_CORRUPT, with nothing changed, when a neighbour's header or footer was overwritten.
   */
  release(freed: Block): boolean {
    const m = this.m;
    const size = sizeOf(m, freed);
    const next = this.above(freed);
    const below = isPreviousFree(m, freed) ? this.below(freed) : (0 as Block);
    markCached(m, freed);
    if (next === m[this.record + Rec.top]) {
      this.#releaseAtTop(freed, below);
      return true;
    }
    let b = freed;
    let total = size;
    let gone = 0; // pages given back in the neighbours: they stay so in what they are joined to
    if (isFree(m, next)) {
      gone = this.runs.remove(next);
      total += sizeOf(m, next);
      this.countMerge(Rec.mergesForward, b, total);
    } else {
      markPreviousFree(m, next);
    }
    if (below === 0) {
      writeFree(m, b, total, this.secret);
      this.runs.put(b, total);
    } else {
      b = below;
      total += sizeOf(m, b);
      gone += this.runs.resize(b, total);
      this.countMerge(Rec.mergesBackward, b, total);
    }
    if (gone > 0) this.runs.setGone(b, gone);
    if (total < POLICY_RUN) return false;
    this.loosen(size);
    return true;
  }

  /** The last block was freed: it, and a free block below it, become wilderness. */
  #releaseAtTop(freed: Block, below: Block): void {
    if (below === 0) {
      this.retreat(freed, 1, 0);
      return;
    }
    const gone = this.runs.remove(below);
    this.countMerge(Rec.mergesBackward, below, (this.m[this.record + Rec.top]! - below) * WORD_BYTES);
    this.retreat(below, 1, gone);
  }

  /** From the upper end of a run, so that what is left of it keeps its place in its bin. */
  #carveRun(run: Block, have: number, size: number, count: number, rest: number): void {
    const m = this.m;
    const first = (run + (rest >>> 2)) as Block;
    const above = (run + (have >>> 2)) as Block;
    if (rest === 0) this.runs.remove(run);
    this.loops.layOut(first, size, count, this.secret);
    if (rest > 0) {
      this.runs.resize(run, rest);
      markPreviousFree(m, first);
    }
    markPreviousLive(m, above);
    m[this.record + Rec.blocks] = m[this.record + Rec.blocks]! + count - (rest === 0 ? 1 : 0);
    m[this.record + Rec.splits] = m[this.record + Rec.splits]! + count - (rest === 0 ? 1 : 0);
    if (this.hooks.trace !== null) this.hooks.trace("split", this.window.pointerOf(first), count * size);
  }

  /** A block whose pages were given back is footprint again as far as it is used. */
  #takeGone(b: Block, size: number): Block {
    const gone = gonePages(this.m, b);
    const used = this.pagesTaken(b, size);
    if (!this.account.charge(used)) return 0 as Block;
    const remainder = this.runs.cut(b, size);
    if (gone > used) this.runs.setGone(remainder, gone - used);
    return b;
  }

  /**
   * How many pages that were given back are used again when `size` bytes are taken from a run. Which ones are gone is not known;
   * that those in use then were is the assumption that never counts too few.
   */
  pagesTaken(b: Block, size: number): number {
    const gone = gonePages(this.m, b);
    if (gone === 0) return 0;
    const have = sizeOf(this.m, b);
    const rest = have - size;
    const inner = rest < MIN_BLOCK ? 0 : this.runs.innerPages((b + (size >>> 2)) as Block, rest);
    return Math.min(gone, this.runs.innerPages(b, have) - inner);
  }

  /** Counts blocks that a sweep joined to the one below. */
  countJoined(blocks: number): void {
    const m = this.m;
    m[this.record + Rec.mergesForward] = m[this.record + Rec.mergesForward]! + blocks;
    m[this.record + Rec.blocks] = m[this.record + Rec.blocks]! - blocks;
  }

  countMerge(counter: number, b: Block, total: number): void {
    const m = this.m;
    m[this.record + counter] = m[this.record + counter]! + 1;
    m[this.record + Rec.blocks] = m[this.record + Rec.blocks]! - 1;
    if (this.hooks.trace === null) return;
    this.hooks.trace(
      counter === Rec.mergesForward ? "merge forward" : "merge backward",
      this.window.pointerOf(b),
      total,
    );
  }

  /** The block above, or the wilderness; a write past the end of the one below shows in its header. */
  above(b: Block): Block {
    const m = this.m;
    const next = nextOf(m, b);
    if (next === m[this.record + Rec.top]) return next;
    if (!isSealed(m, next, this.secret)) throw this.#brokenAbove(b);
    if (isFree(m, next)) this.runs.verify(next);
    return next;
  }

  /** The free block below; what its footer says is believed only if the header there agrees. */
  below(b: Block): Block {
    const m = this.m;
    const below = previousOf(m, b);
    const plausible = below > 0 && below < b && isOwned(m, below, this.record);
    if (!plausible || !isSealed(m, below, this.secret) || !isFree(m, below) || nextOf(m, below) !== b) {
      throw this.#brokenBelow(b);
    }
    this.runs.verify(below);
    return below;
  }

  #brokenAbove(b: Block): Error {
    return corrupt(
      `the header above the block at ${hex(this.window.pointerOf(b))} (${sizeOf(this.m, b)} bytes) was overwritten`,
    );
  }

  #brokenBelow(b: Block): Error {
    return corrupt(`the free block below ${hex(this.window.pointerOf(b))} has a footer that leads nowhere`);
  }
}
