/**
 * The wilderness: the part of a heap's active segment that is not cut into blocks yet.
 *
 * Owns how it is carved, committed against the limit, and led on through segments, and what becomes of it when the
 * last block is freed. Must not know how free blocks are found or joined. Its whole state is in the heap record:
 *
 *     start            top              high        commit               end
 *       | blocks …      | touched once   | untouched, | not charged yet    |
 *       |               |                | charged    |                    |
 *
 *   start <= top <= commit <= end,  high <= commit;  what lies above max(top, high) is zero
 */

import { type Account, slackPages } from "./account.js";
import {
  breakSeal,
  FENCE_BYTES,
  innerEnd,
  innerStart,
  MIN_BLOCK,
  markPreviousFree,
  resizeLive,
  sizeOf,
  writeFree,
  writeFreed,
  writeLive,
} from "./block.js";
import type { Hooks } from "./hooks.js";
import { type Loops, loopsOf } from "./loops.js";
import { type Block, HEADER_BYTES, roundUp, type Window, WORD_BYTES } from "./memory.js";
import type { Os } from "./os.js";
import { Rec } from "./record.js";
import { Runs } from "./runs.js";
import type { Segments } from "./segments.js";
import { trimWilderness } from "./trim.js";

// Constants of other modules, by names of this module's own: V8 folds those into the code, and loads an imported
// one from its cell each time.
const {
  blocks: BLOCKS,
  closedUnits: CLOSED_UNITS,
  commit: COMMIT,
  entry: ENTRY,
  high: HIGH,
  loose: LOOSE,
  segment: SEGMENT,
  top: TOP,
} = Rec;

/**
 * How far the heap commits ahead of what it needs: a 256th of its segment, within these bounds. Cached blocks are
 * joined before each step; with steps of a 16th, a recorded Lua program peaked 3 % higher.
 */
const LEAST_STEP = 64 * 1024;
const MOST_STEP = 1024 * 1024;
/**
 * A new segment is at least this share of the heap, up to so many words: where several threads grow, their segments lie
 * between one another and can seldom be extended, and each ends in a run that nothing can be joined to.
 */
const OPENED_SHARE = 1 / 8;
const MOST_OPENED = (32 * 2 ** 20) / WORD_BYTES;
/** Pages that closing a segment and opening the next may add to the account besides what is asked for. */
const CLOSING_PAGES = 4;
/** No word of the block that was taken last is known to be zero. */
export const NOTHING_CLEAN = 0x7fffffff;

export class Wilderness {
  readonly window: Window;
  readonly segments: Segments;
  readonly account: Account;
  readonly os: Os;
  readonly hooks: Hooks;
  readonly record: number;
  readonly runs: Runs;
  readonly m: Int32Array;
  readonly loops: Loops;
  readonly secret: number;
  /** From this word on the block that take() or grow() returned is fresh from the operating system, so zero. */
  cleanFrom = NOTHING_CLEAN;
  /** How many blocks were carved at once. */
  carved = 0;

  constructor(window: Window, segments: Segments, account: Account, os: Os, hooks: Hooks, record: number) {
    this.window = window;
    this.segments = segments;
    this.account = account;
    this.os = os;
    this.hooks = hooks;
    this.record = record;
    this.runs = new Runs(window, hooks, record);
    this.m = window.words;
    this.loops = loopsOf(this.m);
    this.secret = this.runs.secret;
  }

