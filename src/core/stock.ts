/**
 * The stock of one heap: its cache, and how that is filled.
 *
 * Owns the slow side of malloc and free of small blocks, and the policy: when more is committed, when memory is given back,
 * when what other threads freed is taken back. Must not know the fast paths, or how cached blocks are joined.
 */
import { GRAIN, markLive, sizeOf } from "./block.js";
import { CACHED_UNITS, isFull, pop, push, roomOf } from "./cache.js";
import { heats, makeHot, nextEvicted } from "./hot.js";
import { drain, hasReturned } from "./inbox.js";
import { Joins } from "./joins.js";
import type { Block, Pointer } from "./memory.js";
import { Rec } from "./record.js";
import { trim, uncommit } from "./trim.js";
import { NOTHING_CLEAN } from "./wilderness.js";

/**
 * Bytes carved at once for a size whose stack is empty: so many, or this share of the heap where that is more. With the
 * share a recorded php program takes 18 % fewer instructions, and peaks 0.1 % higher; four times as large it gains nothing.
 */
const BATCH_BYTES = 1024;
const BATCH_SHARE = 1 / 4096;

export class Stock extends Joins {
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
    if (this.isMostlySpilled()) this.joinCache();
    if (this.unspill(units) > 0) return pop(m, this.cache, units);
    if (hasReturned(m, record)) {
      this.drain();
      const b = pop(m, this.cache, units);
      if (b !== 0) return b;
    }
    const most = this.#batchOf(units);
    return this.#takeExact(units, most) || this.#carveBatch(units, most);
  }

  /** How many blocks of a size are had at once: one at least, and no more than half a stack. */
  #batchOf(units: number): number {
    const bytes = Math.max(BATCH_BYTES, this.store.extentUnits() * GRAIN * BATCH_SHARE);
    const room = roomOf(this.words, this.cache, units) >>> 1;
    return Math.max(1, Math.min(room, (bytes / (units * GRAIN)) | 0));
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
    const old = nextEvicted(m, this.cache, units);
    if (old !== 0) this.joinStack(old);
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
    if (!hasReturned(this.words, this.record)) return;
    drain(this.window, this.record, this.secret, (b) => this.#takeBack(b));
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

  /** The same, and lets go of what is committed and was never touched; whether the heap is charged less than before. */
  relieve(): boolean {
    const charged = this.words[this.record + Rec.charged]!;
    this.trim();
    uncommit(this.store);
    return this.words[this.record + Rec.charged]! < charged;
  }

  /** Pages charged to this heap that were touched. */
  #heldPages(): number {
    return this.words[this.record + Rec.charged]! - this.store.slackPages();
  }

  /** Neither bins nor committed wilderness have it: what came back and what is cached is joined, then more committed. */
  replenish(bytes: number): Block {
    if (hasReturned(this.words, this.record)) {
      this.drain();
      const b = this.store.take(bytes);
      if (b !== 0) return b;
    }
    if (this.joinFirst()) {
      const b = this.store.take(bytes);
      if (b !== 0) return b;
    }
    return this.store.growWithin(bytes);
  }

  /** More address space. */
  growOut(bytes: number): Block {
    const grown = this.store.grow(bytes);
    if (grown !== 0) return grown;
    // Nothing more is to be had: the last cached block counts now, then free pages elsewhere in the heap, then any run.
    const joined = this.takeJoined(bytes);
    if (joined !== 0) return joined;
    trim(this.store, this.store.runs.pageSize);
    return this.store.take(bytes) || this.store.takeAffordable(bytes) || this.store.grow(bytes);
  }

  /** The same from what is there, when every cached block is joined. */
  protected takeJoined(bytes: number): Block {
    this.joinCache();
    return this.store.take(bytes);
  }

  /** A block that came back: into the cache, or joined. Whether memory is given back is asked when all came. */
  #takeBack(b: Block): void {
    const m = this.words;
    const units = sizeOf(m, b) >>> 4;
    if (units > CACHED_UNITS) {
      this.store.release(b);
      return;
    }
    if (isFull(m, this.cache, units)) this.countSpilled(this.bundles.spill(this.cache, units), units);
    push(m, this.cache, units, b);
  }
}
