/**
 * The extent of a heap: its segments, and how far the active one is committed against the limit.
 *
 * Owns committing, opening the next segment and closing the one before. Must not know how the wilderness is carved.
 * Its whole state is in the heap record; wilderness.ts has the picture.
 */

import { type Account, slackPages } from "./account.js";
import {
  FENCE_BYTES,
  innerEnd,
  innerStart,
  MIN_BLOCK,
  markPreviousFree,
  writeFree,
  writeLive,
} from "./block.js";
import type { Hooks } from "./hooks.js";
import { type Loops, loopsOf } from "./loops.js";
import { type Block, HEADER_BYTES, roundUp, type Window, WORD_BYTES } from "./memory.js";
import type { Os } from "./os.js";
import { Rec } from "./record.js";
import { Runs } from "./runs.js";
import type { Segments } from "./segments.js";

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

export class Extent {
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

  /** Commits the wilderness far enough for `size` bytes more; false when limit, window or kernel forbid it. */
  commitFor(size: number): boolean {
    const { segments } = this;
    const segment = this.m[this.record + Rec.segment]!;
    const needed = this.#endFor(size);
    if (needed > segments.end(segment) && !segments.extend(segment, needed)) return false;
    return this.commitWithin(size);
  }

  /** Bytes / 16 that the heap's blocks take together, in any state. */
  extentUnits(): number {
    const m = this.m;
    const { record } = this;
    const start = this.segments.start(m[record + Rec.segment]!);
    return m[record + Rec.closedUnits]! + ((m[record + Rec.top]! - start) >>> 2);
  }

  /** First word above the blocks of a segment: the top of the active one; in a closed one a fence lies below it. */
  endOf(id: number): number {
    const { record } = this;
    return this.m[record + Rec.segment] === id ? this.m[record + Rec.top]! : this.segments.end(id);
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
      const active = this.m[this.record + Rec.segment] === id;
      words +=
        (active ? this.m[this.record + Rec.commit]! : this.segments.end(id)) - this.segments.chunkStart(id);
    }
    return (words * WORD_BYTES) / this.runs.pageSize;
  }

  /** Pages charged to this heap that it never touched. */
  slackPages(): number {
    return slackPages(this.m, this.record);
  }

  /** Where the active segment must end for `size` bytes more: a fence must always fit, so that it can be closed. */
  #endFor(size: number): number {
    return this.m[this.record + Rec.top]! + ((size + FENCE_BYTES) >>> 2);
  }

  protected commitWithin(size: number): boolean {
    const m = this.m;
    const { record, segments } = this;
    const newTop = m[record + Rec.top]! + (size >>> 2);
    const commit = m[record + Rec.commit]!;
    if (newTop <= commit) return true;
    const segment = m[record + Rec.segment]!;
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
      m[this.record + Rec.commit] = target;
      return true;
    }
    return false;
  }

  /** Leaves the active segment for a new one that has room for `size` bytes. */
  protected openNext(size: number): boolean {
    const m = this.m;
    const { record, segments } = this;
    // A limit that forbids the block forbids it in a new segment too. The first page is charged at once, for the
    // top lies a header above its start.
    const pages = Math.ceil(size / this.runs.pageSize) + CLOSING_PAGES;
    if (!this.account.charge(pages)) return false;
    const least = (size + FENCE_BYTES + HEADER_BYTES) >>> 2;
    const roomy = Math.min(MOST_OPENED, this.extentUnits() * 4 * OPENED_SHARE);
    let id = segments.open(Math.max(least, roomy), m[record + Rec.entry]!, HEADER_BYTES / WORD_BYTES);
    if (id < 0) id = segments.open(least, m[record + Rec.entry]!, HEADER_BYTES / WORD_BYTES);
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
    m[record + Rec.segment] = id;
    m[record + Rec.commit] = commit;
    m[record + Rec.high] = start;
    m[record + Rec.top] = start;
  }

  /** Turns what is left of the active segment into a free block and a fence. */
  #close(): void {
    const m = this.m;
    const { record, segments } = this;
    const top = m[record + Rec.top]! as Block;
    const end = segments.end(m[record + Rec.segment]!);
    const last = (end - HEADER_BYTES / WORD_BYTES) as Block;
    const rest = (last - top) * WORD_BYTES;
    const fence = rest < MIN_BLOCK ? top : last;
    const start = segments.start(m[record + Rec.segment]!);
    m[record + Rec.closedUnits] = m[record + Rec.closedUnits]! + ((fence - start) >>> 2);
    const commit = m[record + Rec.commit]!;
    const touched = roundUp(Math.max(top, m[record + Rec.high]!), this.runs.pageSize / WORD_BYTES);
    const untouched = this.#untouched(top, fence, touched);
    this.account.chargeUnchecked(((end - commit) * WORD_BYTES) / this.runs.pageSize - untouched);
    writeLive(m, fence, FENCE_BYTES, this.secret);
    if (fence === top) return;
    markPreviousFree(m, fence);
    writeFree(m, top, rest, this.secret);
    this.runs.put(top, rest);
    m[record + Rec.blocks] = m[record + Rec.blocks]! + 1;
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
