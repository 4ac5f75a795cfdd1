/**
 * The stock of one heap: its cache, and how that is filled, emptied and joined.
 *
 * Owns the slow side of malloc and free of small blocks, and the policy: when cached blocks are joined, when more is
 * committed, when memory is given back, when what other threads freed is taken back. Must not know the fast paths.
 */
import { GRAIN, MIN_BLOCK, markCached, markLive, sizeOf } from "./block.js";
import { type Bundles, bundlesOf } from "./bundles.js";
import {
  CACHED_UNITS,
  closedTops,
  depthOf,
  emptyCache,
  entryOf,
  HOT_STACKS,
  isFull,
  pop,
  push,
  roomOf,
  SPILLED_SIZES,
} from "./cache.js";
import { Control } from "./control.js";
import type { Hooks } from "./hooks.js";
import { coolest, heats, hotUnits, makeHot } from "./hot.js";
import { drain } from "./inbox.js";
import type { LargeBlocks } from "./large.js";
import type { Block, Pointer, Window } from "./memory.js";
import { cacheOf, Rec } from "./record.js";
import type { Store } from "./store.js";
import { sweepVerified } from "./sweep.js";
import { POLICY_RUN, trim, trimIsDue } from "./trim.js";
import { NOTHING_CLEAN } from "./wilderness.js";

// Constants of other modules, by names of this module's own: V8 folds those into the code, and loads an imported
// one from its cell each time.
const {
  charged: CHARGED,
  freeUnits: FREE_UNITS,
  remote: REMOTE,
  spilledBlocks: SPILLED_BLOCKS,
  spilledUnits: SPILLED_UNITS,
} = Rec;
const { pageSize: PAGE_SIZE, secret: SECRET, trimPages: TRIM_PAGES } = Control;

/**
 * Bytes carved at once for a size whose stack is empty: so many, or this share of the heap where that is more. With the
 * share a recorded php program takes 18 % fewer instructions, and peaks 0.1 % higher; four times as large it gains nothing.
 */
const BATCH_BYTES = 1024;
const BATCH_SHARE = 1 / 4096;
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
 * memory again, which the processor fetches ahead. Recorded php, xmllint and ruby programs take an eighth less time. With a
 * quarter there are so many sweeps that a second php program takes a fifth more. What loses by it is blocks that nobody
 * touches, freed in the order of memory: batch-mixed takes two to three times as long.
 */
const MOSTLY_SPILLED_SHARE = 1 / 2;
/**
 * Less than 1 MiB, in units, is never worth that: what the processor keeps in its caches need not be fetched in order, and
 * sh6bench with its 0.9 MiB took a quarter more. Nor are blocks of fewer sizes: carved anew they lie where they lay.
 */
const LEAST_SPILLED = 65536;
const LEAST_SIZES = 4;
/** A cache of more than this share of the heap is joined by a sweep. Where an eighth was needed, a recorded ruby program took 5 % more. */
const SWEEP_SHARE = 1 / 16;

