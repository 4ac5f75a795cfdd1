/**
 * One thread's heap: allocate and free.
 *
 * Owns the fast paths, the order in which cache, pool, large blocks and other heaps are tried, and the policy: when to
 * consolidate, to commit more, to purge, and to drain the inbox. Promises that malloc and free of a small block by its own thread
 * take plain loads and stores only. Must not know C semantics, or how other threads' heaps are found.
 *
 *   malloc:  list of that size  ->  refill: small bin, designated victim, bins, wilderness  ->  consolidate  ->  commit more
 *   free:    list of that size; above 9 KiB coalesced at once  ->  give pages back
 *
 * While there is a tracer, `lists` points to CLOSED_LISTS, which are empty and full at once: the fast paths fail, and the slow
 * paths, which use the real lists, call the tracer. So tracing that is off costs nothing.
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
import { footprintOf, footprintPages, heldPages } from "../shared/account.js";
import type { Hooks, TraceSink } from "../shared/hooks.js";
import { drain, hasReturned } from "../shared/inbox.js";
import { Outbox } from "../shared/remote.js";
import { cachedUnits, grantMore, LEFT, MAX_CACHED, pop, push } from "./cache.js";
import { consolidate, isWorthConsolidating } from "./consolidate.js";
import { gather, isWorthGathering } from "./gather.js";
import type { OtherHeaps } from "./other-heaps.js";
import type { Pool } from "./pool.js";
import { POLICY_RUN, purge, purgeBeforeMapping, purgeIsDue, uncommit, whileTakingBack } from "./purge.js";
import { Rec } from "./record.js";
import { vacateClosed, vacateWilderness } from "./vacate.js";
import { NOTHING_CLEAN, type Wilderness } from "./wilderness.js";

/** Largest request that the fast paths serve, in bytes. */
export const MAX_SMALL = MAX_CACHED - HEADER_BYTES;
/**
 * The cache is consolidated when it holds more than this share of the bytes in use: then that costs no more per block than
 * its free did. Idle memory can be purged afterwards, and what is allocated next lies in address order, which suits the
 * processor's prefetcher.
 */
