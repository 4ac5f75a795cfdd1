/**
 * Free runs: the FREE blocks of one heap in their bins, with the counts that go with them.
 *
 * Owns the account of free blocks, bytes and given-back pages in the heap record, and cutting a block in two. Must
 * not know where memory comes from or when blocks are joined.
 */
import {
  binOf,
  checkLinks,
  findDouble,
  findFit,
  findWhere,
  link,
  type Rings,
  replace,
  ringsOf,
  unlink,
} from "./bins.js";
import {
  alignedPayload,
  gonePages,
  innerEnd,
  innerStart,
  isGone,
  MIN_BLOCK,
  markPreviousLive,
  setGonePages,
  sizeOf,
  writeFree,
  writeLive,
} from "./block.js";
import { Control } from "./control.js";
import type { Hooks } from "./hooks.js";
import { type Loops, loopsOf } from "./loops.js";
import type { Block, Window } from "./memory.js";
import { binsOf, Rec } from "./record.js";

/** More than there are. */
const ALL = 2 ** 30;

export class Runs {
  readonly window: Window;
  readonly hooks: Hooks;
  readonly record: number;
  readonly secret: number;
  readonly pageSize: number;
  readonly #m: Int32Array;
  readonly #bins: number;
  readonly #rings: Rings;
  readonly #loops: Loops;

  constructor(window: Window, hooks: Hooks, record: number) {
    this.window = window;
    this.hooks = hooks;
    this.record = record;
    this.#m = window.words;
    this.secret = this.#m[Control.secret]!;
    this.pageSize = this.#m[Control.pageSize]!;
    this.#bins = binsOf(record);
    this.#rings = ringsOf(this.#m);
    this.#loops = loopsOf(this.#m);
  }

