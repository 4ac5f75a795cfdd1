/**
 * One thread's heap: allocate and free.
 *
 * Owns the fast paths, the way from them to cache, pool, large blocks and other heaps, and the policy: when the cache is
 * consolidated, when more is committed, when memory is given back, when what other threads freed is taken back. Promises that
 * malloc and free of a small block by its own thread take plain loads and stores only. Must not know C semantics, or how other
 * threads' heaps are found.
 *
 *   malloc:  list of that size  ->  refill: small bin, designated victim, bins, wilderness  ->  consolidate  ->  commit more
 *   free:    list of that size; above 9 KiB coalesced at once  ->  give pages back
 *
 * While a tracer hangs in the hooks, `lists` points to closed ones: the fast paths find nothing and have no room,
 * and the slow paths, which use the real lists, do all the work and tell the tracer. That is why tracing that is
 * off costs nothing.
 */
import { LEAST_BINNED } from "../block/bins.js";
import {
  blockBytes,
  CACHED,
  isIntactLive,
  LEAST_REQUEST,
  MAX_BLOCK,
  MIN_BLOCK,
  markCached,
  markLive,
  PREVIOUS_FREE,
  ROUNDING,
  sizeOf,
  UNIT_BYTES,
} from "../block/block.js";
import { HeapError } from "../errors.js";
import type { LargeBlocks } from "../large/large.js";
import { LEAST_THRESHOLD } from "../large/large-churn.js";
import {
  CHUNK_SHIFT,
  CLOSED_LISTS,
  Control,
  NO_LIMIT,
  OWNERS,
  ownerOfWord,
  WORD_CHUNK_SHIFT,
} from "../memory/control.js";
import { type Block, HEADER_BYTES, type Pointer, type Window } from "../memory/memory.js";
import { watch } from "../platform/interruption.js";
import { ensureStack } from "../platform/stack.js";
import { footprintPages, heldPages } from "../shared/account.js";
import type { Hooks, TraceSink } from "../shared/hooks.js";
import { drain, hasReturned } from "../shared/inbox.js";
import { Outbox } from "../shared/remote.js";
import { cachedUnits, grantMore, LEFT, MAX_CACHED, pop, push } from "./cache.js";
import { consolidate, isWorthConsolidating } from "./consolidate.js";
import type { Elsewhere } from "./elsewhere.js";
import { gather, isWorthGathering } from "./gather.js";
import type { Pool } from "./pool.js";
import { makeUpFor, POLICY_RUN, purge, purgeIsDue, uncommit } from "./purge.js";
import { Rec } from "./record.js";
import { NOTHING_CLEAN, type Wilderness } from "./wilderness.js";

/** Largest request that the fast paths serve, in bytes. */
export const MAX_SMALL = MAX_CACHED - HEADER_BYTES;
/**
 * The cache is consolidated when it holds more than this share of the bytes in use, so that it costs no more per free than the
 * free itself did: what lies idle can then go back to the operating system, and what is allocated next lies in the order of
 * memory, which the processor fetches ahead.
 */
const CACHE_SHARE = 0.5;
/** Less is not worth it, in units of 16 bytes: 1 MiB, or the trim threshold. */
const LEAST_CONSOLIDATED = 65536;

export class ThreadHeap {
  readonly window: Window;
  readonly words: Int32Array;
  record: number;
  readonly secret: number;
  readonly payloadBase: number;
  cache: number;
  /** The lists that the fast paths use. */
  lists: number;
  wilderness: Wilderness;
  pool: Pool;
  large: LargeBlocks;
  readonly hooks: Hooks;
  outbox: Outbox;
  elsewhere: Elsewhere<ThreadHeap> | null;
  /** What the program that made this heap calls it; null for a thread's. */
  readonly name: string | null;

  constructor(pool: Pool, large: LargeBlocks, name: string | null = null) {
    const { wilderness } = pool;
    this.window = wilderness.window;
    this.words = pool.m;
    this.record = pool.record;
    this.secret = pool.secret;
    this.payloadBase = wilderness.window.payloadBase;
    this.cache = pool.cache;
    this.lists = wilderness.hooks.guard === null ? pool.cache : CLOSED_LISTS;
    this.wilderness = wilderness;
    this.pool = pool;
    this.large = large;
    this.hooks = wilderness.hooks;
    this.outbox = new Outbox(wilderness.window, pool.record, pool.secret);
    this.elsewhere = null;
    this.name = name;
  }

