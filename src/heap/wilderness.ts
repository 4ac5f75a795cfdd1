/**
 * The wilderness: the part of a heap's active segment above its last block (dlmalloc's top chunk); and the heap's segments.
 *
 * Owns carving from it, committing more of it against the limit, opening the next segment and closing the one before. Must
 * not know how free blocks are found or coalesced. Its whole state is in the heap record:
 *
 *     start            top              high        commit               end
 *       | blocks …      | touched once   | untouched, | not charged yet    |
 *       |               |                | charged    |                    |
 *
 *   start <= top <= commit <= end,  high <= commit;  what lies above max(top, high) is zero
 */
import { LEAST_BINNED } from "../block/bins.js";
import {
  clearChecksum,
  FENCE_BYTES,
  innerEnd,
  innerStart,
  MIN_BLOCK,
  resizeLive,
  sizeOf,
  writeCached,
  writeLive,
} from "../block/block.js";
import { Control, segmentEnd, segmentStart } from "../memory/control.js";
import { type Block, HEADER_BYTES, roundUp, type Window, WORD_BYTES } from "../memory/memory.js";
import type { Os } from "../platform/os.js";
import type { Account } from "../shared/account.js";
import type { Hooks } from "../shared/hooks.js";
import type { Segments } from "../space/segments.js";
import { Rec } from "./record.js";

/** No part of the last block taken is known to be zero. */
export const NOTHING_CLEAN = 0x7fffffff;
/**
 * How far the heap commits ahead: a 256th of its segment, within these bounds. Before each step it consolidates, if that is
 * worth it: with steps of a 16th it does so less often, and a recorded Lua program peaked 3 % higher.
 */
const LEAST_STEP = 64 * 1024;
const MOST_STEP = 1024 * 1024;
/**
 * A new segment is at least this share of the heap, up to so many words. Where several threads grow, their segments alternate
 * in memory and can seldom be extended; and blocks cannot be coalesced across segments, so there should be few.
 */
const OPENED_SHARE = 1 / 8;
const MOST_OPENED = (32 * 2 ** 20) / WORD_BYTES;
/** Pages that closing a segment and opening the next may charge besides those of the block. */
const CLOSING_PAGES = 4;

/** Keeps the CACHED block that is left over when a segment is closed; so many of its pages were never touched. */
export type KeepRest = (b: Block, untouchedPages: number) => void;

/** Units in all blocks of the heap with that record, in any state. */
export function extentUnits(m: Int32Array, record: number): number {
  const start = segmentStart(m, m[record + Rec.segment]!);
  return m[record + Rec.closedUnits]! + ((m[record + Rec.top]! - start) >>> 2);
}

/** Units of address space in the segments of that heap. */
export function spaceUnits(m: Int32Array, record: number): number {
  const id = m[record + Rec.segment]!;
  return m[record + Rec.closedUnits]! + ((segmentEnd(m, id) - segmentStart(m, id)) >>> 2);
}

export class Wilderness {
  readonly window: Window;
  readonly m: Int32Array;
  readonly segments: Segments;
  readonly account: Account;
  readonly os: Os;
  readonly hooks: Hooks;
  readonly record: number;
  readonly secret: number;
  readonly pageSize: number;
  /** From this word on the last block taken is fresh from the kernel, and so zero. */
  cleanFrom = NOTHING_CLEAN;
  /** Set by the pool. */
  keepRest: KeepRest = () => {};

  constructor(window: Window, segments: Segments, account: Account, os: Os, hooks: Hooks, record: number) {
    this.window = window;
    this.m = window.words;
    this.segments = segments;
    this.account = account;
    this.os = os;
    this.hooks = hooks;
    this.record = record;
    this.secret = this.m[Control.secret]!;
    this.pageSize = this.m[Control.pageSize]!;
  }

  /** Units in all blocks of the heap, in any state. */
  extentUnits(): number {
    return extentUnits(this.m, this.record);
  }