  /** A live block from a wilderness that is committed further first; 0 when limit, window or kernel forbid it. */
  grow(size: number): Block {
    if (!this.commitFor(size) && !this.#openNext(size)) return 0 as Block;
    return this.carveOne(size);
  }

  /** Lets a live block that ends at the wilderness grow into it by `more` bytes; false when it cannot. */
  extendIntoWilderness(b: Block, more: number): boolean {
    const m = this.m;
    if (!this.commitFor(more)) return false;
    const { record } = this;
    const top = m[record + TOP]! as Block;
    // A freed block between b and the new top, so that the segment can be walked while the top moves.
    writeFreed(m, top, more, this.secret);
    m[record + TOP] = top + (more >>> 2);
    resizeLive(m, b, sizeOf(m, b) + more, this.secret);
    breakSeal(m, top);
    return true;
  }

  /** The same without taking more address space. */
  growWithin(size: number): Block {
    return this.#commitWithin(size) ? this.carveOne(size) : (0 as Block);
  }

  /** Commits the wilderness far enough for `size` bytes more; false when limit, window or kernel forbid it. */
  commitFor(size: number): boolean {
    const { segments } = this;
    const segment = this.m[this.record + SEGMENT]!;
    const needed = this.#endFor(size);
    if (needed > segments.end(segment) && !segments.extend(segment, needed)) return false;
    return this.#commitWithin(size);
  }

  /** Bytes / 16 that the heap's blocks take together, in any state. */
  extentUnits(): number {
    const m = this.m;
    const { record } = this;
    const start = this.segments.start(m[record + SEGMENT]!);
    return m[record + CLOSED_UNITS]! + ((m[record + TOP]! - start) >>> 2);
  }

  /** First word above the blocks of a segment: the top of the active one; in a closed one a fence lies below it. */
  endOf(id: number): number {
    const { record } = this;
    return this.m[record + SEGMENT] === id ? this.m[record + TOP]! : this.segments.end(id);
  }

  /** The segments that the heap has. */
  ownSegments(): number[] {
    const found: number[] = [];
    for (let id = 0; id < this.segments.count; id++) {
      if (this.segments.owner(id) === this.record) found.push(id);
    }
    return found;
  }

  /** Pages of the heap's segments that are committed, given back or not. */
  committedPages(): number {
    let words = 0;
    for (const id of this.ownSegments()) {
      const active = this.m[this.record + SEGMENT] === id;
      words +=
        (active ? this.m[this.record + COMMIT]! : this.segments.end(id)) - this.segments.chunkStart(id);
    }
    return (words * WORD_BYTES) / this.runs.pageSize;
  }

  /** Pages charged to this heap that it never touched. */
  slackPages(): number {
    return slackPages(this.m, this.record);
  }

  /** A live block of `size` bytes, if that much is committed; else 0. */
  protected carveOne(size: number): Block {
    const m = this.m;
    const { record } = this;
    const top = m[record + TOP]!;
    const newTop = top + (size >>> 2);
    if (newTop > m[record + COMMIT]!) return 0 as Block;
    const high = m[record + HIGH]!;
    this.cleanFrom = Math.max(high, top);
    writeLive(m, top as Block, size, this.secret);
    m[record + TOP] = newTop;
    m[record + BLOCKS] = m[record + BLOCKS]! + 1;
    return top as Block;
  }

  /** Up to `most` blocks marked CACHED, as far as the wilderness is committed; the lowest, and `carved`. */
  protected carveMany(size: number, most: number): Block {
    const m = this.m;
    const { record } = this;
    const top = m[record + TOP]!;
    const step = size >>> 2;
    const count = Math.min(most, ((m[record + COMMIT]! - top) / step) | 0);
    this.carved = count;
    if (count === 0) return 0 as Block;
    this.loops.layOut(top as Block, size, count, this.secret);
    m[record + TOP] = top + count * step;
    m[record + BLOCKS] = m[record + BLOCKS]! + count;
    return top as Block;
  }

  /** The `blocks` blocks from `b` up to the top are free: the wilderness begins at `b`. */
  retreat(b: Block, blocks: number, gone: number): void {
    const m = this.m;
    const { record } = this;
    const top = m[record + TOP]!;
    if (top > m[record + HIGH]!) m[record + HIGH] = top;
    m[record + TOP] = b;
    m[record + BLOCKS] = m[record + BLOCKS]! - blocks;
    this.loosen((top - b) * WORD_BYTES);
    // In the wilderness pages are charged up to the commit mark: where some are gone already, the rest goes too.
    if (gone > 0) trimWilderness(this, gone);
  }

  /** Notes that free memory came into a large run. */
  loosen(bytes: number): void {
    this.m[this.record + LOOSE] = this.m[this.record + LOOSE]! + (bytes >>> 4);
  }

  /** Where the active segment must end for `size` bytes more: a fence must always fit, so that it can be closed. */
  #endFor(size: number): number {
    return this.m[this.record + TOP]! + ((size + FENCE_BYTES) >>> 2);
  }