  // ---- Fast paths ----

  /** A cached block for a request from 0 to MAX_SMALL bytes; 0 when there is none. Follows no link that leads out of the heap. */
  popSmall(request: number): Pointer {
    const size = request <= LEAST_REQUEST ? MIN_BLOCK : (request + ROUNDING) & -UNIT_BYTES; // blockBytes()
    const m = this.words;
    const list = this.lists + (size >>> 2);
    const b = m[list]!;
    if (m[(b >>> WORD_CHUNK_SHIFT) + OWNERS] !== this.record || (m[b]! & ~PREVIOUS_FREE) !== (size | CACHED))
      return 0 as Pointer;
    m[list] = m[b + 1]!;
    m[list + LEFT]!++;
    m[b + 1] = size ^ b ^ this.secret;
    m[b]! &= ~CACHED;
    return (this.payloadBase + ((b << 2) >>> 0)) as Pointer;
  }

  /**
   * Frees a block into the cache; false when the pointer is not that of a live small block of this heap, or the
   * list may take no more, and free() has to look closer. Reads nothing outside the heap: a chunk with an owner is mapped.
   */
  freeSmall(pointer: number): boolean {
    if (typeof pointer !== "number") return false;
    const distance = pointer - this.payloadBase;
    const offset = distance >>> 0;
    const m = this.words;
    if (
      offset !== distance ||
      (offset & (UNIT_BYTES - 1)) !== HEADER_BYTES ||
      m[(offset >>> CHUNK_SHIFT) + OWNERS] !== this.record
    )
      return false;
    const b = offset >>> 2;
    const size = m[b]! & ~PREVIOUS_FREE;
    if ((size ^ b ^ this.secret) !== m[b + 1] || size > MAX_CACHED) return false;
    const list = this.lists + (size >>> 2);
    if (m[list + LEFT]! <= 0) return false;
    m[list + LEFT]!--;
    m[b]! |= CACHED;
    m[b + 1] = m[list]!;
    m[list] = b;
    return true;
  }

  /** The live block of this heap at `pointer`, or 0: then it is something else, and nothing was read outside. */
  liveBlock(pointer: number): Block {
    const m = this.words;
    const distance = pointer - this.payloadBase;
    const offset = distance >>> 0; // integer tests throughout: `pointer % 16` would be a division of doubles
    if (offset !== distance || (offset & (UNIT_BYTES - 1)) !== HEADER_BYTES) return 0 as Block;
    if (m[OWNERS + (offset >>> CHUNK_SHIFT)] !== this.record) return 0 as Block;
    const b = (offset >>> 2) as Block;
    return isIntactLive(m, b, this.secret) && sizeOf(m, b) >= MIN_BLOCK ? b : (0 as Block);
  }

  /** The live block of any thread's heap at `pointer`, or 0. */
  liveBlockOfAny(pointer: number): Block {
    const m = this.words;
    const distance = pointer - this.payloadBase;
    const offset = distance >>> 0;
    if (offset !== distance || (offset & (UNIT_BYTES - 1)) !== HEADER_BYTES) return 0 as Block;
    if (m[OWNERS + (offset >>> CHUNK_SHIFT)] === 0) return 0 as Block;
    const b = (offset >>> 2) as Block;
    return isIntactLive(m, b, this.secret) && sizeOf(m, b) >= MIN_BLOCK ? b : (0 as Block);
  }

  // ---- Allocating ----

  /** Any size. 0 when memory is out. */
  allocate(size: number): Pointer {
    if (size <= MAX_SMALL) {
      const bytes = blockBytes(size);
      if (bytes <= MAX_CACHED) return this.#allocateSmall(bytes); // more with a red zone behind it
    }
    // All blocks of a heap that a program made lie in its segments: so they can be forgotten together.
    if (this.name !== null) return size > MAX_BLOCK / 2 ? (0 as Pointer) : this.obtain(blockBytes(size));
    if (size > this.mmapThreshold) {
      const pointer = this.allocateLarge(size, UNIT_BYTES);
      if (pointer !== 0 || size > MAX_BLOCK / 2) return pointer;
    } else if (size > LEAST_THRESHOLD) this.large.servedByHeap(size);
    const bytes = blockBytes(size);
    const b = this.pool.take(bytes);
    return b === 0 ? this.obtain(bytes) : this.window.pointerOf(b);
  }

