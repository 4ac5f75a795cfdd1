/**
 * One thread's heap: allocate and free.
 *
 * Owns the fast paths, the way from them to the store and to the large blocks, and the policy of both: when cached
 * blocks are joined, when more is committed, when memory is given back. Promises that malloc and free of a small
 * block take plain loads and stores only. Must not know C semantics or other threads' lists.
 *
 *   malloc:  cache, by exact size  ->  bins, best fit  ->  wilderness  ->  (join the cache)  ->  commit more
 *   free:    cache                 ->  (full: spill the older half)  ->  (much spilled: join all)  ->  give pages back
 *
 * While a tracer hangs in the hooks, `tops` points to closed stacks: the fast paths find nothing and have no room,
 * and the slow paths, which use the real stacks, do all the work and tell the tracer. That is why tracing that is
 * off costs nothing.
 */
import {
  blockBytes,
  GRAIN,
  isSealedLive,
  MAX_BLOCK,
  MIN_BLOCK,
  markCached,
  markLive,
  sizeOf,
} from "./block.js";
import {
  CACHED_UNITS,
  closedTops,
  depthOf,
  emptyCache,
  entryOf,
  isFull,
  MAX_CACHED,
  pop,
  push,
  roomOf,
  spill,
  unspill,
} from "./cache.js";
import { CHUNK_SHIFT, Control, NO_LIMIT, OWNERS } from "./control.js";
import type { Hooks, TraceSink } from "./hooks.js";
import { LargeBlocks } from "./large.js";
import { type Block, HEADER_BYTES, type Pointer, type Window } from "./memory.js";
import { cacheOf, Rec } from "./record.js";
import type { Store } from "./store.js";
import { sweep, verifyHeaders } from "./sweep.js";
import { POLICY_RUN, trim, trimIsDue } from "./trim.js";
import { NOTHING_CLEAN } from "./wilderness.js";

// Constants of other modules, by names of this module's own: V8 folds those into the code, and loads an imported
// one from its cell each time.
const { freeUnits: FREE_UNITS, spilledUnits: SPILLED_UNITS } = Rec;
const {
  chargedPages: CHARGED_PAGES,
  limitPages: LIMIT_PAGES,
  mmapThreshold: MMAP_THRESHOLD,
  pageSize: PAGE_SIZE,
  secret: SECRET,
  trimPages: TRIM_PAGES,
} = Control;

/** Largest request that the fast path serves, in bytes. */
export const MAX_SMALL = MAX_CACHED - HEADER_BYTES;
/** Bytes carved at once for a size whose stack is empty. */
const BATCH_BYTES = 1024;
/**
 * Spilled blocks are joined when they hold more than the trim threshold, so that what lies idle can go back to the
 * operating system, and more than this share of the bytes in use, so that joining costs no more per free than the
 * free itself did.
 */
const CACHE_SHARE = 0.5;
/** More memory is committed only while spilled blocks are less than this share of the heap. */
const JOIN_FIRST_SHARE = 1 / 64;
/** A cache of more than this share of the heap is joined by a sweep. */
const SWEEP_SHARE = 1 / 8;
const owners = OWNERS;
const chunkShift = CHUNK_SHIFT;
const PREVIOUS_FREE = 1;
const CACHED = 4;

export class ThreadHeap {
  readonly window: Window;
  readonly words: Int32Array;
  readonly store: Store;
  readonly large: LargeBlocks;
  readonly hooks: Hooks;
  readonly record: number;
  readonly secret: number;
  readonly payloadBase: number;
  readonly #cache: number;
  /** The table of stack tops that the fast paths use. */
  tops: number;

  constructor(store: Store) {
    this.window = store.window;
    this.words = store.window.words;
    this.store = store;
    this.hooks = store.hooks;
    const slack = () => store.slackPages();
    this.large = new LargeBlocks(store.window, store.segments, store.os, store.hooks, slack);
    this.record = store.record;
    this.secret = this.words[SECRET]!;
    this.payloadBase = store.window.payloadBase;
    this.#cache = cacheOf(store.record);
    this.tops = this.#cache;
  }

