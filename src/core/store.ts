/**
 * The store: the joined blocks of one heap, in bins and wilderness.
 *
 * Owns how a block is found, carved, joined and put back, and how the wilderness moves on through segments. Must not
 * know the cache above it, C semantics, or other heaps' memory. One thread at a time uses a store; its whole state is
 * the heap record.
 *
 * Every update is a chain of stores after each of which the size words can be walked from a segment's start to its
 * end: a remainder's header is written before the block in front of it shrinks, and two blocks become one by one
 * store.
 */
import { corrupt } from "../errors.js";
import {
  breakSeal,
  FENCE_BYTES,
  gonePages,
  innerEnd,
  innerStart,
  isFree,
  isGone,
  isPreviousFree,
  isSealed,
  MIN_BLOCK,
  markCached,
  markPreviousFree,
  markPreviousLive,
  nextOf,
  previousOf,
  resizeLive,
  sizeOf,
  writeFree,
  writeFreed,
  writeLive,
} from "./block.js";
import type { Hooks } from "./hooks.js";
import { type Block, HEADER_BYTES, roundUp, type Window, WORD_BYTES } from "./memory.js";
import type { Os } from "./os.js";
import { Rec } from "./record.js";
import { Runs } from "./runs.js";
import { ownerOf, type Segments } from "./segments.js";
import { trimWilderness } from "./trim.js";

/**
 * How far the heap commits ahead of what it needs: a 256th of its segment, within these bounds. Cached blocks are
 * joined before each step; with steps of a 16th, a recorded Lua program peaked 3 % higher.
 */
const LEAST_STEP = 64 * 1024;
const MOST_STEP = 1024 * 1024;
/** Pages that closing a segment and opening the next may add to the account besides what is asked for. */
const CLOSING_PAGES = 4;
/** Free runs of this size are what giving memory back is about. */
const LOOSE_RUN = 64 * 1024;
/** No word of the block that was taken last is known to be zero. */
export const NOTHING_CLEAN = 0x7fffffff;

export class Store {
  readonly window: Window;
  readonly segments: Segments;
  readonly os: Os;
  readonly hooks: Hooks;
  readonly record: number;
  readonly runs: Runs;
  readonly #m: Int32Array;
  readonly #secret: number;
  /** From this word on the block that take() or grow() returned is fresh from the operating system, so zero. */
  cleanFrom = NOTHING_CLEAN;
  /** How many blocks carve() made. */
  carved = 0;

  constructor(window: Window, segments: Segments, os: Os, hooks: Hooks, record: number) {
    this.window = window;
    this.segments = segments;
    this.os = os;
    this.hooks = hooks;
    this.record = record;
    this.runs = new Runs(window, hooks, record);
    this.#m = window.words;
    this.#secret = this.runs.secret;
  }

  /** A live block of `size` bytes or little more, from bins or committed wilderness; 0 if neither has it. */
  take(size: number): Block {
    const m = this.#m;
    const b = this.runs.find(size);
    if (b === 0) return this.#carveWilderness(size);
    this.cleanFrom = NOTHING_CLEAN;
    if (isGone(m, b)) return this.#takeGone(b, size);
    this.runs.cut(b, size);
    return b;
  }