export class Stock {
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
    this.secret = this.words[SECRET]!;
    this.payloadBase = store.window.payloadBase;
    this.cache = cacheOf(store.record);
    this.tops = this.cache;
    this.closedTops = closedTops(this.cache);
    this.bundles = bundlesOf(this.words);
  }

  /** A CACHED block of that size, no longer in the cache; or 0. */
  fromCache(units: number): Block {
    return pop(this.words, this.cache, units) || this.#refill(units);
  }

  madeLive(b: Block): Pointer {
    markLive(this.words, b, this.secret);
    this.store.cleanFrom = NOTHING_CLEAN;
    return this.window.pointerOf(b);
  }

  /**
   * An empty stack gets what it spilled, what came back from other threads, or new blocks. One of them, still CACHED.
   *
   * In this order: what comes back meanwhile then comes all at once and in the order in which it went. Taken back first,
   * on top of what was spilled, it is shuffled more with every round, and once neighbours travel apart their common cache
   * lines go to and fro between the threads: 200 ns per block that another thread frees, where it is 55 in order.
   */
  #refill(units: number): Block {
    const m = this.words;
    const { record } = this;
    if (m[record + SPILLED_UNITS]! > LEAST_SPILLED && this.#isMostlySpilled()) this.joinCache();
    const count = this.bundles.unspill(this.cache, units, this.secret, this.record);
    if (count !== 0) {
      this.#countSpilled(-count, units);
      return pop(m, this.cache, units);
    }
    if (m[record + REMOTE] !== 0) {
      this.drain();
      const b = pop(m, this.cache, units);
      if (b !== 0) return b;
    }
    const bytes = Math.max(BATCH_BYTES, this.store.extentUnits() * GRAIN * BATCH_SHARE);
    const most = Math.min(roomOf(m, this.cache, units) >>> 1, (bytes / (units * GRAIN)) | 0);
    return this.#takeExact(units, Math.max(1, most)) || this.#carveBatch(units, Math.max(1, most));
  }

  /**
   * Free blocks of just that size go into the stack, several at once. After a sweep a bin may hold very many, each between
   * two live blocks: taken one by one, a search and a few calls each, they cost a recorded Lua program a fifth of its time.
   */
  #takeExact(units: number, most: number): Block {
    const m = this.words;
    const top = m[this.cache + units]!;
    const taken = this.store.runs.takeExact(units << 4, top, most);
    if (taken === 0) return 0 as Block;
    m[this.cache + units] = top + taken;
    return pop(m, this.cache, units);
  }

  /**
   * Notes a request for a size above MAX_CACHED that no cached block served, and gives the size a stack when it is asked for
   * often. What was in that stack is joined.
   */
  protected warm(units: number): void {
    const m = this.words;
    if (!heats(m, this.cache, units)) return;
    const old = coolest(m, this.cache, units);
    if (old !== 0) this.#joinStack(old);
    makeHot(m, this.cache, units, this.store.extentUnits());
  }

  /**
   * The lowest of a batch goes out first, the others wait in the stack so that they follow in the order of memory. Where runs
   * are so small that one does not make a batch, more of them do: in a heap that is in pieces, one run each time, a recorded
   * Lua program filled its stacks 58,000 times, for five blocks each.
   */
  #carveBatch(units: number, most: number): Block {
    const { store, bundles, cache } = this;
    const first = store.carve(units << 4, most);
    let left = first === 0 ? 0 : most - store.carved;
    if (store.carved > 1) bundles.fill(cache, units, first + (units << 2), store.carved - 1);
    while (left > 0) {
      const more = store.carveMore(units << 4, left);
      if (more === 0) break;
      bundles.fill(cache, units, more, store.carved);
      left -= store.carved;
    }
    return first;
  }

  /** A live block of `bytes` (header included), from the store; 0 when memory is out. */
  takeBlock(bytes: number): Block {
    return this.store.take(bytes) || this.replenish(bytes) || this.growOut(bytes);
  }

  /** Takes back what other threads freed. */
  drain(): void {
    if (this.words[this.record + REMOTE] === 0) return;
    drain(this.window, this.record, this.secret, (b) => this.#takeBack(b));
  }

  /** Joins every cached block. */
  joinCache(): void {
    const m = this.words;
    const { record } = this;
    const share = m[record + SPILLED_UNITS]! / this.store.extentUnits();
    if (share > SWEEP_SHARE && this.hooks.trace === null) {
      sweepVerified(this.store, () => emptyCache(m, this.cache));
    } else {
      this.#joinEach();
    }
    this.#considerTrim();
  }

  /** Gives every free page back to the operating system; returns bytes. */
  trim(): number {
    const { pageSize } = this.store.runs;
    const held = this.#heldPages();
    // These two give pages back themselves where a run of which some are gone comes to lie below the top.
    this.drain();
    this.joinCache();
    trim(this.store, pageSize);
    return (held - this.#heldPages()) * pageSize;
  }

  /** Pages charged to this heap that were touched. */
  #heldPages(): number {
    return this.words[this.record + CHARGED]! - this.store.slackPages();
  }

  /** Neither bins nor committed wilderness have it: what came back and what is cached is joined, then more committed. */
  replenish(bytes: number): Block {
    if (this.words[this.record + REMOTE] !== 0) {
      this.drain();
      const b = this.store.take(bytes);
      if (b !== 0) return b;
    }
    if (this.#joinFirst()) {
      const b = this.store.take(bytes);
      if (b !== 0) return b;
    }
    return this.store.growWithin(bytes);
  }

  /** More address space. */
  growOut(bytes: number): Block {
    const grown = this.store.grow(bytes);
    if (grown !== 0) return grown;
    // Nothing more is to be had: the last cached block counts now, then free pages elsewhere in the heap.
    this.joinCache();
    const joined = this.store.take(bytes);
    if (joined !== 0) return joined;
    if (trim(this.store, this.store.runs.pageSize) === 0) return 0 as Block;
    const b = this.store.take(bytes);
    return b === 0 ? this.store.grow(bytes) : b;
  }

  /** Block by block; each leaves the cache when it is joined, so that an error leaves it where it was. */
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
      this.#joinStack(units);
      any = true;
    }
    return any;
  }

  #joinStack(units: number): void {
    const m = this.words;
    for (let i = depthOf(m, this.cache, units) - 1; i >= 0; i--) {
      this.store.release(entryOf(m, this.cache, units, i));
      pop(m, this.cache, units);
    }
  }

  #joinSize(units: number): void {
    let count = 0;
    do {
      this.#countSpilled(-count, units);
      this.#joinStack(units);
      count = this.bundles.unspill(this.cache, units, this.secret, this.record);
    } while (count > 0);
  }

  /** Bytes in bins and spilled lists. */
  idleBytes(): number {
    const m = this.words;
    return (m[this.record + FREE_UNITS]! + m[this.record + SPILLED_UNITS]!) * GRAIN;
  }

  #isMostlySpilled(): boolean {
    const m = this.words;
    if (m[this.record + SPILLED_UNITS]! <= this.store.extentUnits() * MOSTLY_SPILLED_SHARE) return false;
    return m[this.cache + SPILLED_SIZES]! >= LEAST_SIZES;
  }

  /** Joins what is worth it before more is committed: all, or what is kept of hot sizes; whether anything was. */
  #joinFirst(): boolean {
    if (!this.#cacheHolds()) return this.#joinHot();
    this.joinCache();
    return true;
  }

  /** Whether enough is spilled for joining it to be better than committing more. */
  #cacheHolds(): boolean {
    const m = this.words;
    return m[this.record + SPILLED_UNITS]! > this.store.extentUnits() * JOIN_FIRST_SHARE;
  }

  /** Makes room in a full stack; joins everything when lists hold more than CACHE_SHARE of what is in use. */
  makeRoom(units: number): void {
    const m = this.words;
    const { record } = this;
    this.#countSpilled(this.bundles.spill(this.cache, units), units);
    const spilled = m[record + SPILLED_UNITS]!;
    if (spilled <= (m[TRIM_PAGES]! * m[PAGE_SIZE]!) / GRAIN) return;
    if (spilled > (this.store.extentUnits() - m[record + FREE_UNITS]! - spilled) * CACHE_SHARE)
      this.joinCache();
  }

  #countSpilled(blocks: number, units: number): void {
    const m = this.words;
    m[this.record + SPILLED_UNITS] = m[this.record + SPILLED_UNITS]! + blocks * units;
    m[this.record + SPILLED_BLOCKS] = m[this.record + SPILLED_BLOCKS]! + blocks;
  }

  /** A block that came back: into the cache, or joined. Whether memory is given back is asked when all came. */
  #takeBack(b: Block): void {
    const m = this.words;
    const units = sizeOf(m, b) >>> 4;
    if (units > CACHED_UNITS) {
      this.store.release(b);
      return;
    }
    if (isFull(m, this.cache, units)) this.#countSpilled(this.bundles.spill(this.cache, units), units);
    markCached(m, b);
    push(m, this.cache, units, b);
  }

  /** Joins a block with its neighbours at once. */
  release(b: Block): void {
    if (this.store.release(b)) this.#considerTrim();
  }

  #considerTrim(): void {
    if (trimIsDue(this.store)) trim(this.store, POLICY_RUN);
  }
}