  #allocateSmall(bytes: number): Pointer {
    const b = this.#takeSmall(bytes);
    return b === 0 ? this.obtain(bytes) : this.window.pointerOf(b);
  }

  /** A live block without taking more address space: for a heap that this thread adopted. */
  allocateWithin(size: number): Pointer {
    const bytes = blockBytes(size);
    if (bytes > MAX_BLOCK / 2) return 0 as Pointer;
    const b = this.#take(bytes) || this.#replenish(bytes) || this.#takeConsolidated(bytes);
    return b === 0 ? (0 as Pointer) : this.window.pointerOf(b);
  }

  /** A live block of `bytes`, header included, from this heap alone; 0 when memory is out. */
  takeBlock(bytes: number): Block {
    return this.#take(bytes) || this.#replenish(bytes) || this.#growOut(bytes);
  }

  /** A live block of `bytes`, from this heap or, before it takes more address space, from elsewhere; or 0. */
  obtain(bytes: number): Pointer {
    let b = this.#take(bytes) || this.#replenish(bytes);
    if (b === 0) {
      const pointer = this.elsewhere?.allocate(bytes - HEADER_BYTES) ?? (0 as Pointer);
      if (pointer !== 0) {
        this.wilderness.cleanFrom = NOTHING_CLEAN;
        return pointer;
      }
      b = this.#growOut(bytes);
      if (b === 0 && this.large.unmapSlack() > 0) b = this.wilderness.grow(bytes);
      if (b === 0 && this.elsewhere?.relieve()) b = this.wilderness.grow(bytes);
    }
    return b === 0 ? (0 as Pointer) : this.window.pointerOf(b);
  }

  /** A live block from what is free or committed. */
  #take(bytes: number): Block {
    return bytes <= MAX_CACHED ? this.#takeSmall(bytes) : this.pool.take(bytes);
  }

  /**
   * What came back from other threads is taken only when the list is empty: it then comes all at once and in the order in which it
   * went. On top of what is there it would be shuffled more with every round, and once neighbours travel apart their common
   * cache lines go to and fro between the threads.
   */
  #takeSmall(bytes: number): Block {
    const { words: m, cache, record } = this;
    const list = cache + (bytes >>> 2);
    if (m[list] === 0) {
      if (hasReturned(m, record)) this.drain();
      if (m[list] === 0 && bytes > LEAST_BINNED) return this.pool.take(bytes);
      if (m[list] === 0 && !this.pool.refill(bytes)) return 0 as Block;
    }
    const b = pop(m, cache, bytes >>> 4, record);
    m[b + 1] = bytes ^ b ^ this.secret;
    m[b] = m[b]! & ~CACHED;
    this.wilderness.cleanFrom = NOTHING_CLEAN;
    return b;
  }

  /** Nothing free or committed has it: what came back and what is cached is coalesced, then more committed. */
  #replenish(bytes: number): Block {
    let b = 0 as Block;
    if (hasReturned(this.words, this.record)) {
      this.drain();
      b = this.#take(bytes);
    }
    if (b === 0 && this.#isWorthConsolidating()) b = this.#takeConsolidated(bytes);
    return b || this.wilderness.carveWithin(bytes);
  }

  #isWorthConsolidating(): boolean {
    return (
      isWorthConsolidating(this.pool) || (this.name !== null && isWorthGathering(this.words, this.record))
    );
  }

  #takeConsolidated(bytes: number): Block {
    this.consolidate();
    return this.#take(bytes);
  }

  /** More address space. */
  #growOut(bytes: number): Block {
    const grown = this.wilderness.grow(bytes);
    if (grown !== 0) return grown;
    // Nothing more is to be had: the last cached block counts now, then free pages elsewhere in the heap, then any free block.
    const b = this.#takeConsolidated(bytes);
    if (b !== 0) return b;
    purge(this.wilderness, this.wilderness.pageSize);
    return this.#take(bytes) || this.#takeAny(bytes) || this.wilderness.grow(bytes);
  }

  /** A live block that fits worse than those that #take() gives. */
  #takeAny(bytes: number): Block {
    const b = bytes <= LEAST_BINNED ? this.pool.takeLarger(bytes) : (0 as Block);
    return b || this.pool.takeAffordable(bytes);
  }

  // ---- Freeing ----

  /** Frees a live block of this heap's segments; false when another thread freed it at this very moment. */
  freeBlock(b: Block): boolean {
    const m = this.words;
    const size = sizeOf(m, b);
    if (size > MAX_CACHED) return this.#releaseClaimed(b);
    if (m[this.cache + (size >>> 2) + LEFT]! <= 0) this.#lookAtCache(size >>> 4);
    markCached(m, b);
    push(m, this.cache, b);
    return true;
  }

  /** Frees a block that no other thread knows: a small one into its small bin, others are coalesced with their neighbours. */
  release(b: Block): void {
    markCached(this.words, b);
    if (this.pool.keep(b)) this.#considerPurge();
  }

  #releaseClaimed(b: Block): boolean {
    if (!this.outbox.claim(b)) return false;
    const size = sizeOf(this.words, b);
    try {
      if (this.pool.release(b)) this.#considerPurge();
      if (size > LEAST_THRESHOLD && this.name === null) this.large.returnedToHeap(size);
    } catch (error) {
      // A neighbour was overwritten: the block stays as it was. After an interruption its headers say what it is.
      if (error instanceof HeapError) markLive(this.words, b, this.secret);
      throw error;
    }
    return true;
  }

  /** A list grew by much: consolidates when the whole cache holds much, and more than CACHE_SHARE of what is in use. */
  #lookAtCache(units: number): void {
    const { words: m, record, cache } = this;
    const cached = cachedUnits(m, cache);
    grantMore(m, cache, units);
    const trimUnits = (m[Control.trimPages]! * m[Control.pageSize]!) / UNIT_BYTES;
    if (cached <= Math.min(LEAST_CONSOLIDATED, trimUnits)) return;
    const used = this.wilderness.extentUnits() - m[record + Rec.freeUnits]! - cached;
    if (cached > used * CACHE_SHARE) this.consolidate();
  }

  /** Coalesces everything that is cached or free. */
  consolidate(): void {
    this.#consolidate();
    this.#considerPurge();
  }

  #consolidate(): void {
    if (this.name !== null) gather(this.pool);
    consolidate(this.pool);
  }

  #considerPurge(): void {
    if (purgeIsDue(this.wilderness)) purge(this.wilderness, POLICY_RUN);
  }

  /** Whether other threads freed something that was not taken back yet, and is worth it. */
  get hasReturned(): boolean {
    const { words: m, record } = this;
    return this.name === null ? hasReturned(m, record) : isWorthGathering(m, record);
  }

  /** Takes back what other threads freed. */
  drain(): void {
    if (!this.hasReturned) return;
    if (this.name !== null) this.consolidate();
    else drain(this.window, this.record, this.secret, (b) => this.#takeBack(b));
  }

  /** A block that came back: into the cache, or coalesced. Whether memory is given back is asked when all came. */
  #takeBack(b: Block): void {
    if (sizeOf(this.words, b) > MAX_CACHED) this.pool.release(b);
    else push(this.words, this.cache, b);
  }

  // ---- Giving back ----

  /** Gives every free page back to the operating system; returns bytes. */
  trim(): number {
    const held = heldPages(this.words, this.record);
    // These two give pages back themselves where a block of which some are gone comes to lie below the top.
    if (this.name === null) this.drain();
    this.#consolidate();
    purge(this.wilderness, this.wilderness.pageSize);
    return (held - heldPages(this.words, this.record)) * this.wilderness.pageSize;
  }

  /** Trims, and discharges what is committed but was never touched; whether the heap is charged less than before. */
  relieve(): boolean {
    const charged = this.words[this.record + Rec.charged]!;
    this.trim();
    uncommit(this.wilderness);
    return this.words[this.record + Rec.charged]! < charged;
  }

  // ---- Large blocks ----

  /** Requests of more bytes than this get a mapping of their own. */
  get mmapThreshold(): number {
    return this.words[Control.mmapThreshold]!;
  }

  /**
   * A mapping for a block at a multiple of `alignment`; 0 when memory is out. Pages that lie idle in the heap make room
   * for it: at a new peak, and at the limit.
   */
  allocateLarge(size: number, alignment: number): Pointer {
    makeUpFor(this.wilderness, size);
    const pointer = this.large.allocate(size, alignment);
    if (pointer !== 0) return pointer;
    return this.#relieved(size, () => this.large.allocate(size, alignment)) as Pointer;
  }

  /** Another size for a large block, as LargeBlocks.resize() has it, and with room made for it as above. */
  resizeLarge(pointer: number, have: number, size: number): number {
    if (size > have) makeUpFor(this.wilderness, size - have);
    ensureStack(); // the kernel moves the block, and nobody would hear of it
    const resized = this.large.resize(pointer, size);
    if (resized !== 0) return resized;
    return this.#relieved(size, () => this.large.resize(pointer, size));
  }

  /** Tries again what had no room, once what lies idle was given back: here, then in ended threads' heaps. 0 if in vain. */
  #relieved(size: number, attempt: () => number): number {
    if (size > Math.min(this.pressure().limit, this.window.span)) return 0;
    let result = this.large.unmapSlack() > 0 ? attempt() : 0;
    if (result === 0 && this.relieve()) result = attempt();
    if (result === 0 && this.elsewhere?.relieve()) result = attempt();
    return result;
  }

  /** Most bytes that may be charged to this heap alone. */
  budget(): number {
    const pages = this.words[this.record + Rec.budget]!;
    return pages === 0 ? Number.POSITIVE_INFINITY : pages * this.wilderness.pageSize;
  }

  /** Bytes charged to this heap that were touched. */
  footprint(): number {
    return heldPages(this.words, this.record) * this.wilderness.pageSize;
  }

  /** Bytes charged, and the most that may be. */
  pressure(): { footprint: number; limit: number } {
    const m = this.words;
    const pageSize = m[Control.pageSize]!;
    const limit = m[Control.limitPages]!;
    return {
      footprint: footprintPages(m) * pageSize,
      limit: limit === NO_LIMIT ? Number.POSITIVE_INFINITY : limit * pageSize,
    };
  }

  // ---- Updates ----

  /**
   * Whether an update was interrupted: JavaScript's stack was full, or it was stopped without an error that could be caught.
   * In raw memory, for another copy of this library in the thread may come first.
   */
  get isInterrupted(): boolean {
    return this.words[this.record + Rec.interrupted] !== 0;
  }

  /**
   * Begins an update, after it has recovered what was interrupted. Ended by open(). Where JavaScript is interrupted before that,
   * the fast paths may be taken still: at each moment a list holds blocks that are CACHED, each of them once.
   */
  enter(): void {
    if (this.record === CLOSED_LISTS) this.#comeBack();
    watch(); // which makes a promise the first time: an init callback of async_hooks may use the heap
    if (this.isInterrupted) this.recover();
    this.words[this.record + Rec.interrupted] = 1;
    this.words[this.record + Rec.updates] = this.words[this.record + Rec.updates]! + 1;
  }

  /**
   * This thread has no heap from here on: its heap is about to be given up. The fast paths find nothing, no word is this heap's,
   * and the next update fetches a heap first.
   */
  goAway(): void {
    this.lists = CLOSED_LISTS;
    this.record = CLOSED_LISTS;
  }

  get isAway(): boolean {
    return this.record === CLOSED_LISTS;
  }

  /** Points this object at another heap, rather than making a new object: all users hold it in a const. */
  #comeBack(): void {
    const other = this.elsewhere!.comeBack();
    this.cache = other.cache;
    this.wilderness = other.wilderness;
    this.pool = other.pool;
    this.large = other.large;
    this.outbox = other.outbox;
    this.elsewhere = other.elsewhere;
    this.record = other.record;
    this.lists = this.hooks.trace === null ? other.cache : CLOSED_LISTS;
  }

  /** The update is done, and the heap whole: the fast paths may be taken, unless there is a tracer. */
  open(): void {
    this.words[this.record + Rec.interrupted] = 0;
    const lists = this.hooks.trace === null && !this.isAway ? this.cache : CLOSED_LISTS;
    // Stored only when it changes: V8 folds a field that it saw stored once, and that is 7 % of a pair.
    if (this.lists !== lists) this.lists = lists;
  }

  /** Recovers this thread's heaps after an interruption, by the same steps as an orphan is recovered. */
  recover(): void {
    ensureStack();
    this.elsewhere?.recover(this);
    this.open();
  }

  /** Hangs a tracer in, or takes it out. */
  trace(sink: TraceSink | null, afterCall: (() => void) | null): void {
    this.hooks.trace = sink;
    this.hooks.afterCall = afterCall;
    if (!this.isInterrupted) this.open();
  }

  /** The heap of this thread that a block lies in: this one, or one that it took over; null when it is another thread's. */
  holding(b: Block): ThreadHeap | null {
    if (ownerOfWord(this.words, b) === this.record) return this;
    return this.elsewhere?.heapOf(b) ?? null;
  }
}
