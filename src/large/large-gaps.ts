/**
 * Address space for large blocks: below 2 GiB while there is room, else above.
 *
 * Owns one gap in each of the two parts, in which blocks are mapped one after the other until it is full. The next gap is
 * the largest in /proc/self/maps, and reading that costs more than a mapping. So in the lower part, which may be full for
 * long, it is read again only after SEARCH_SHARE of that part was unmapped. What is unmapped beside the gap extends it;
 * what is larger than the gap replaces it. Callers hold the lock. Must not know headers or the table of large blocks.
 */
import { CHUNK_BYTES, CHUNK_WORDS, CONTROL_CHUNKS, Control, Pending } from "../memory/control.js";
import { roundUp, type Window } from "../memory/memory.js";
import type { Os } from "../platform/os.js";
import { findGap, mayMap } from "../space/gaps.js";
import { findVacant, setVacant } from "../space/vacant.js";

const SEARCH_SHARE = 1 / 16;

/** The words that say where a part's gap begins and ends. */
interface Cursor {
  readonly next: number;
  readonly gapEnd: number;
}

const LOW: Cursor = { next: Control.lowNext, gapEnd: Control.lowGapEnd };
const HIGH: Cursor = { next: Control.largeNext, gapEnd: Control.largeGapEnd };

export class LargeGaps {
  readonly #window: Window;
  readonly #m: Int32Array;
  readonly #os: Os;
  readonly #pageSize: number;

  constructor(window: Window, os: Os) {
    this.#window = window;
    this.#m = window.words;
    this.#os = os;
    this.#pageSize = this.#m[Control.pageSize]!;
  }