  /** A cached block for a request from 0 to MAX_SMALL bytes; 0 when there is none. */
  popSmall(size: number): Pointer {
    const units = size < 25 ? 2 : (size + 23) >>> 4;
    const m = this.words;
    const slot = this.tops + units;
    const top = m[slot]! - 1;
    const b = m[top]!;
    if (b === 0) return 0 as Pointer;
    m[slot] = top;
    m[b] = m[b]! & ~CACHED;
    return (this.payloadBase + ((b << 2) >>> 0)) as Pointer;
  }

  /**
   * Frees a block into the cache; false when the pointer is not that of a live small block of this heap, or the
   * stack is full, and free() has to look closer. Reads nothing outside the heap: a chunk with an owner is mapped.
   */
  freeSmall(pointer: number): boolean {
    if (typeof pointer !== "number") return false;
    const distance = pointer - this.payloadBase;
    const offset = distance >>> 0;
    const m = this.words;
    if (offset !== distance || (offset & 15) !== 8 || m[owners + (offset >>> chunkShift)] !== this.record)
      return false;
    const b = (offset >>> 2) as Block;
    const header = m[b]!;
    if (((header & ~PREVIOUS_FREE) ^ b ^ this.secret) !== m[b + 1]) return false;
    const units = header >>> 4;
    if (units > CACHED_UNITS) return false;
    const slot = this.tops + units;
    const top = m[slot]!;
    if ((top & 63) === 0) return false;
    m[b] = header | CACHED;
    m[top] = b;
    m[slot] = top + 1;
    return true;
  }

  /** Any size. 0 when memory is out. */
  allocate(size: number): Pointer {
    if (size <= MAX_SMALL) return this.#allocateSmall(blockBytes(size) >>> 4);
    if (size > this.mmapThreshold) {
      const pointer = this.#allocateLarge(size);
      if (pointer !== 0 || size > MAX_BLOCK / 2) return pointer;
    }
    const b = this.takeBlock(blockBytes(size));
    return b === 0 ? (0 as Pointer) : this.window.pointerOf(b);
  }

