/**
 * What one heap keeps in its cache, and when that is joined.
 *
 * Owns joining cached blocks: one by one or by a sweep, when a stack is full, when too much is spilled, before more is
 * committed. Must not know how stacks are filled.
 */
import { HeapError } from "../errors.js";
import { GRAIN, MIN_BLOCK } from "./block.js";
import { type Bundles, bundlesOf } from "./bundles.js";
import {
  CACHED_UNITS,
  closedTops,
  depthOf,
  emptyCache,
  HOT_STACKS,
  pop,
  push,
  SPILLED_SIZES,
} from "./cache.js";
import { Control } from "./control.js";
import type { Hooks } from "./hooks.js";
import { hotUnits } from "./hot.js";
import type { LargeBlocks } from "./large.js";
import type { Block, Window } from "./memory.js";
import { cacheOf, Rec } from "./record.js";
import type { Store } from "./store.js";
import { sweepVerified } from "./sweep.js";
import { POLICY_RUN, trim, trimIsDue } from "./trim.js";

/**
 * Spilled blocks are joined when they hold more than the trim threshold, so that what lies idle can go back to the
 * operating system, and more than this share of the bytes in use, so that joining costs no more per free than the
 * free itself did.
 */
const CACHE_SHARE = 0.5;
/** More memory is committed only while spilled blocks are less than this share of the heap. */
const JOIN_FIRST_SHARE = 1 / 64;
/**
 * When a stack is empty and more than this share of the heap is spilled, all of it is joined before the stack is filled. Blocks
 * come back in the order in which they were freed, and after a few rounds that is any; joined they are carved in the order of
 * memory again, which the processor fetches ahead: the recorded php and xmllint programs take an eighth less time. With a
 * quarter there are so many sweeps that some programs lose what others gain. What loses by it is blocks that nobody
 * touches, freed in the order of memory: batch-mixed takes two to three times as long.
 */
const MOSTLY_SPILLED_SHARE = 1 / 2;
/**
 * Less than 1 MiB, in units, is never worth that: what the processor keeps in its caches need not be fetched in order, and
 * sh6bench with its 0.9 MiB took a quarter more. Nor are blocks of fewer sizes: carved anew they lie where they lay.
 */
const LEAST_SPILLED = 65536;
const LEAST_SIZES = 4;
/** A cache of more than this share of the heap is joined by a sweep. */
const SWEEP_SHARE = 1 / 16;

export class Joins {
  readonly window: Window;
  readonly words: Int32Array;
  readonly store: Store;
  readonly large: LargeBlocks;
  readonly hooks: Hooks;
  readonly record: number;
  readonly secret: number;
  readonly payloadBase: number;
  readonly cache: number;
  readonly bundles: Bundles;
  /** The table of stack tops that the fast paths use. */
  tops: number;
  /** The one with which they find every stack empty and full. */
  readonly closedTops: number;

  constructor(store: Store, large: LargeBlocks) {
    this.window = store.window;
    this.words = store.window.words;
    this.store = store;
    this.hooks = store.hooks;
    this.large = large;
    this.record = store.record;
    this.secret = this.words[Control.secret]!;
    this.payloadBase = store.window.payloadBase;
    this.cache = cacheOf(store.record);
    this.tops = this.cache;
    this.closedTops = closedTops(this.cache);
    this.bundles = bundlesOf(this.words);
  }

  /** Joins every cached block. */
  joinCache(): void {
    const m = this.words;
    const { record } = this;
    const share = m[record + Rec.spilledUnits]! / this.store.extentUnits();
    if (share > SWEEP_SHARE && this.hooks.trace === null) {
      this.#sweep();
    } else {
      this.#joinEach();
    }
    this.#considerTrim();
  }

  /** All at once, by the headers alone. */
  #sweep(): void {
    sweepVerified(this.store, () => emptyCache(this.words, this.cache));
  }

  /** Block by block, each size after the other. */
  #joinEach(): void {
    for (let units = MIN_BLOCK / GRAIN; units <= CACHED_UNITS; units++) this.#joinSize(units);
    this.#joinHot();
  }

  /** The same for the blocks of hot sizes alone; whether there were any. */
  #joinHot(): boolean {
    const m = this.words;
    let any = false;
    for (let i = 0; i < HOT_STACKS; i++) {
      const units = hotUnits(m, this.cache, i);
      if (units === 0 || depthOf(m, this.cache, units) === 0) continue;
      this.joinStack(units);
      any = true;
    }
    return any;
  }

  /** Joins what one stack has. Each block leaves it before it is joined, and comes back when an error leaves it as it was. */
  protected joinStack(units: number): void {
    const m = this.words;
    for (let b = pop(m, this.cache, units); b !== 0; b = pop(m, this.cache, units)) {
      try {
        this.store.release(b);
      } catch (error) {
        if (error instanceof HeapError) push(m, this.cache, units, b);
        throw error;
      }
    }
  }

  /** The same, with what it spilled. */
  #joinSize(units: number): void {
    do this.joinStack(units);
    while (this.unspill(units) > 0);
  }

  /**
   * What an empty stack spilled last comes back; how many blocks. A write into a freed block may have broken the list:
   * then it was dropped, and the error is thrown after its blocks were found again by their headers.
   */
  protected unspill(units: number): number {
    try {
      const count = this.bundles.unspill(this.cache, units, this.secret, this.record);
      if (count !== 0) this.countSpilled(-count, units);
      return count;
    } catch (error) {
      if (error instanceof HeapError) this.#sweep();
      throw error;
    }
  }

  /** Whether all that is spilled is to be joined before a stack is filled from it. */
  protected isMostlySpilled(): boolean {
    const m = this.words;
    const spilled = m[this.record + Rec.spilledUnits]!;
    if (spilled <= LEAST_SPILLED || spilled <= this.store.extentUnits() * MOSTLY_SPILLED_SHARE) return false;
    return m[this.cache + SPILLED_SIZES]! >= LEAST_SIZES;
  }

  /** Joins what is worth it before more is committed: all, or what is kept of hot sizes; whether anything was. */
  protected joinFirst(): boolean {
    if (!this.#cacheHolds()) return this.#joinHot();
    this.joinCache();
    return true;
  }

  /** Whether enough is spilled for joining it to be better than committing more. */
  #cacheHolds(): boolean {
    const m = this.words;
    return m[this.record + Rec.spilledUnits]! > this.store.extentUnits() * JOIN_FIRST_SHARE;
  }

  /** Makes room in a full stack; joins everything when lists hold more than CACHE_SHARE of what is in use. */
  makeRoom(units: number): void {
    const m = this.words;
    const { record } = this;
    this.countSpilled(this.bundles.spill(this.cache, units), units);
    const spilled = m[record + Rec.spilledUnits]!;
    if (spilled <= (m[Control.trimPages]! * m[Control.pageSize]!) / GRAIN) return;
    if (spilled > (this.store.extentUnits() - m[record + Rec.freeUnits]! - spilled) * CACHE_SHARE)
      this.joinCache();
  }

  /** Counts blocks that were spilled, or came back. */
  protected countSpilled(blocks: number, units: number): void {
    const m = this.words;
    m[this.record + Rec.spilledUnits] = m[this.record + Rec.spilledUnits]! + blocks * units;
    m[this.record + Rec.spilledBlocks] = m[this.record + Rec.spilledBlocks]! + blocks;
  }

  /** Joins a block with its neighbours at once. */
  release(b: Block): void {
    if (this.store.release(b)) this.#considerTrim();
  }

  #considerTrim(): void {
    if (trimIsDue(this.store)) trim(this.store, POLICY_RUN);
  }
}