  /** A whole free block, made live, in which an aligned block of `size` bytes fits; 0 if none is found. */
  takeAligned(size: number, alignment: number): Block {
    const b = this.runs.findAligned(size, alignment);
    if (b !== 0) this.runs.cut(b, sizeOf(this.#m, b));
    return b;
  }

  /**
   * Carves up to `most` blocks of `size` bytes that lie one after the other, all marked CACHED, and returns the
   * lowest; `carved` says how many. One header each and one store for all of them, where single blocks would take a
   * search and a relinked remainder each. 0 if neither bins nor committed wilderness have even one.
   */
  carve(size: number, most: number): Block {
    const m = this.#m;
    const run = this.runs.find(size);
    if (run === 0) return this.#carveTop(size, most);
    const have = sizeOf(m, run);
    if (have < 2 * size || isGone(m, run)) {
      const b = this.take(size);
      this.carved = b === 0 ? 0 : 1;
      if (b !== 0) markCached(m, b);
      return b;
    }
    let count = Math.min(most, (have / size) | 0);
    let rest = have - count * size;
    if (rest > 0 && rest < MIN_BLOCK) {
      count--;
      rest += size;
    }
    this.#carveRun(run, have, size, count, rest);
    this.carved = count;
    return (run + (rest >>> 2)) as Block;
  }

  /** The same from a wilderness that is committed further first; 0 when limit, window or kernel forbid it. */
  grow(size: number): Block {
    if (!this.commitFor(size) && !this.#openNext(size)) return 0 as Block;
    return this.#carveWilderness(size);
  }

  /**
   * Joins a live or cached block with its free neighbours, and keeps it for later. Throws ERR_HEAP_CORRUPT, with
   * nothing changed, when a neighbour's header or footer was overwritten.
   */
  release(freed: Block): void {
    const m = this.#m;
    const size = sizeOf(m, freed);
    const next = this.above(freed);
    const below = isPreviousFree(m, freed) ? this.below(freed) : (0 as Block);
    markCached(m, freed);
    if (next === m[this.record + Rec.top]) {
      this.#releaseAtTop(freed, below);
      return;
    }
    let b = freed;
    let total = size;
    let gone = 0; // pages given back in the neighbours: they stay so in what they are joined to
    if (isFree(m, next)) {
      gone = this.runs.remove(next);
      total += sizeOf(m, next);
      this.countMerge(Rec.mergesForward, b, total);
    } else {
      markPreviousFree(m, next);
    }
    if (below === 0) {
      writeFree(m, b, total, this.#secret);
      this.runs.put(b, total);
    } else {
      b = below;
      total += sizeOf(m, b);
      gone += this.runs.resize(b, total);
      this.countMerge(Rec.mergesBackward, b, total);
    }
    if (gone > 0) this.runs.setGone(b, gone);
    if (total >= LOOSE_RUN) this.loosen(size);
  }

  /** The last block was freed: it, and a free block below it, become wilderness. */
  #releaseAtTop(freed: Block, below: Block): void {
    if (below === 0) {
      this.retreat(freed, 1, 0);
      return;
    }
    const gone = this.runs.remove(below);
    this.countMerge(Rec.mergesBackward, below, (this.#m[this.record + Rec.top]! - below) * WORD_BYTES);
    this.retreat(below, 1, gone);
  }

  /** Lets a live block that ends at the wilderness grow into it by `more` bytes; false when it cannot. */
  extendIntoWilderness(b: Block, more: number): boolean {
    const m = this.#m;
    if (!this.commitFor(more)) return false;
    const { record } = this;
    const top = m[record + Rec.top]! as Block;
    // A freed block between b and the new top, so that the segment can be walked while the top moves.
    writeFreed(m, top, more, this.#secret);
    m[record + Rec.top] = top + (more >>> 2);
    resizeLive(m, b, sizeOf(m, b) + more, this.#secret);
    breakSeal(m, top);
    return true;
  }

  /** Commits the wilderness far enough for `size` bytes more; false when limit, window or kernel forbid it. */
  commitFor(size: number): boolean {
    const m = this.#m;
    const { record, segments } = this;
    const newTop = m[record + Rec.top]! + (size >>> 2);
    const commit = m[record + Rec.commit]!;
    if (newTop <= commit) return true;
    const segment = m[record + Rec.segment]!;
    // A fence must always fit above the top, so that the segment can be closed.
    const needed = newTop + (FENCE_BYTES >>> 2);
    if (needed > segments.end(segment) && !segments.extend(segment, needed)) return false;
    const end = segments.end(segment);
    if (end > m[record + Rec.ceiling]!) m[record + Rec.ceiling] = end;
    return this.#charge(newTop, commit, end, segments.start(segment));
  }

  /** Bytes / 16 that the heap's blocks take together, in any state. */
  extentUnits(): number {
    const m = this.#m;
    const { record } = this;
    const start = this.segments.start(m[record + Rec.segment]!);
    return m[record + Rec.closedUnits]! + ((m[record + Rec.top]! - start) >>> 2);
  }

  /** Pages charged to this heap that it never touched. */
  slackPages(): number {
    const m = this.#m;
    const touched = Math.max(m[this.record + Rec.high]!, m[this.record + Rec.top]!);
    return Math.floor(((m[this.record + Rec.commit]! - touched) * WORD_BYTES) / this.runs.pageSize);
  }

  /** From the upper end of a run, so that what is left of it keeps its place in its bin. */
  #carveRun(run: Block, have: number, size: number, count: number, rest: number): void {
    const m = this.#m;
    this.runs.verify(run);
    const first = (run + (rest >>> 2)) as Block;
    const above = (run + (have >>> 2)) as Block;
    if (rest === 0) this.runs.remove(run);
    for (let i = count - 1; i >= 0; i--) {
      writeFreed(m, (first + i * (size >>> 2)) as Block, size, this.#secret);
    }
    if (rest > 0) {
      this.runs.resize(run, rest);
      markPreviousFree(m, first);
    }
    markPreviousLive(m, above);
    m[this.record + Rec.blocks] = m[this.record + Rec.blocks]! + count - (rest === 0 ? 1 : 0);
    m[this.record + Rec.splits] = m[this.record + Rec.splits]! + count - (rest === 0 ? 1 : 0);
    if (this.hooks.trace !== null) this.hooks.trace("split", this.window.pointerOf(first), count * size);
  }

  /** From the wilderness, as far as it is committed. */
  #carveTop(size: number, most: number): Block {
    const m = this.#m;
    const { record } = this;
    const top = m[record + Rec.top]!;
    const step = size >>> 2;
    const count = Math.min(most, ((m[record + Rec.commit]! - top) / step) | 0);
    this.carved = count;
    if (count === 0) return 0 as Block;
    for (let i = 0; i < count; i++) writeFreed(m, (top + i * step) as Block, size, this.#secret);
    m[record + Rec.top] = top + count * step;
    m[record + Rec.blocks] = m[record + Rec.blocks]! + count;
    return top as Block;
  }

  #charge(newTop: number, commit: number, end: number, start: number): boolean {
    const m = this.#m;
    const pageWords = this.runs.pageSize / WORD_BYTES;
    const grown = (commit - start) * WORD_BYTES;
    const step = Math.min(MOST_STEP, Math.max(LEAST_STEP, grown >>> 8)) >>> 2;
    const least = roundUp(newTop, pageWords);
    const most = Math.min(end, Math.max(least, roundUp(commit + step, pageWords)));
    for (const target of [most, least]) {
      if (!this.segments.charge((target - commit) / pageWords)) continue;
      m[this.record + Rec.commit] = target;
      return true;
    }
    return false;
  }

  #carveWilderness(size: number): Block {
    const m = this.#m;
    const { record } = this;
    const top = m[record + Rec.top]!;
    const newTop = top + (size >>> 2);
    if (newTop > m[record + Rec.commit]!) return 0 as Block;
    const high = m[record + Rec.high]!;
    this.cleanFrom = Math.max(high, top);
    writeLive(m, top as Block, size, this.#secret);
    m[record + Rec.top] = newTop;
    m[record + Rec.blocks] = m[record + Rec.blocks]! + 1;
    return top as Block;
  }

  /** A block whose pages were given back is footprint again as far as it is used. */
  #takeGone(b: Block, size: number): Block {
    const have = sizeOf(this.#m, b);
    const rest = have - size;
    const inner = rest < MIN_BLOCK ? 0 : this.runs.innerPages((b + (size >>> 2)) as Block, rest);
    // Which pages are gone is not known; that those in use now were is the assumption that never counts too few.
    const gone = gonePages(this.#m, b);
    const used = Math.min(gone, this.runs.innerPages(b, have) - inner);
    if (!this.segments.charge(used)) return 0 as Block;
    const remainder = this.runs.cut(b, size);
    if (gone > used) this.runs.setGone(remainder, gone - used);
    return b;
  }

  /** The `blocks` blocks from `b` up to the top are free: the wilderness begins at `b`. */
  retreat(b: Block, blocks: number, gone: number): void {
    const m = this.#m;
    const { record } = this;
    const top = m[record + Rec.top]!;
    if (top > m[record + Rec.high]!) m[record + Rec.high] = top;
    m[record + Rec.top] = b;
    m[record + Rec.blocks] = m[record + Rec.blocks]! - blocks;
    this.loosen((top - b) * WORD_BYTES);
    // In the wilderness pages are charged up to the commit mark: where some are gone already, the rest goes too.
    if (gone > 0) trimWilderness(this, gone);
  }

  /** Notes that free memory came into a large run. */
  loosen(bytes: number): void {
    this.#m[this.record + Rec.loose] = this.#m[this.record + Rec.loose]! + (bytes >>> 4);
  }

  /** Whether the limit lets one free block, or two, be used; pages of them may have been given back. */
  affords(one: Block, other: Block): boolean {
    const m = this.#m;
    return this.segments.affords(gonePages(m, one) + (other === 0 ? 0 : gonePages(m, other)));
  }

  /** Takes a free block out of its bin to be joined with a live one. */
  takeOut(b: Block): void {
    const gone = this.runs.remove(b);
    if (gone > 0) this.segments.recharge(gone);
  }

  /** Counts blocks that a sweep joined to the one below. */
  countJoined(blocks: number): void {
    const m = this.#m;
    m[this.record + Rec.mergesForward] = m[this.record + Rec.mergesForward]! + blocks;
    m[this.record + Rec.blocks] = m[this.record + Rec.blocks]! - blocks;
  }

  countMerge(counter: number, b: Block, total: number): void {
    const m = this.#m;
    m[this.record + counter] = m[this.record + counter]! + 1;
    m[this.record + Rec.blocks] = m[this.record + Rec.blocks]! - 1;
    if (this.hooks.trace === null) return;
    this.hooks.trace(
      counter === Rec.mergesForward ? "merge forward" : "merge backward",
      this.window.pointerOf(b),
      total,
    );
  }

  /** The block above, or the wilderness; a write past the end of the one below shows in its header. */
  above(b: Block): Block {
    const m = this.#m;
    const next = nextOf(m, b);
    if (next === m[this.record + Rec.top]) return next;
    if (!isSealed(m, next, this.#secret)) {
      throw corrupt(
        `the header above the block at 0x${this.window.pointerOf(b).toString(16)} (${sizeOf(m, b)} bytes) was overwritten`,
      );
    }
    if (isFree(m, next)) this.runs.verify(next);
    return next;
  }

  /** The free block below; what its footer says is believed only if the header there agrees. */
  below(b: Block): Block {
    const m = this.#m;
    const below = previousOf(m, b);
    const plausible = below > 0 && below < b && ownerOf(m, below * WORD_BYTES) === this.record;
    if (!plausible || !isSealed(m, below, this.#secret) || !isFree(m, below) || nextOf(m, below) !== b) {
      throw corrupt(
        `the free block below 0x${this.window.pointerOf(b).toString(16)} has a footer that leads nowhere`,
      );
    }
    this.runs.verify(below);
    return below;
  }

  /** Leaves the active segment for a new one that has room for `size` bytes. */
  #openNext(size: number): boolean {
    const m = this.#m;
    const { record, segments } = this;
    // A limit that forbids the block forbids it in a new segment too. The first page is charged at once, for the
    // top lies a header above its start.
    const pages = Math.ceil(size / this.runs.pageSize) + CLOSING_PAGES;
    if (!segments.affords(pages)) return false;
    const id = segments.open((size + FENCE_BYTES + HEADER_BYTES) >>> 2, record);
    if (id < 0) return false;
    this.#close();
    const chunkStart = segments.start(id);
    segments.setStart(id, chunkStart + HEADER_BYTES / WORD_BYTES);
    m[record + Rec.segment] = id;
    m[record + Rec.top] = segments.start(id);
    m[record + Rec.high] = segments.start(id);
    m[record + Rec.commit] = chunkStart + this.runs.pageSize / WORD_BYTES;
    segments.recharge(1);
    return this.commitFor(size);
  }

  /** Turns what is left of the active segment into a free block and a fence. */
  #close(): void {
    const m = this.#m;
    const { record, segments } = this;
    const top = m[record + Rec.top]! as Block;
    const end = segments.end(m[record + Rec.segment]!);
    const last = (end - HEADER_BYTES / WORD_BYTES) as Block;
    const rest = (last - top) * WORD_BYTES;
    const fence = rest < MIN_BLOCK ? top : last;
    const start = segments.start(m[record + Rec.segment]!);
    m[record + Rec.closedUnits] = m[record + Rec.closedUnits]! + ((fence - start) >>> 2);
    const commit = m[record + Rec.commit]!;
    segments.recharge(
      ((end - commit) * WORD_BYTES) / this.runs.pageSize - this.#untouched(top, fence, commit),
    );
    writeLive(m, fence, FENCE_BYTES, this.#secret);
    if (fence === top) return;
    markPreviousFree(m, fence);
    writeFree(m, top, rest, this.#secret);
    this.runs.put(top, rest);
    m[record + Rec.blocks] = m[record + Rec.blocks]! + 1;
    this.runs.setGone(top, this.#untouched(top, fence, commit));
  }

  /** Pages of the block from `b` to the fence that lie above the commit mark: never touched, as good as given back. */
  #untouched(b: Block, fence: Block, commit: number): number {
    if (b === fence) return 0;
    const { pageSize } = this.runs;
    const first = Math.max(innerStart(b, pageSize), commit * WORD_BYTES);
    return Math.max(0, innerEnd(b, (fence - b) * WORD_BYTES, pageSize) - first) / pageSize;
  }
}
