/**
 * Where in the window large blocks go.
 *
 * Owns the cursor: blocks are mapped one behind the other in the largest gap between mappings, until that is full. Its
 * callers hold the lock. Must not know headers or the table of large blocks.
 */
import { Control, Pending } from "./control.js";
import { roundUp, type Window } from "./memory.js";
import type { Os } from "./os.js";
import { findGap } from "./place.js";

export class LargePlaces {
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

  /** Maps `bytes`, with `alignment` one page below a multiple of it, and notes that as pending; -1 when full. */
  map(bytes: number, alignment: number): number {
    const m = this.#m;
    const { base } = this.#window;
    const pageSize = this.#pageSize;
    const next = base + m[Control.largeNext]! * pageSize;
    const start = alignment === 0 ? next : roundUp(next + pageSize, alignment) - pageSize;
    const gapEnd = base + m[Control.largeGapEnd]! * pageSize;
    if (start + bytes <= gapEnd && this.#mapAt(start, bytes)) {
      m[Control.largeNext] = this.#window.pageOf(start + bytes, pageSize);
      return start;
    }
    const first = base + m[Control.largeFirst]! * pageSize;
    const limit = base + m[Control.largeLimit]! * pageSize;
    const gap = findGap(this.#os.mappings(), first, limit, bytes, alignment, pageSize);
    if (gap === null || !this.#mapAt(gap.start, bytes)) return -1;
    m[Control.largeNext] = this.#window.pageOf(gap.start + bytes, pageSize);
    m[Control.largeGapEnd] = this.#window.pageOf(gap.end, pageSize);
    return gap.start;
  }

  /** Memory that was just given back beside the place that is next belongs to its gap again. */
  retreat(page: number, pages: number): void {
    const m = this.#m;
    if (page + pages === m[Control.largeNext]) m[Control.largeNext] = page;
    else if (page === m[Control.largeGapEnd]) m[Control.largeGapEnd] = page + pages;
  }

  #mapAt(start: number, bytes: number): boolean {
    const m = this.#m;
    m[Control.pendingNewPage] = this.#window.pageOf(start, this.#pageSize);
    m[Control.pendingNewPages] = bytes / this.#pageSize;
    if (this.#os.map(start, bytes) !== start) return false;
    m[Control.pending] = Pending.mapped;
    return true;
  }
}
