/**
 * One thread's heap: allocate and free.
 *
 * Owns the fast paths, and the way from them to stock, store, large blocks and other heaps. Promises that malloc and free
 * of a small block by its own thread take plain loads and stores only. Must not know C semantics, or how other threads'
 * heaps are found.
 *
 *   malloc:  cache, by exact size  ->  bins, good fit  ->  wilderness  ->  (join the cache)  ->  commit more
 *            what other threads freed is taken back when a stack is empty or the store has nothing
 *   free:    cache                 ->  (full: spill the older half)  ->  (much spilled: join all)  ->  give pages back
 *
 * While a tracer hangs in the hooks, `tops` points to closed stacks: the fast paths find nothing and have no room,
 * and the slow paths, which use the real stacks, do all the work and tell the tracer. That is why tracing that is
 * off costs nothing.
 *
 * The fast paths spell constants of other modules out: 1024 is OWNERS, 20 CHUNK_SHIFT, 575 MOST_UNITS, 63 STACK_MASK, 1
 * PREVIOUS_FREE, 4 CACHED, and 25, 2 and 23 the rounding of blockBytes. A name takes ten bytes of bytecode where a literal
 * takes two, and V8 inlines malloc and free only while all that it inlines into their caller, the last one counted with a
 * fifth more, stays below 920 bytes (max-inlined-bytecode-size-cumulative): with 20 more, each free of the php trace was a
 * call, and its pointer an object.
 */

import { HeapError } from "../errors.js";
import { footprintPages } from "./account.js";
import {
  blockBytes,
  CACHED,
  GRAIN,
  isSealedLive,
  MAX_BLOCK,
  MIN_BLOCK,
  markCached,
  markLive,
  PREVIOUS_FREE,
  sizeOf,
} from "./block.js";
import { CACHED_UNITS, isFull, MAX_CACHED, MOST_UNITS, pop, push, STACK_MASK } from "./cache.js";
import { CHUNK_SHIFT, Control, NO_LIMIT, OWNERS, ownerOfWord } from "./control.js";
import type { Elsewhere } from "./elsewhere.js";
import type { TraceSink } from "./hooks.js";
import type { LargeBlocks } from "./large.js";
import { type Block, HEADER_BYTES, type Pointer } from "./memory.js";
import { Rec } from "./record.js";
import { Outbox } from "./remote.js";
import { ensureStack } from "./stack.js";
import { Stock } from "./stock.js";
import type { Store } from "./store.js";
import { makeUpFor } from "./trim.js";
import { NOTHING_CLEAN } from "./wilderness.js";

/** Largest request whose size always has a stack in the cache, in bytes. */
export const MAX_SMALL = MAX_CACHED - HEADER_BYTES;
/** Largest request that the fast path serves, if its size is hot. */
export const MAX_STACKED = MOST_UNITS * GRAIN - HEADER_BYTES;

export class ThreadHeap extends Stock {
  readonly outbox: Outbox;
  elsewhere: Elsewhere<ThreadHeap> | null;

  constructor(store: Store, large: LargeBlocks) {
    super(store, large);
    this.outbox = new Outbox(store.window, store.record, this.secret);
    this.elsewhere = null;
  }

  /**
   * Whether an update was broken off: JavaScript's stack was full, or it was cut off without an error that could be caught.
   * In raw memory, for another copy of this library in the thread may come first.
   */
  get torn(): boolean {
    return this.words[this.record + Rec.torn] !== 0;
  }

  /**
   * Begins an update, after it has put in order what was broken off. Ended by open(). Where JavaScript is cut off before that,
   * the fast paths may be taken still: at each moment a stack holds blocks that are CACHED, each of them once.
   */
  enter(): void {
    if (this.torn) this.mend();
    this.words[this.record + Rec.torn] = 1;
  }

