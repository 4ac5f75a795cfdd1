/**
 * One thread's heap: allocate and free.
 *
 * Owns the fast paths, the way from them to the store and to the large blocks, and the policy of both: when cached
 * blocks are joined, when more is committed, when memory is given back. Promises that malloc and free of a small
 * block take plain loads and stores only. Must not know C semantics or other threads' lists.
 *
 *   malloc:  cache, by exact size  ->  bins, best fit  ->  wilderness  ->  (join the cache)  ->  commit more
 *   free:    cache                 ->  (full: join the older half)  ->  bins or wilderness  ->  give pages back
 *
 * While a tracer hangs in the hooks, `tops` points to closed stacks: the fast paths find nothing and have no room,
 * and the slow paths, which use the real stacks, do all the work and tell the tracer. That is why tracing that is
 * off costs nothing.
 */
import { blockBytes, isSealedLive, MAX_BLOCK, markCached, markLive, sizeOf } from "./block.js";
import {
  CACHED_UNITS,
  capacityOf,
  closedTops,
  depthOf,
  dropOldest,
  entryOf,
  MAX_CACHED,
  pop,
  push,
} from "./cache.js";
import { Control, NO_LIMIT } from "./control.js";
import type { Hooks, TraceSink } from "./hooks.js";
import { LargeBlocks } from "./large.js";
import { type Block, HEADER_BYTES, type Pointer, type Window } from "./memory.js";
import { cacheOf } from "./record.js";
import { ownerOf } from "./segments.js";
import { NOTHING_CLEAN, type Store } from "./store.js";
import { POLICY_RUN, trim, trimIsDue } from "./trim.js";

/** Largest request that the fast path serves, in bytes. */
export const MAX_SMALL = MAX_CACHED - HEADER_BYTES;
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
    this.large = new LargeBlocks(store.window, store.segments, store.os, store.hooks);
    this.record = store.record;
    this.secret = this.words[Control.secret]!;
    this.payloadBase = store.window.payloadBase;
    this.#cache = cacheOf(store.record);
    this.tops = this.#cache;
    if (this.hooks.trace !== null) this.trace(this.hooks.trace);
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
    if (offset !== distance || (offset & 15) !== 8 || ownerOf(m, offset) !== this.record) return false;
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
      const pointer = this.large.allocate(size, 16);
      if (pointer !== 0 || size > MAX_BLOCK / 2) return pointer;
    }
    const b = this.takeBlock(blockBytes(size));
    return b === 0 ? (0 as Pointer) : this.window.pointerOf(b);
  }

  /** Frees a live block of this heap's segments. */
  freeBlock(b: Block): void {
    const m = this.words;
    const units = sizeOf(m, b) >>> 4;
    markCached(m, b);
    if (units > CACHED_UNITS) this.release(b);
    else if (!push(m, this.#cache, units, b)) {
      this.#joinOldest(units, (capacityOf(units) + 1) >>> 1);
      push(m, this.#cache, units, b);
    }
  }

  /** The live block of this heap at `pointer`, or 0: then it is something else, and nothing was read outside. */
  liveBlock(pointer: number): Block {
    const none = 0 as Block;
    if (!this.window.inZone(pointer) || pointer % 16 !== 0) return none;
    const b = this.window.blockOf(pointer);
    const m = this.words;
    if (ownerOf(m, b * 4) !== this.record || !isSealedLive(m, b, this.secret)) return none;
    return sizeOf(m, b) >= 32 ? b : none;
  }

  /** Joins every cached block. Returns how many there were. */
  joinCache(): number {
    let joined = 0;
    for (let units = 2; units <= CACHED_UNITS; units++) {
      const depth = depthOf(this.words, this.#cache, units);
      if (depth > 0) this.#joinOldest(units, depth);
      joined += depth;
    }
    return joined;
  }

  /** Gives every free page back to the operating system; returns bytes. */
  trim(): number {
    this.joinCache();
    return trim(this.store, this.store.runs.pageSize);
  }

  /** Requests of more bytes than this get a mapping of their own. */
  get mmapThreshold(): number {
    return this.words[Control.mmapThreshold]!;
  }

  /** Bytes charged, and the most that may be. */
  pressure(): { footprint: number; limit: number } {
    const m = this.words;
    const pageSize = m[Control.pageSize]!;
    const limit = m[Control.limitPages]!;
    return {
      footprint: (m[Control.chargedPages]! - this.store.slackPages()) * pageSize,
      limit: limit === NO_LIMIT ? Number.POSITIVE_INFINITY : limit * pageSize,
    };
  }

  /** Hangs a tracer in, or takes it out. */
  trace(sink: TraceSink | null): void {
    this.hooks.trace = sink;
    this.tops = sink === null ? this.#cache : closedTops(this.#cache);
  }

  #allocateSmall(units: number): Pointer {
    const m = this.words;
    let b = pop(m, this.#cache, units);
    if (b === 0) {
      b = this.takeBlock(units << 4);
      if (b === 0) return 0 as Pointer;
    } else {
      markLive(m, b);
      this.store.cleanFrom = NOTHING_CLEAN;
    }
    return this.window.pointerOf(b);
  }

  /** A live block of `bytes` (header included), from the store; 0 when memory is out. */
  takeBlock(bytes: number): Block {
    const b = this.store.take(bytes);
    return b === 0 ? this.#replenish(bytes) : b;
  }

  /** Neither bins nor committed wilderness have it: first what is cached is joined, then more is committed. */
  #replenish(bytes: number): Block {
    if (this.joinCache() > 0) {
      const b = this.store.take(bytes);
      if (b !== 0) return b;
    }
    const grown = this.store.grow(bytes);
    if (grown !== 0) return grown;
    // At the limit, free pages elsewhere in the heap may be what is missing.
    if (trim(this.store, this.store.runs.pageSize) === 0) return 0 as Block;
    const b = this.store.take(bytes);
    return b === 0 ? this.store.grow(bytes) : b;
  }

  #joinOldest(units: number, count: number): void {
    const m = this.words;
    for (let i = 0; i < count; i++) this.store.release(entryOf(m, this.#cache, units, i));
    dropOldest(m, this.#cache, units, count);
    this.#considerTrim();
  }

  /** Joins a freed block, whose header says CACHED, at once. */
  release(b: Block): void {
    this.store.release(b);
    this.#considerTrim();
  }

  #considerTrim(): void {
    if (this.store.segments.overLimit || trimIsDue(this.store)) trim(this.store, POLICY_RUN);
  }
}