  /** Frees a live block of this heap's segments. */
  freeBlock(b: Block): void {
    const m = this.words;
    const units = sizeOf(m, b) >>> 4;
    if (units > CACHED_UNITS) {
      this.release(b);
      return;
    }
    if (isFull(m, this.#cache, units)) this.#spill(units);
    markCached(m, b);
    push(m, this.#cache, units, b);
  }

  /** The live block of this heap at `pointer`, or 0: then it is something else, and nothing was read outside. */
  liveBlock(pointer: number): Block {
    const m = this.words;
    const distance = pointer - this.payloadBase;
    const offset = distance >>> 0; // integer tests throughout: `pointer % 16` would be a division of doubles
    if (offset !== distance || (offset & 15) !== 8 || m[owners + (offset >>> chunkShift)] !== this.record)
      return 0 as Block;
    const b = (offset >>> 2) as Block;
    return isSealedLive(m, b, this.secret) && sizeOf(m, b) >= MIN_BLOCK ? b : (0 as Block);
  }

  /** Joins every cached block. */
  joinCache(): void {
    const m = this.words;
    const { record } = this;
    const share = m[record + SPILLED_UNITS]! / this.store.extentUnits();
    if (share > SWEEP_SHARE && this.hooks.trace === null) {
      verifyHeaders(this.store);
      emptyCache(m, this.#cache);
      sweep(this.store);
    } else {
      this.#joinEach();
    }
    this.#considerTrim();
  }

  /** Gives every free page back to the operating system; returns bytes. */
  trim(): number {
    this.joinCache();
    return trim(this.store, this.store.runs.pageSize);
  }

  /** Requests of more bytes than this get a mapping of their own. */
  get mmapThreshold(): number {
    return this.words[MMAP_THRESHOLD]!;
  }

  /** Bytes charged, and the most that may be. */
  pressure(): { footprint: number; limit: number } {
    const m = this.words;
    const pageSize = m[PAGE_SIZE]!;
    const limit = m[LIMIT_PAGES]!;
    return {
      footprint: (m[CHARGED_PAGES]! - this.store.slackPages()) * pageSize,
      limit: limit === NO_LIMIT ? Number.POSITIVE_INFINITY : limit * pageSize,
    };
  }

  /** Hangs a tracer in, or takes it out. */
  trace(sink: TraceSink | null, settle: (() => void) | null): void {
    this.hooks.trace = sink;
    this.hooks.settle = settle;
    this.tops = sink === null ? this.#cache : closedTops(this.#cache);
  }

  /** At the limit, pages that lie idle in the heap make room for a mapping. */
  #allocateLarge(size: number): Pointer {
    const pointer = this.large.allocate(size, GRAIN);
    if (pointer !== 0 || size > this.#idleBytes()) return pointer;
    return this.trim() < size ? pointer : this.large.allocate(size, GRAIN);
  }

  #allocateSmall(units: number): Pointer {
    const m = this.words;
    let b = pop(m, this.#cache, units);
    if (b === 0) b = this.#refill(units);
    if (b === 0) {
      b = this.#replenish(units << 4);
      return b === 0 ? (0 as Pointer) : this.window.pointerOf(b);
    }
    markLive(m, b);
    this.store.cleanFrom = NOTHING_CLEAN;
    return this.window.pointerOf(b);
  }

  /** An empty stack gets what it spilled, else a batch of new blocks. One of them, still CACHED; or 0. */
  #refill(units: number): Block {
    const m = this.words;
    const { record } = this;
    const count = unspill(m, this.#cache, units, this.secret, record);
    if (count === 0) {
      const most = Math.min(roomOf(m, this.#cache, units) >>> 1, (BATCH_BYTES / (units << 4)) | 0);
      return this.#carveBatch(units, Math.max(1, most));
    }
    m[record + SPILLED_UNITS] = m[record + SPILLED_UNITS]! - count * units;
    return pop(m, this.#cache, units);
  }

  /** The lowest of a batch goes out first, the others wait in the stack so that they follow in the order of memory. */
  #carveBatch(units: number, most: number): Block {
    const m = this.words;
    const first = this.store.carve(units << 4, most);
    for (let i = this.store.carved - 1; i > 0; i--)
      push(m, this.#cache, units, (first + i * (units << 2)) as Block);
    return first;
  }

  /** A live block of `bytes` (header included), from the store; 0 when memory is out. */
  takeBlock(bytes: number): Block {
    const b = this.store.take(bytes);
    return b === 0 ? this.#replenish(bytes) : b;
  }

  /** Neither bins nor committed wilderness have it: first what is cached is joined, then more is committed. */
  #replenish(bytes: number): Block {
    if (this.#cacheHolds()) {
      this.joinCache();
      const b = this.store.take(bytes);
      if (b !== 0) return b;
    }
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
    const m = this.words;
    for (let units = MIN_BLOCK / GRAIN; units <= CACHED_UNITS; units++) {
      let count = 0;
      do {
        m[this.record + SPILLED_UNITS] = m[this.record + SPILLED_UNITS]! - count * units;
        for (let i = depthOf(m, this.#cache, units) - 1; i >= 0; i--) {
          this.store.release(entryOf(m, this.#cache, units, i));
          pop(m, this.#cache, units);
        }
        count = unspill(m, this.#cache, units, this.secret, this.record);
      } while (count > 0);
    }
  }

  /** Bytes in bins and spilled lists. */
  #idleBytes(): number {
    const m = this.words;
    return (m[this.record + FREE_UNITS]! + m[this.record + SPILLED_UNITS]!) * GRAIN;
  }

  /** Whether enough is spilled for joining it to be better than committing more. */
  #cacheHolds(): boolean {
    const m = this.words;
    return m[this.record + SPILLED_UNITS]! > this.store.extentUnits() * JOIN_FIRST_SHARE;
  }

  /** Makes room in a full stack; joins everything when lists hold more than CACHE_SHARE of what is in use. */
  #spill(units: number): void {
    const m = this.words;
    const { record } = this;
    const spilled = m[record + SPILLED_UNITS]! + spill(m, this.#cache, units) * units;
    m[record + SPILLED_UNITS] = spilled;
    if (spilled <= (m[TRIM_PAGES]! * m[PAGE_SIZE]!) / GRAIN) return;
    if (spilled > (this.store.extentUnits() - m[record + FREE_UNITS]! - spilled) * CACHE_SHARE)
      this.joinCache();
  }

  /** Joins a block with its neighbours at once. */
  release(b: Block): void {
    if (this.store.release(b)) this.#considerTrim();
  }

  #considerTrim(): void {
    if (trimIsDue(this.store)) trim(this.store, POLICY_RUN);
  }
}