  /**
   * Maps `bytes` and notes that as pending; -1 without room. If aligned, the mapping starts one page below a multiple. Where nothing
   * can be mapped, vacant chunks will do: they are zero, too.
   */
  map(bytes: number, alignment: number): number {
    if (!mayMap(this.#os, this.#m, bytes)) return this.#takeVacant(bytes, alignment);
    let start = this.#mapLow(bytes, alignment);
    if (start < 0) start = this.#mapHigh(bytes, alignment);
    return start < 0 ? this.#takeVacant(bytes, alignment) : start;
  }

  /** After unmapping. */
  unmapped(page: number, pages: number): void {
    const m = this.#m;
    if (this.#extendGap(LOW, page, pages) || this.#extendGap(HIGH, page, pages)) return;
    if (page >= m[Control.lowLimit]!) return;
    const gap = m[Control.lowGapEnd]! - m[Control.lowNext]!;
    m[Control.lowFreed] = m[Control.lowFreed]! + Math.min(gap, pages);
    if (pages > gap) this.#setGap(LOW, page, page + pages);
  }

  /** After a mapping was resized in place: a gap may begin at its end. */
  resized(page: number, oldPages: number, pages: number): void {
    const m = this.#m;
    for (const cursor of [LOW, HIGH]) {
      if (page + oldPages === m[cursor.next]) m[cursor.next] = page + pages;
    }
  }

  #mapLow(bytes: number, alignment: number): number {
    const m = this.#m;
    const [first, limit] = [m[Control.lowFirst]!, m[Control.lowLimit]!];
    if (this.#fits(LOW, bytes, alignment)) {
      const start = this.#mapNext(LOW, bytes, alignment);
      if (start >= 0) return start; // else another part of the process has mapped something in the gap
    } else if (m[Control.lowFreed]! <= (limit - first) * SEARCH_SHARE) return -1;
    m[Control.lowFreed] = 0;
    const mappings = this.#os.mappings();
    if (this.#searchGap(LOW, mappings, first, limit, bytes, alignment))
      return this.#mapNext(LOW, bytes, alignment);
    // No gap is large enough for this block; the largest is kept for smaller ones.
    if (!this.#searchGap(LOW, mappings, first, limit, this.#pageSize, 0)) this.#setGap(LOW, limit, limit);
    return -1;
  }

  #mapHigh(bytes: number, alignment: number): number {
    const m = this.#m;
    if (this.#fits(HIGH, bytes, alignment)) {
      const start = this.#mapNext(HIGH, bytes, alignment);
      if (start >= 0) return start;
    }
    const mappings = this.#os.mappings();
    const limit = m[Control.largeLimit]!;
    const chunk = Math.max(CONTROL_CHUNKS, m[Control.breakChunks]! + 1); // not into the one with the guard page
    const aboveBreak = (chunk * CHUNK_BYTES) / this.#pageSize;
    const found =
      this.#searchGap(HIGH, mappings, m[Control.largeFirst]!, limit, bytes, alignment) ||
      this.#searchGap(HIGH, mappings, aboveBreak, limit, bytes, alignment);
    return found ? this.#mapNext(HIGH, bytes, alignment) : -1;
  }

  /** Whole chunks, so that all of each is vacant again when the block is freed. */
  #takeVacant(bytes: number, alignment: number): number {
    const m = this.#m;
    const startIn = (first: number, end: number) => {
      const start = this.#aligned(this.#window.base + first * CHUNK_BYTES, alignment);
      return start + bytes <= this.#window.base + end * CHUNK_BYTES ? start : null;
    };
    const start = findVacant(m, m.length / CHUNK_WORDS, startIn);
    if (start === null) return -1;
    const first = Math.floor((start - this.#window.base) / CHUNK_BYTES);
    const end = Math.ceil((start + bytes - this.#window.base) / CHUNK_BYTES);
    m[Control.pendingNewPage] = this.#window.pageOf(start, this.#pageSize);
    m[Control.pendingNewPages] = bytes / this.#pageSize;
    m[Control.pending] = Pending.mapped;
    setVacant(m, first, end - first, false);
    return start;
  }

  #fits(cursor: Cursor, bytes: number, alignment: number): boolean {
    return this.#startAt(cursor, alignment) + bytes <= this.#address(this.#m[cursor.gapEnd]!);
  }

  #mapNext(cursor: Cursor, bytes: number, alignment: number): number {
    const m = this.#m;
    const start = this.#startAt(cursor, alignment);
    m[Control.pendingNewPage] = this.#window.pageOf(start, this.#pageSize);
    m[Control.pendingNewPages] = bytes / this.#pageSize;
    if (this.#os.map(start, bytes) !== start) return -1;
    m[Control.pending] = Pending.mapped;
    m[cursor.next] = this.#window.pageOf(start + bytes, this.#pageSize);
    return start;
  }

  /** Makes the largest gap between two pages the part's, if it has room for `bytes`; whether there is one. */
  #searchGap(
    cursor: Cursor,
    mappings: ReturnType<Os["mappings"]>,
    first: number,
    limit: number,
    bytes: number,
    alignment: number,
  ): boolean {
    const [from, to] = [this.#address(first), this.#address(limit)];
    const gap = findGap(mappings, from, to, bytes, alignment, this.#pageSize);
    if (gap === null) return false;
    const { base } = this.#window;
    this.#setGap(cursor, (gap.start - base) / this.#pageSize, Math.floor((gap.end - base) / this.#pageSize));
    return true;
  }

  #setGap(cursor: Cursor, next: number, gapEnd: number): void {
    this.#m[cursor.next] = next;
    this.#m[cursor.gapEnd] = gapEnd;
  }

  /** Adds unmapped pages to the gap if they lie beside it; whether they do. */
  #extendGap(cursor: Cursor, page: number, pages: number): boolean {
    const m = this.#m;
    if (page + pages === m[cursor.next]) m[cursor.next] = page;
    else if (page === m[cursor.gapEnd]) m[cursor.gapEnd] = page + pages;
    else return false;
    return true;
  }

  #startAt(cursor: Cursor, alignment: number): number {
    return this.#aligned(this.#address(this.#m[cursor.next]!), alignment);
  }

  #aligned(address: number, alignment: number): number {
    return alignment === 0 ? address : roundUp(address + this.#pageSize, alignment) - this.#pageSize;
  }

  #address(page: number): number {
    return this.#window.base + page * this.#pageSize;
  }
}