  /** A cached block for a request from 0 to MAX_STACKED bytes; 0 when there is none. */
  popSmall(size: number): Pointer {
    const units = size < 25 ? 2 : (size + 23) >>> 4;
    const m = this.words;
    const slot = this.tops + units;
    const top = m[slot]! - 1;
    const b = m[top]!;
    if (b === 0) return 0 as Pointer;
    m[slot] = top;
    m[b] = m[b]! & ~4;
    m[b + 1] = (units << 4) ^ b ^ this.secret; // the mark of a thread that freed it just when its owner did goes
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
    if (offset !== distance || (offset & 15) !== 8 || m[(offset >>> 20) + 1024] !== this.record) return false;
    const b = (offset >>> 2) as Block;
    const header = m[b]!;
    if (((header & ~1) ^ b ^ this.secret) !== m[b + 1]) return false;
    const units = header >>> 4;
    if (units > 575) return false;
    const slot = this.tops + units;
    const top = m[slot]!;
    if (!(top & 63)) return false;
    m[b] = header | 4;
    m[top] = b;
    m[slot] = top + 1;
    return true;
  }

  /** Any size. 0 when memory is out. */
  allocate(size: number): Pointer {
    if (size <= MAX_SMALL) return this.#allocateSmall(blockBytes(size) >>> 4);
    if (size > this.mmapThreshold) {
      const pointer = this.allocateLarge(size, GRAIN);
      if (pointer !== 0 || size > MAX_BLOCK / 2) return pointer;
    }
    const bytes = blockBytes(size);
    if (size <= MAX_STACKED) {
      const b = pop(this.words, this.cache, bytes >>> 4);
      if (b !== 0) return this.madeLive(b);
      this.warm(bytes >>> 4);
    }
    return this.obtain(bytes);
  }

  /** The same without taking more address space: for a heap that this thread took over. */
  allocateWithin(size: number): Pointer {
    const bytes = blockBytes(size);
    if (size <= MAX_SMALL) {
      const b = this.fromCache(bytes >>> 4);
      if (b !== 0) return this.madeLive(b);
    }
    if (bytes > MAX_BLOCK / 2) return 0 as Pointer;
    const b = this.store.take(bytes) || this.replenish(bytes) || this.takeJoined(bytes);
    return b === 0 ? (0 as Pointer) : this.window.pointerOf(b);
  }

  /** Frees a live block of this heap's segments; false when another thread freed it at this very moment. */
  freeBlock(b: Block): boolean {
    const m = this.words;
    const units = sizeOf(m, b) >>> 4;
    if (units > CACHED_UNITS) return this.#releaseClaimed(b);
    if (isFull(m, this.cache, units)) this.makeRoom(units);
    markCached(m, b);
    push(m, this.cache, units, b);
    return true;
  }

  /** The live block of this heap at `pointer`, or 0: then it is something else, and nothing was read outside. */
  liveBlock(pointer: number): Block {
    const m = this.words;
    const distance = pointer - this.payloadBase;
    const offset = distance >>> 0; // integer tests throughout: `pointer % 16` would be a division of doubles
    if (offset !== distance || (offset & 15) !== 8 || m[1024 + (offset >>> 20)] !== this.record)
      return 0 as Block;
    const b = (offset >>> 2) as Block;
    return isSealedLive(m, b, this.secret) && sizeOf(m, b) >= MIN_BLOCK ? b : (0 as Block);
  }

  /** The same for a block of any thread's heap. */
  liveBlockOfAny(pointer: number): Block {
    const m = this.words;
    const distance = pointer - this.payloadBase;
    const offset = distance >>> 0;
    if (offset !== distance || (offset & 15) !== 8 || m[1024 + (offset >>> 20)] === 0) return 0 as Block;
    const b = (offset >>> 2) as Block;
    return isSealedLive(m, b, this.secret) && sizeOf(m, b) >= MIN_BLOCK ? b : (0 as Block);
  }