  /** Where the blocks of a segment end: at the top of the active one, at the end of a closed one, whose last header is a fence. */
  endOf(id: number): number {
    return this.isActive(id) ? this.m[this.record + Rec.top]! : this.segments.end(id);
  }

  isActive(id: number): boolean {
    return this.m[this.record + Rec.segment] === id;
  }

  /** The heap's segments. */
  ownSegments(): number[] {
    const found: number[] = [];
    for (let id = 0; id < this.segments.count; id++) {
      if (this.segments.owner(id) === this.record) found.push(id);
    }
    return found;
  }

  /** Committed pages of the heap's segments, purged or not. */
  committedPages(): number {
    let words = 0;
    for (const id of this.ownSegments()) {
      const end = this.isActive(id) ? this.m[this.record + Rec.commit]! : this.segments.end(id);
      words += end - this.segments.chunkStart(id);
    }
    return (words * WORD_BYTES) / this.pageSize;
  }

  /** A live block of `size` bytes, if so much is committed; else 0. */
  carve(size: number): Block {
    const m = this.m;
    const { record } = this;
    const top = m[record + Rec.top]!;
    const newTop = top + (size >>> 2);
    if (newTop > m[record + Rec.commit]!) return 0 as Block;
    this.cleanFrom = Math.max(m[record + Rec.high]!, top);
    writeLive(m, top as Block, size, this.secret);
    m[record + Rec.top] = newTop;
    m[record + Rec.blocks] = m[record + Rec.blocks]! + 1;
    return top as Block;
  }

  /** As carve(), after committing more of the active segment. */
  carveWithin(size: number): Block {
    return this.#commitWithin(size) ? this.carve(size) : (0 as Block);
  }

  /** As carve(), after extending the segment or opening another if need be; 0 when limit, window or kernel forbid it. */
  grow(size: number): Block {
    return this.#commitFor(size) || this.#openNext(size) ? this.carve(size) : (0 as Block);
  }

  /** Whether so many bytes can be carved without committing more. */
  isCommitted(bytes: number): boolean {
    return this.m[this.record + Rec.top]! + (bytes >>> 2) <= this.m[this.record + Rec.commit]!;
  }

  /** Lets a live block that ends at the wilderness grow into it by `more` bytes; false when it cannot. */
  extendInto(b: Block, more: number): boolean {
    const m = this.m;
    if (!this.#commitFor(more)) return false;
    const { record } = this;
    const top = m[record + Rec.top]! as Block;
    // A cached block between `b` and the new top, so that the segment can be walked after each store.
    writeCached(m, top, more);
    m[record + Rec.top] = top + (more >>> 2);
    resizeLive(m, b, sizeOf(m, b) + more, this.secret);
    clearChecksum(m, top);
    return true;
  }

  /** Makes wilderness of the `blocks` blocks from `b` up to the top. */
  lowerTop(b: Block, blocks: number): void {
    const m = this.m;
    const { record } = this;
    const top = m[record + Rec.top]!;
    if (top > m[record + Rec.high]!) m[record + Rec.high] = top;
    m[record + Rec.top] = b;
    m[record + Rec.blocks] = m[record + Rec.blocks]! - blocks;
  }

  /**
   * Makes a segment without blocks the active one. The segment's number first: while the other words point outside it,
   * recovery knows that it is empty.
   */
  begin(id: number): void {
    const m = this.m;
    const { record, segments } = this;
    const pageWords = this.pageSize / WORD_BYTES;
    const start = segments.start(id);
    const commit = roundUp(start, pageWords);
    this.account.chargeUnchecked((commit - segments.chunkStart(id)) / pageWords);
    m[record + Rec.segment] = id;
    m[record + Rec.commit] = commit;
    m[record + Rec.high] = start;
    m[record + Rec.top] = start;
  }

  /** Commits far enough for `size` bytes more; false when limit, window or kernel forbid it. */
  #commitFor(size: number): boolean {
    const { segments } = this;
    const segment = this.m[this.record + Rec.segment]!;
    const needed = this.#endFor(size);
    if (needed > segments.end(segment) && !segments.extend(segment, needed)) return false;
    return this.#commitWithin(size);
  }

