/**
 * The account of pages: what the process holds, against its limit.
 *
 * Owns how charges are counted. Each heap has a word of its own for what is charged to it, which its thread alone
 * writes; large blocks are counted under the lock. The sum is taken when it is asked for, so there is no word that two
 * threads add to, and none that a thread that dies could leave wrong: whoever takes its heap over counts again.
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

/** Pages charged that were ever touched. */
export function footprintPages(m: Int32Array): number {
  let pages = m[Control.largePages]!;
  for (let index = m[Control.heaps]! - 1; index >= 0; index--) {
    const record = recordOf(m, index);
    if (record !== 0) pages += Math.max(0, heldPages(m, record) - m[record + Rec.reclaimedPages]!);
  }
  return pages;
}

/** Pages charged to a heap that it touched. */
export function heldPages(m: Int32Array, record: number): number {
  return m[record + Rec.charged]! - untouchedPages(m, record);
}

/** Pages charged to a heap that it never touched. */
function untouchedPages(m: Int32Array, record: number): number {
  const touched = Math.max(m[record + Rec.high]!, m[record + Rec.top]!);
  const untouched = (m[record + Rec.commit]! - touched) * WORD_BYTES;
  return Math.max(0, Math.floor(untouched / m[Control.pageSize]!)); // of a running thread's heap, words of two moments
}

/**
 * The footprint only falls by a discharge, so with one thread the peak is exact if it is taken there and when it is asked
 * for. Of others, one may be met that has charged pages, up to 1 MiB, and is about to take them.
 */
export function notePeak(window: Window): void {
  const m = window.words;
  const footprint = footprintPages(m);
  // Several threads may note a peak at once; the highest stays.
  for (let seen = m[Control.peakPages]!; footprint > seen; seen = window.atomicLoad(Control.peakPages)) {
    if (window.compareExchange(Control.peakPages, seen, footprint)) return;
  }
}

/** One heap's side of the account; for the thread that has the heap. */
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

  /** Counts pages as the heap's; false, with nothing changed, when the limit forbids it. */
  charge(pages: number): boolean {
    const m = this.#m;
    if (!this.#isInBudget(pages)) return false;
    if (pages === 0 || m[Control.limitPages] === NO_LIMIT) {
      this.chargeUnchecked(pages);
      return true;
    }
    this.#lock.acquire(); // between the sum and the charge nobody else may charge
    const affordable = this.affords(pages);
    if (affordable) this.chargeUnchecked(pages);
    this.#lock.release();
    return affordable;
  }

  /** Whether the limit leaves room for that many pages. */
  affords(pages: number): boolean {
    const m = this.#m;
    const limit = m[Control.limitPages]!;
    if (!this.#isInBudget(pages)) return false;
    return pages === 0 || limit === NO_LIMIT || chargedPages(m) + pages <= limit;
  }

  /** Whether the heap's own limit, if it has one, leaves room for that many pages. */
  #isInBudget(pages: number): boolean {
    const budget = this.#m[this.#record + Rec.budget]!;
    return pages === 0 || budget === 0 || this.#m[this.#record + Rec.charged]! + pages <= budget;
  }

  /** Counts pages as the heap's, limit or not: the caller asked affords() before, or only writes down what is so. */
  chargeUnchecked(pages: number): void {
    this.#m[this.#record + Rec.charged] = this.#m[this.#record + Rec.charged]! + pages;
  }

  /** Counts pages off. */
  discharge(pages: number): void {
    notePeak(this.#window);
    this.#m[this.#record + Rec.charged] = this.#m[this.#record + Rec.charged]! - pages;
  }
}