  /** The heap of this thread that a block lies in: this one, or one that it took over; null when it is another thread's. */
  holding(b: Block): ThreadHeap | null {
    if (ownerOfWord(this.words, b) === this.record) return this;
    return this.elsewhere?.heapOf(b) ?? null;
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
      footprint: footprintPages(m) * pageSize,
      limit: limit === NO_LIMIT ? Number.POSITIVE_INFINITY : limit * pageSize,
    };
  }

  /** Hangs a tracer in, or takes it out. */
  trace(sink: TraceSink | null, settle: (() => void) | null): void {
    this.hooks.trace = sink;
    this.hooks.settle = settle;
    if (!this.torn) this.open();
  }

  /** The update is done, and the heap whole: the fast paths may be taken, unless there is a tracer. */
  open(): void {
    this.words[this.record + Rec.torn] = 0;
    const tops = this.hooks.trace === null ? this.cache : this.closedTops;
    // Stored only when it changes: V8 folds a field that it saw stored once, and that is 7 % of a pair.
    if (this.tops !== tops) this.tops = tops;
  }

  /** Puts this thread's heaps in order after an update was broken off, as if the thread had died then. */
  mend(): void {
    ensureStack();
    this.elsewhere?.mend(this);
    this.open();
  }

  /**
   * A mapping for a block at a multiple of `alignment`; 0 when memory is out. Pages that lie idle in the heap make room
   * for it: at a new peak, and at the limit.
   */
  allocateLarge(size: number, alignment: number): Pointer {
    makeUpFor(this.store, size);
    const pointer = this.large.allocate(size, alignment);
    if (pointer !== 0) return pointer;
    return this.#relieved(size, () => this.large.allocate(size, alignment)) as Pointer;
  }

  /** Another size for a large block, as LargeBlocks.resize() has it, and with room made for it as above. */
  resizeLarge(pointer: number, have: number, size: number): number {
    if (size > have) makeUpFor(this.store, size - have);
    ensureStack(); // the kernel moves the block, and nobody would hear of it
    const resized = this.large.resize(pointer, size);
    if (resized !== 0) return resized;
    return this.#relieved(size, () => this.large.resize(pointer, size));
  }

  /** Tries again what had no room, once what lies idle was given back: here, then in ended threads' heaps. 0 if in vain. */
  #relieved(size: number, attempt: () => number): number {
    if (size > Math.min(this.pressure().limit, this.window.span)) return 0;
    let result = this.relieve() ? attempt() : 0;
    if (result === 0 && this.elsewhere?.relieve()) result = attempt();
    return result;
  }

  #releaseClaimed(b: Block): boolean {
    if (!this.outbox.claim(b)) return false;
    try {
      this.release(b);
    } catch (error) {
      // A neighbour was overwritten: the block stays as it was. Broken off half-way it is what its headers say.
      if (error instanceof HeapError) markLive(this.words, b, this.secret);
      throw error;
    }
    return true;
  }

  #allocateSmall(units: number): Pointer {
    const b = this.fromCache(units);
    return b === 0 ? this.obtain(units << 4) : this.madeLive(b);
  }

  /** A live block of `bytes`, from this heap or, before it takes more address space, from elsewhere; or 0. */
  obtain(bytes: number): Pointer {
    let b = this.store.take(bytes) || this.replenish(bytes);
    if (b === 0) {
      const pointer = this.elsewhere?.allocate(bytes - HEADER_BYTES) ?? (0 as Pointer);
      if (pointer !== 0) {
        this.store.cleanFrom = NOTHING_CLEAN;
        return pointer;
      }
      b = this.growOut(bytes);
      if (b === 0 && this.elsewhere?.relieve()) b = this.store.grow(bytes);
    }
    return b === 0 ? (0 as Pointer) : this.window.pointerOf(b);
  }
}

if (
  OWNERS !== 1024 ||
  CHUNK_SHIFT !== 20 ||
  MOST_UNITS !== 575 ||
  STACK_MASK !== 63 ||
  PREVIOUS_FREE !== 1 ||
  CACHED !== 4 ||
  blockBytes(24) !== 32 ||
  blockBytes(25) !== 48
)
  throw new Error("heap: a literal of the fast paths is out of date");