  /** A free block of at least `size` bytes, still in its bin, verified; 0 if there is none. */
  find(size: number): Block {
    return findFit(this.#m, this.#bins, size, this.record);
  }

  /**
   * The same for blocks of `size` bytes that are carved several at once: rather one that makes two and leaves nothing over. So a
   * recorded Lua program peaks at the same size wherever its first block lies; one that makes three or more is better left
   * whole, for with those it peaks 2 % higher.
   */
  findForMany(size: number): Block {
    return findDouble(this.#m, this.#bins, size, this.record) || this.find(size);
  }

  /** The same, of all free blocks; one that `accept` takes. */
  findAmongAll(size: number, accept: (b: Block) => boolean): Block {
    return findWhere(this.#m, this.#bins, size, this.record, accept, ALL);
  }

  /** The same, with room for a payload at a multiple of `alignment`; 0 if none is found. */
  findAligned(size: number, alignment: number): Block {
    const m = this.#m;
    return findWhere(m, this.#bins, size, this.record, (b) => {
      const pointer = this.window.pointerOf(b);
      return !isGone(m, b) && alignedPayload(pointer, alignment) - pointer + size <= sizeOf(m, b);
    });
  }

  /**
   * Up to `most` free blocks of exactly `size` bytes become CACHED, and their numbers are stored from word `to` on. Returns
   * how many; none where blocks of that size share a bin with others.
   */
  takeExact(size: number, to: number, most: number): number {
    const count = this.#rings.takeFirst(this.#bins, size, this.secret, this.record, to, most);
    if (count === 0) return 0;
    this.#loops.unfree(to, count, size, this.secret);
    const m = this.#m;
    const { record } = this;
    m[record + Rec.freeBlocks] = m[record + Rec.freeBlocks]! - count;
    m[record + Rec.freeUnits] = m[record + Rec.freeUnits]! - count * (size >>> 4);
    return count;
  }

  /** Links a FREE block into its bin. */
  put(b: Block, size: number): void {
    const m = this.#m;
    const { record } = this;
    link(m, this.#bins, b, size);
    m[record + Rec.freeBlocks] = m[record + Rec.freeBlocks]! + 1;
    m[record + Rec.freeUnits] = m[record + Rec.freeUnits]! + (size >>> 4);
  }

  /** Throws ERR_HEAP_CORRUPT when the links of a FREE block were overwritten: before anything is changed. */
  verify(b: Block): void {
    checkLinks(this.#m, b, this.record);
  }

  /** Takes a verified FREE block out of its bin; returns how many of its pages had been given back. */
  remove(b: Block): number {
    const m = this.#m;
    const { record } = this;
    unlink(m, this.#bins, b);
    m[record + Rec.freeBlocks] = m[record + Rec.freeBlocks]! - 1;
    m[record + Rec.freeUnits] = m[record + Rec.freeUnits]! - (sizeOf(m, b) >>> 4);
    const gone = gonePages(m, b);
    if (gone !== 0) m[record + Rec.gonePages] = m[record + Rec.gonePages]! - gone;
    return gone;
  }

  /**
   * Gives a verified FREE block that is in its bin another size, at its upper end. Returns how many of its pages had been given
   * back; the block is then not GONE, and the caller says what became of them. While the size stays in the same bin, which
   * for large runs it mostly does, no list is touched.
   */
  resize(b: Block, size: number): number {
    const m = this.#m;
    const old = sizeOf(m, b);
    if (isGone(m, b) || binOf(old) !== binOf(size)) {
      const gone = this.remove(b);
      writeFree(m, b, size, this.secret);
      this.put(b, size);
      return gone;
    }
    writeFree(m, b, size, this.secret);
    m[this.record + Rec.freeUnits] = m[this.record + Rec.freeUnits]! + ((size - old) >> 4);
    return 0;
  }

  /**
   * Lets a verified FREE block in its bin begin higher, at `start`, with `size` bytes left of it; false, with nothing
   * changed, when it would belong into another bin or has pages given back. The block below is then resized at once: that
   * store is what counts.
   */
  raise(b: Block, start: Block, size: number): boolean {
    const m = this.#m;
    const old = sizeOf(m, b);
    if (isGone(m, b) || binOf(old) !== binOf(size)) return false;
    writeFree(m, start, size, this.secret);
    replace(m, b, start);
    m[this.record + Rec.freeUnits] = m[this.record + Rec.freeUnits]! - ((old - size) >>> 4);
    return true;
  }

  /** Notes how many pages of a FREE block in its bin are given back. */
  setGone(b: Block, pages: number): void {
    const m = this.#m;
    const { record } = this;
    m[record + Rec.gonePages] = m[record + Rec.gonePages]! + pages - gonePages(m, b);
    setGonePages(m, b, pages);
  }

  /**
   * Makes the first `size` bytes of a verified FREE block in its bin live; what is left over, if a block fits in it, becomes a
   * free block in its bin. Returns the remainder, or 0.
   */
  cut(b: Block, size: number): Block {
    const m = this.#m;
    const have = sizeOf(m, b);
    const rest = have - size;
    if (rest < MIN_BLOCK) {
      this.remove(b);
      markPreviousLive(m, (b + (have >>> 2)) as Block);
      writeLive(m, b, have, this.secret);
      return 0 as Block;
    }
    const remainder = (b + (size >>> 2)) as Block;
    if (binOf(rest) === binOf(have) && !isGone(m, b)) {
      writeFree(m, remainder, rest, this.secret);
      replace(m, b, remainder);
      m[this.record + Rec.freeUnits] = m[this.record + Rec.freeUnits]! - (size >>> 4);
      writeLive(m, b, size, this.secret);
    } else {
      this.remove(b);
      writeFree(m, remainder, rest, this.secret);
      writeLive(m, b, size, this.secret);
      this.put(remainder, rest);
    }
    this.countSplit(remainder, rest);
    return remainder;
  }

  countSplit(remainder: Block, rest: number): void {
    const m = this.#m;
    m[this.record + Rec.blocks] = m[this.record + Rec.blocks]! + 1;
    m[this.record + Rec.splits] = m[this.record + Rec.splits]! + 1;
    if (this.hooks.trace !== null) this.hooks.trace("split", this.window.pointerOf(remainder), rest);
  }

  /** Whole pages between the links and the footer of a free block of `size` bytes at `b`. */
  innerPages(b: Block, size: number): number {
    const bytes = innerEnd(b, size, this.pageSize) - innerStart(b, this.pageSize);
    return bytes > 0 ? bytes / this.pageSize : 0;
  }
}