  /** Where the active segment must end for `size` bytes more. A fence must always fit, so that it can be closed. */
  #endFor(size: number): number {
    return this.m[this.record + Rec.top]! + ((size + FENCE_BYTES) >>> 2);
  }

  #commitWithin(size: number): boolean {
    const m = this.m;
    const { record, segments } = this;
    const newTop = m[record + Rec.top]! + (size >>> 2);
    const commit = m[record + Rec.commit]!;
    if (newTop <= commit) return true;
    const segment = m[record + Rec.segment]!;
    const end = segments.end(segment);
    if (this.#endFor(size) > end) return false;
    const pageWords = this.pageSize / WORD_BYTES;
    const grown = (commit - segments.start(segment)) * WORD_BYTES;
    const step = Math.min(MOST_STEP, Math.max(LEAST_STEP, grown >>> 8)) >>> 2;
    const least = roundUp(newTop, pageWords);
    const most = Math.min(end, Math.max(least, roundUp(commit + step, pageWords)));
    return this.#commit(most) || this.#commit(least);
  }

  #commit(target: number): boolean {
    const m = this.m;
    const pages = ((target - m[this.record + Rec.commit]!) * WORD_BYTES) / this.pageSize;
    if (!this.account.charge(pages)) return false;
    m[this.record + Rec.commit] = target;
    return true;
  }

  /** Leaves the active segment for a new one that has room for `size` bytes. */
  #openNext(size: number): boolean {
    const { segments } = this;
    // Charged before the segment is opened: at the limit the block does not fit into a new segment either.
    const pages = Math.ceil(size / this.pageSize) + CLOSING_PAGES;
    if (!this.account.charge(pages)) return false;
    const entry = this.m[this.record + Rec.entry]!;
    const lead = HEADER_BYTES / WORD_BYTES;
    const least = (size + FENCE_BYTES + HEADER_BYTES) >>> 2;
    const roomy = Math.min(MOST_OPENED, this.extentUnits() * 4 * OPENED_SHARE);
    let id = segments.open(Math.max(least, roomy), entry, lead);
    if (id < 0) id = segments.open(least, entry, lead);
    if (id >= 0) {
      this.#close();
      this.begin(id);
    }
    this.account.chargeUnchecked(-pages); // a reservation: carving charges what it uses
    return id >= 0 && this.#commitFor(size);
  }

  /** Closes the active segment: makes a free block and a fence of the rest. */
  #close(): void {
    const m = this.m;
    const { record, segments, pageSize } = this;
    const segment = m[record + Rec.segment]!;
    const top = m[record + Rec.top]! as Block;
    const end = segments.end(segment);
    const last = (end - HEADER_BYTES / WORD_BYTES) as Block;
    const rest = (last - top) * WORD_BYTES;
    const fence = rest < MIN_BLOCK ? top : last;
    m[record + Rec.closedUnits] = m[record + Rec.closedUnits]! + ((fence - segments.start(segment)) >>> 2);
    const touched = roundUp(Math.max(top, m[record + Rec.high]!), pageSize / WORD_BYTES) * WORD_BYTES;
    const inner = innerEnd(top, rest, pageSize) - Math.max(innerStart(top, pageSize), touched);
    const untouched = rest <= LEAST_BINNED ? 0 : Math.max(0, inner) / pageSize; // a cached block has no count of them
    this.account.chargeUnchecked(((end - m[record + Rec.commit]!) * WORD_BYTES) / pageSize - untouched);
    writeLive(m, fence, FENCE_BYTES, this.secret);
    if (fence === top) return;
    writeCached(m, top, rest);
    m[record + Rec.blocks] = m[record + Rec.blocks]! + 1;
    this.keepRest(top, untouched);
  }
}