const CACHE_SHARE = 0.5;
/** The least units worth it: 1 MiB, or the trim threshold if that is less. */
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
  others: OtherHeaps<ThreadHeap> | null;
  /** The name of a made heap; null for a thread's. */
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
    this.others = null;
    this.name = name;
    if (this.hooks.counting !== null) Object.setPrototypeOf(this, this.hooks.counting);
  }

  // ---- Fast paths ----

  /** Pops a cached block for a request from 0 to MAX_SMALL bytes; 0 for none. An overwritten link that leaves the heap gives 0. */
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
   * Frees a block into the cache. False, for the slow path, when `pointer` is no live small block of this heap, or the list is
   * at its limit. Reads nothing outside the heap: a chunk with an owner is mapped.
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

  /** The live block of this heap at `pointer`, or 0. Reads nothing outside the heap. */
  liveBlock(pointer: number): Block {
    return this.#liveIn(pointer, this.record);
  }

  /** The live block of any thread's heap at `pointer`, or 0. */
  liveBlockOfAny(pointer: number): Block {
    return this.#liveIn(pointer, 0);
  }

  /**
   * The test of a pointer: the live block there, of the heap with that record, or with 0 of any. freeSmall() has the test once
   * more, for it is inlined into programs: a call in it, or one more condition, would leave no room for others (V8 rule 1).
   */
  #liveIn(pointer: number, record: number): Block {
    const m = this.words;
    const distance = pointer - this.payloadBase;
    const offset = distance >>> 0; // integer tests throughout: `pointer % 16` would be a division of doubles
    if (offset !== distance || (offset & (UNIT_BYTES - 1)) !== HEADER_BYTES) return 0 as Block;
    const owner = m[OWNERS + (offset >>> CHUNK_SHIFT)]!;
    if (owner === 0 || (record !== 0 && owner !== record)) return 0 as Block;
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
    // All blocks of a made heap lie in its segments, so that wiping those frees them all.
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

  /**
   * As allocate(), but never extends or opens a segment: for an adopted heap. Recovery has consolidated it; from then on that has to be
   * worth it, as in any heap, or a full one would be walked for each MiB that its thread takes besides.
   */
  allocateWithin(size: number): Pointer {
    const bytes = blockBytes(size);
    if (bytes > MAX_BLOCK / 2) return 0 as Pointer;
    const b = this.#take(bytes) || this.#replenish(bytes);
    return b === 0 ? (0 as Pointer) : this.window.pointerOf(b);
  }

  /** As allocateWithin(), of what is free and committed. */
  allocateReady(size: number): Pointer {
    const bytes = blockBytes(size);
    if (bytes > MAX_BLOCK / 2) return 0 as Pointer;
    const b = this.#take(bytes);
    return b === 0 ? (0 as Pointer) : this.window.pointerOf(b);
  }

  /** A live block of `bytes`, header included, or 0. Adopted heaps and orphans are tried before more address space is taken. */
  obtain(bytes: number): Pointer {
    const { others } = this;
    const size = bytes - HEADER_BYTES;
    let other = 0 as Pointer; // a block of another heap
    let b = this.#take(bytes);
    if (b === 0 && others !== null) other = others.allocateReady(size);
    if (b === 0 && other === 0) b = this.#replenish(bytes);
    if (b === 0 && other === 0 && others !== null) other = others.allocate(size);
    if (other !== 0) {
      this.wilderness.cleanFrom = NOTHING_CLEAN;
      return other;
    }
    if (b === 0) b = this.#growOut(bytes);
    if (b === 0 && this.large.unmapSlack() > 0) b = this.wilderness.grow(bytes);
    while (b === 0 && others?.relieve()) b = this.wilderness.grow(bytes);
    if (b !== 0) return this.window.pointerOf(b);
    this.wilderness.cleanFrom = NOTHING_CLEAN;
    return others?.allocate(size) ?? (0 as Pointer); // relieve() has consolidated them
  }

  /** A live block from what is free or committed. */
  #take(bytes: number): Block {
    return bytes <= MAX_CACHED ? this.#takeSmall(bytes) : this.pool.take(bytes);
  }

  /**
   * The inbox is drained only when the list is empty, so that the blocks come back all at once and in the order in which they
   * were handed out. Pushed onto a list that is not empty, their order would change more with each round. Once neighbours are
   * in use by different threads, those share cache lines (false sharing).
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

  /** When no free or committed memory fits: drains the inbox, consolidates if that is worth it, then commits more. */
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

  /** Takes more address space; when there is none, whatever can be had from this heap. */
  #growOut(bytes: number): Block {
    const grown = this.wilderness.grow(bytes);
    if (grown !== 0) return grown;
    // Memory is out: consolidate in any case; then purge, which makes room under the limit; then accept any fit.
    this.outbox.flush();
    const b = this.#takeConsolidated(bytes);
    if (b !== 0) return b;
    purge(this.wilderness, this.wilderness.pageSize);
    vacateClosed(this.pool);
    return this.#take(bytes) || this.#takeAny(bytes) || this.wilderness.grow(bytes);
  }

  /** A live block that wastes more than #take() allows. */
  #takeAny(bytes: number): Block {
    const b = bytes <= LEAST_BINNED ? this.pool.takeLarger(bytes) : (0 as Block);
    return b || this.pool.takeAffordable(bytes);
  }

  // ---- Freeing ----

  /** Frees a live block of this heap; false when another thread freed it at the same time. */
  freeBlock(b: Block): boolean {
    const m = this.words;
    const size = sizeOf(m, b);
    if (size > MAX_CACHED) return this.#releaseAtomically(b);
    if (m[this.cache + (size >>> 2) + LEFT]! <= 0) this.#lookAtCache(size >>> 4);
    markCached(m, b);
    push(m, this.cache, b);
    return true;
  }

  /** Frees a block that no other thread knows, past the cache: into its small bin, or coalesced. */
  release(b: Block): void {
    markCached(this.words, b);
    if (this.pool.freeBlocks.keep(b)) this.#considerPurge();
  }

  #releaseAtomically(b: Block): boolean {
    if (!this.outbox.freeAtomically(b)) return false;
    const size = sizeOf(this.words, b);
    try {
      if (this.pool.freeBlocks.release(b)) this.#considerPurge();
      if (size > LEAST_THRESHOLD && this.name === null) this.large.returnedToHeap(size);
    } catch (error) {
      // A neighbour's header was overwritten: the block stays live. After an interruption recovery decides.
      if (error instanceof HeapError) markLive(this.words, b, this.secret);
      throw error;
    }
    return true;
  }

  /** A list reached its limit: consolidates when the whole cache is large and more than CACHE_SHARE of what is in use. */
  #lookAtCache(units: number): void {
    const { words: m, record, cache } = this;
    const cached = cachedUnits(m, cache);
    grantMore(m, cache, units);
    const trimUnits = (m[Control.trimPages]! * m[Control.pageSize]!) / UNIT_BYTES;
    if (cached <= Math.min(LEAST_CONSOLIDATED, trimUnits)) return;
    const used = this.wilderness.extentUnits() - m[record + Rec.freeUnits]! - cached;
    if (cached > used * CACHE_SHARE) this.consolidate();
  }

  /** Coalesces all cached and free blocks, and purges if that is due. */
  consolidate(): void {
    this.#consolidate();
    this.#considerPurge();
  }

  #consolidate(): void {
    if (this.name === null) consolidate(this.pool);
    else {
      whileTakingBack(this.wilderness, () => {
        gather(this.pool);
        consolidate(this.pool);
      });
    }
  }

  #considerPurge(): void {
    if (purgeIsDue(this.wilderness)) purge(this.wilderness, POLICY_RUN);
  }

  /** Whether the inbox has blocks; for a made heap, whether it has so many marked ones that gathering is worth it. */
  get hasReturned(): boolean {
    const { words: m, record } = this;
    return this.name === null ? hasReturned(m, record) : isWorthGathering(m, record);
  }

  /** Takes back the blocks that other threads freed. */
  drain(): void {
    if (!this.hasReturned) return;
    if (this.name !== null) this.consolidate();
    else {
      whileTakingBack(this.wilderness, () => {
        drain(this.window, this.record, this.secret, (b) => this.#takeBack(b));
      });
    }
  }

  /** A block from the inbox: into the cache, or coalesced. Purging is considered after the last one. */
  #takeBack(b: Block): void {
    if (sizeOf(this.words, b) > MAX_CACHED) this.pool.freeBlocks.release(b);
    else push(this.words, this.cache, b);
  }

  // ---- Giving back ----

  /** Consolidates and purges every free page; returns bytes. */
  trim(): number {
    const { words: m, record } = this;
    // The following purge too, where a partly purged block becomes wilderness. What others gave back before does not count.
    const before = footprintOf(m, record);
    if (this.name === null) this.drain();
    this.#consolidate();
    purge(this.wilderness, this.wilderness.pageSize);
    return (before - footprintOf(m, record)) * this.wilderness.pageSize;
  }

  /**
   * Trims, discharges what is committed but was never touched, and vacates all chunks that hold nothing; whether less is charged
   * than before, or there were such chunks.
   */
  relieve(): boolean {
    const { words: m, record } = this;
    const before = m[record + Rec.charged]! - m[record + Rec.reclaimedPages]!;
    this.outbox.flush(); // one small block that is not sent yet would keep all of a segment of another heap
    this.trim();
    uncommit(this.wilderness);
    const closed = vacateClosed(this.pool);
    return vacateWilderness(this.wilderness) || closed || m[record + Rec.charged]! < before;
  }

  // ---- Large blocks ----

  /** Requests of more bytes than this get a mapping of their own. */
  get mmapThreshold(): number {
    return this.words[Control.mmapThreshold]!;
  }

  /**
   * A large block at a multiple of `alignment`; 0 when memory is out. Idle pages of the heap are purged to make room for it:
   * before a new peak of the footprint, and at the limit.
   */
  allocateLarge(size: number, alignment: number): Pointer {
    purgeBeforeMapping(this.wilderness, size);
    const pointer = this.large.allocate(size, alignment);
    if (pointer !== 0) return pointer;
    return this.#relieved(size, () => this.large.allocate(size, alignment)) as Pointer;
  }

  /** As LargeBlocks.resize(), with idle pages purged to make room, as above. */
  resizeLarge(pointer: number, have: number, size: number): number {
    if (size > have) purgeBeforeMapping(this.wilderness, size - have);
    ensureStack(); // an error after mremap has moved the block would lose its new address
    const resized = this.large.resize(pointer, size);
    if (resized !== 0) return resized;
    return this.#relieved(size, () => this.large.resize(pointer, size));
  }

  /** Repeats `attempt` after giving idle memory back: slack, this heap's pages, other heaps' pages. 0 if all fail. */
  #relieved(size: number, attempt: () => number): number {
    if (size > Math.min(this.pressure().limit, this.window.span)) return 0;
    let result = this.large.unmapSlack() > 0 ? attempt() : 0;
    if (result === 0 && this.relieve()) result = attempt();
    while (result === 0 && this.others?.relieve()) result = attempt();
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
   * Whether an update, or rejoin(), was interrupted: by a full stack, or by a stop that no handler can catch. In raw memory,
   * because the next update may come from another copy of this library in the thread.
   */
  get isInterrupted(): boolean {
    if (this.isAbandoned) return this.others!.isJoining;
    return this.words[this.record + Rec.interrupted] !== 0;
  }

  /**
   * Begins an update, which open() ends; recovers an interrupted one first. The fast paths may run after an interruption and
   * before recovery: the invariant of cache.ts makes that safe.
   */
  enter(): void {
    watch(); // before anything is read: its first call makes a promise, and an async_hooks callback may use the heap
    if (this.isAbandoned) this.#rejoin();
    if (this.isInterrupted) this.recover();
    this.words[this.record + Rec.interrupted] = 1;
    this.words[this.record + Rec.updates] = this.words[this.record + Rec.updates]! + 1;
    if (this.words[this.record + Rec.reclaiming] !== 0) this.#awaitReclaim();
    if (this.hooks.sampler !== null) this.hooks.sampler.enter();
  }

  /**
   * Another thread is at this thread's inboxes, and takes the heap to be in no update: see process/reclaim.ts. This one counts as
   * interrupted while it waits: if it is cut off then, it may hold the adoption mutex, which recover() unlocks.
   */
  #awaitReclaim(): void {
    while (this.words[this.record + Rec.reclaiming] !== 0) this.others?.awaitReclaim();
  }

  /**
   * Marks that this thread has no heap, before its heap is abandoned. The fast paths fail, no block is this heap's, and the
   * next update gets a heap first.
   */
  markAbandoned(): void {
    this.lists = CLOSED_LISTS;
    this.record = CLOSED_LISTS;
  }

  get isAbandoned(): boolean {
    return this.record === CLOSED_LISTS;
  }

  /** Points this object at another heap. No new object: all users hold this one in a const. */
  #rejoin(): void {
    const other = this.others!.rejoin();
    this.cache = other.cache;
    this.wilderness = other.wilderness;
    this.pool = other.pool;
    this.large = other.large;
    this.outbox = other.outbox;
    this.others = other.others;
    this.record = other.record;
    this.lists = this.hooks.trace === null ? other.cache : CLOSED_LISTS;
  }

  /** Ends an update: the heap is consistent, and the fast paths may run, unless there is a tracer. */
  open(): void {
    this.words[this.record + Rec.interrupted] = 0;
    const lists = this.hooks.trace === null && !this.isAbandoned ? this.cache : CLOSED_LISTS;
    // Stored only when it changes (V8 rule 5): that is 7 % of a pair.
    if (this.lists !== lists) this.lists = lists;
  }

  /** Recovers this thread's heaps after an interruption, by the steps that recover an orphan. */
  recover(): void {
    watch(); // it may be interrupted, too
    if (this.isAbandoned) this.#rejoin();
    this.others?.recover(this);
    this.open();
  }

  /** Sets or removes the tracer. */
  trace(sink: TraceSink | null, afterCall: (() => void) | null): void {
    this.hooks.trace = sink;
    this.hooks.afterCall = afterCall;
    if (!this.isInterrupted) this.open();
  }

  /** The heap of this thread that a block lies in: this one or another; null when it is another thread's. */
  holding(b: Block): ThreadHeap | null {
    if (ownerOfWord(this.words, b) === this.record) return this;
    return this.others?.heapOf(b) ?? null;
  }
}
