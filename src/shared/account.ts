/**
 * The account of pages: what is charged to each heap and to large blocks, against the limit.
 *
 * Owns how charges are counted. Each heap has a word for its charge, which only its thread writes; large blocks are counted under
 * the lock. The sum is computed on demand. So no word is added to by two threads, and a word that a dead thread left wrong is
 * counted again by whoever adopts its heap.
 *
 *   Rec.charged <= Rec.budget, where a heap has one
 *   charged = sum over heaps of (Rec.charged - Rec.reclaimedPages) + Control.largePages <= Control.limitPages
 *   footprint = charged - sum over heaps of what is committed and was never touched
 */

import { Control, NO_LIMIT } from "../memory/control.js";
import { type Window, WORD_BYTES } from "../memory/memory.js";
import * as Rec from "../memory/record-words.js";
import { recordOf } from "./heaps.js";
import type { Lock } from "./lock.js";

/** Pages charged, of all heaps and large blocks. */
export function chargedPages(m: Int32Array): number {
  let pages = m[Control.largePages]!;
  for (let index = m[Control.heaps]! - 1; index >= 0; index--) {
    const record = recordOf(m, index);
    if (record !== 0) pages += m[record + Rec.charged]! - m[record + Rec.reclaimedPages]!;
  }
  return pages;
}

/** Whether so many pages more would be within the limit. */
export function isWithinLimit(m: Int32Array, pages: number): boolean {
  return chargedPages(m) + pages <= m[Control.limitPages]!;
}

/** The footprint: charged pages that were ever touched. */
export function footprintPages(m: Int32Array): number {
  let pages = m[Control.largePages]!;
  for (let index = m[Control.heaps]! - 1; index >= 0; index--) {
    const record = recordOf(m, index);
    if (record !== 0) pages += footprintOf(m, record);
  }
  return pages;
}

/** A heap's part of the footprint. */
export function footprintOf(m: Int32Array, record: number): number {
  return Math.max(0, heldPages(m, record) - m[record + Rec.reclaimedPages]!);
}

/** Pages charged to a heap that were touched. */
export function heldPages(m: Int32Array, record: number): number {
  return m[record + Rec.charged]! - untouchedPages(m, record);
}

/** Pages charged to a heap that were never touched. */
function untouchedPages(m: Int32Array, record: number): number {
  const touched = Math.max(m[record + Rec.high]!, m[record + Rec.top]!);
  const untouched = (m[record + Rec.commit]! - touched) * WORD_BYTES;
  return Math.max(0, Math.floor(untouched / m[Control.pageSize]!)); // a running thread may change these words between the reads
}

/**
 * Updates the peak. The footprint falls only by a discharge, so with one thread the peak is exact if it is noted before each
 * discharge and when it is read. With more, it may count up to 1 MiB per thread that is charged and not touched yet.
 */
export function notePeak(window: Window): void {
  const m = window.words;
  const footprint = footprintPages(m);
  // Several threads may note a peak at once; the highest stays.
  for (let seen = m[Control.peakPages]!; footprint > seen; seen = window.atomicLoad(Control.peakPages)) {
    if (window.compareExchange(Control.peakPages, seen, footprint)) return;
  }
}

/** The account of one heap, for the thread that has it. */
export class Account {
  readonly #window: Window;
  readonly #m: Int32Array;
  readonly #lock: Lock;
  readonly #record: number;

  constructor(window: Window, lock: Lock, record: number) {
    this.#window = window;
    this.#m = window.words;
    this.#lock = lock;
    this.#record = record;
  }

  /** Charges pages to the heap; false, with nothing changed, when the limit forbids it. */
  charge(pages: number): boolean {
    const m = this.#m;
    if (!this.#isInBudget(pages)) return false;
    if (pages === 0 || m[Control.limitPages] === NO_LIMIT) {
      this.chargeUnchecked(pages);
      return true;
    }
    this.#lock.acquire(); // no other thread may charge between the sum and the charge
    const affordable = this.affords(pages);
    if (affordable) this.chargeUnchecked(pages);
    this.#lock.release();
    return affordable;
  }

  /** Calls `work`; where there is a limit, no other thread charges pages meanwhile. The caller must not hold the lock. */
  whileNobodyCharges(work: () => void): void {
    if (this.#m[Control.limitPages] === NO_LIMIT) work();
    else this.#lock.whileHeld(work);
  }

  /** Whether the limit leaves room for that many pages. */
  affords(pages: number): boolean {
    const m = this.#m;
    if (!this.#isInBudget(pages)) return false;
    return pages === 0 || m[Control.limitPages] === NO_LIMIT || isWithinLimit(m, pages);
  }

  /** Whether the heap's own limit, if it has one, leaves room for that many pages. */
  #isInBudget(pages: number): boolean {
    const budget = this.#m[this.#record + Rec.budget]!;
    return pages === 0 || budget === 0 || this.#m[this.#record + Rec.charged]! + pages <= budget;
  }

  /** Charges pages whatever the limit is: the caller called affords() before, or corrects the account. */
  chargeUnchecked(pages: number): void {
    this.#m[this.#record + Rec.charged] = this.#m[this.#record + Rec.charged]! + pages;
  }

  /** Discharges pages, and notes the peak before. */
  discharge(pages: number): void {
    notePeak(this.#window);
    this.#m[this.#record + Rec.charged] = this.#m[this.#record + Rec.charged]! - pages;
  }
}