  #commitWithin(size: number): boolean {
    const m = this.m;
    const { record, segments } = this;
    const newTop = m[record + TOP]! + (size >>> 2);
    const commit = m[record + COMMIT]!;
    if (newTop <= commit) return true;
    const segment = m[record + SEGMENT]!;
    const end = segments.end(segment);
    return this.#endFor(size) <= end && this.#charge(newTop, commit, end, segments.start(segment));
  }

  #charge(newTop: number, commit: number, end: number, start: number): boolean {
    const m = this.m;
    const pageWords = this.runs.pageSize / WORD_BYTES;
    const grown = (commit - start) * WORD_BYTES;
    const step = Math.min(MOST_STEP, Math.max(LEAST_STEP, grown >>> 8)) >>> 2;
    const least = roundUp(newTop, pageWords);
    const most = Math.min(end, Math.max(least, roundUp(commit + step, pageWords)));
    for (const target of [most, least]) {
      if (!this.account.charge((target - commit) / pageWords)) continue;
      m[this.record + COMMIT] = target;
      return true;
    }
    return false;
  }

  /** Leaves the active segment for a new one that has room for `size` bytes. */
  #openNext(size: number): boolean {
    const m = this.m;
    const { record, segments } = this;
    // A limit that forbids the block forbids it in a new segment too. The first page is charged at once, for the
    // top lies a header above its start.
    const pages = Math.ceil(size / this.runs.pageSize) + CLOSING_PAGES;
    if (!this.account.charge(pages)) return false;
    const least = (size + FENCE_BYTES + HEADER_BYTES) >>> 2;
    const roomy = Math.min(MOST_OPENED, this.extentUnits() * 4 * OPENED_SHARE);
    let id = segments.open(Math.max(least, roomy), m[record + ENTRY]!, HEADER_BYTES / WORD_BYTES);
    if (id < 0) id = segments.open(least, m[record + ENTRY]!, HEADER_BYTES / WORD_BYTES);
    if (id >= 0) {
      this.#close();
      this.begin(id);
    }
    this.account.chargeUnchecked(-pages); // that much was only kept from others meanwhile
    return id >= 0 && this.commitFor(size);
  }

  /**
   * Makes a segment that holds no block yet the active one. The segment first, by one store: while the other words
   * point outside it, it is known to be empty.
   */
  begin(id: number): void {
    const m = this.m;
    const { record, segments } = this;
    const pageWords = this.runs.pageSize / WORD_BYTES;
    const start = segments.start(id);
    const commit = roundUp(start, pageWords);
    this.account.chargeUnchecked((commit - segments.chunkStart(id)) / pageWords);
    m[record + SEGMENT] = id;
    m[record + COMMIT] = commit;
    m[record + HIGH] = start;
    m[record + TOP] = start;
  }

  /** Turns what is left of the active segment into a free block and a fence. */
  #close(): void {
    const m = this.m;
    const { record, segments } = this;
    const top = m[record + TOP]! as Block;
    const end = segments.end(m[record + SEGMENT]!);
    const last = (end - HEADER_BYTES / WORD_BYTES) as Block;
    const rest = (last - top) * WORD_BYTES;
    const fence = rest < MIN_BLOCK ? top : last;
    const start = segments.start(m[record + SEGMENT]!);
    m[record + CLOSED_UNITS] = m[record + CLOSED_UNITS]! + ((fence - start) >>> 2);
    const commit = m[record + COMMIT]!;
    const touched = roundUp(Math.max(top, m[record + HIGH]!), this.runs.pageSize / WORD_BYTES);
    const untouched = this.#untouched(top, fence, touched);
    this.account.chargeUnchecked(((end - commit) * WORD_BYTES) / this.runs.pageSize - untouched);
    writeLive(m, fence, FENCE_BYTES, this.secret);
    if (fence === top) return;
    markPreviousFree(m, fence);
    writeFree(m, top, rest, this.secret);
    this.runs.put(top, rest);
    m[record + BLOCKS] = m[record + BLOCKS]! + 1;
    this.runs.setGone(top, untouched);
  }

  /** Pages of the block from `b` to the fence that lie above what was ever touched: as good as given back. */
  #untouched(b: Block, fence: Block, touched: number): number {
    if (b === fence) return 0;
    const { pageSize } = this.runs;
    const first = Math.max(innerStart(b, pageSize), touched * WORD_BYTES);
    return Math.max(0, innerEnd(b, (fence - b) * WORD_BYTES, pageSize) - first) / pageSize;
  }
}
