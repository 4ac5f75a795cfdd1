/**
 * The dynamic mmap threshold, as glibc has one: blocks that a program maps and frees again and again come from the heap.
 *
 * Owns when mmapThreshold rises and falls. A thread that dies here leaves the scores slightly wrong, which is harmless.
 * Must not know mappings or blocks.
 *
 * Each doubling of size has a score. Freeing a mapped block of that size adds FREED to it, mapping one adds MAPPED, which
 * is negative; so blocks that stay allocated do not raise it. At RISE the threshold rises to the end of that doubling.
 *
 * It falls when the blocks do not churn any more:
 *   - to the start, when the heap has served CREDIT bytes more than came back to it: blocks stay allocated then, and
 *     should be mapped. A program that frees and allocates by turns never gets there.
 *   - to the start, when an idle thread sees that nothing large was asked for in a second (rest).
 *   - to half, when the last OTHERS requests were for no more than half of it.
 * While no large block is asked for, the threshold has no effect, and idle memory in the heap is purged as always.
 */
import { Control } from "../memory/control.js";

/** Where the dynamic threshold starts. Smaller blocks are never mapped. */
export const LEAST_THRESHOLD = 128 * 1024;
/** As glibc's on 64-bit. */
const MOST_THRESHOLD = 32 * 1024 * 1024;
const FREED = 2;
const MAPPED = -1;
/** Reached by the fourth free, if each block is freed before the next one is mapped. */
const RISE = 5;
/** Twice the largest block that the heap serves. As much may lie idle in the heap until it is purged. */
const CREDIT = 2 * MOST_THRESHOLD;
const OTHERS = 256;

export class LargeChurn {
  readonly #m: Int32Array;
  readonly #credit: number;

  constructor(m: Int32Array) {
    this.#m = m;
    this.#credit = CREDIT / m[Control.pageSize]!;
  }

  /** A block of that many bytes was mapped. Under the lock. */
  mapped(bytes: number): void {
    this.#score(bytes, MAPPED);
  }

  /** A mapping of that many bytes was unmapped, or shrank by a doubling or more. Under the lock. */
  freed(bytes: number): void {
    const m = this.#m;
    if (!this.#score(bytes, FREED)) return;
    m[Control.mmapThreshold] = LEAST_THRESHOLD * 2 ** (doublingOf(bytes) + 1);
    m[Control.churnOthers] = 0;
    m[Control.churnCredit] = this.#credit;
  }

  /**
   * The heap serves a request of more than LEAST_THRESHOLD bytes. Returns whether the threshold should fall. Any thread,
   * without the lock.
   */
  served(bytes: number): boolean {
    const m = this.#m;
    if (!this.#isRaised()) return false;
    const pages = Math.ceil(bytes / m[Control.pageSize]!);
    // Atomic so that no thread's count is lost; it orders nothing.
    if (Atomics.sub(m, Control.churnCredit, pages) < pages) return true;
    const others = bytes > m[Control.mmapThreshold]! / 2 ? 0 : m[Control.churnOthers]! + 1;
    m[Control.churnOthers] = others;
    return others >= OTHERS;
  }

  /** A block of more than LEAST_THRESHOLD bytes came back to the heap. Any thread, without the lock. */
  returned(bytes: number): void {
    const m = this.#m;
    if (!this.#isRaised() || m[Control.churnCredit]! >= this.#credit) return;
    Atomics.add(m, Control.churnCredit, Math.ceil(bytes / m[Control.pageSize]!));
  }

  /** Lowers the threshold after served() said so. Under the lock. */
  fall(): void {
    const m = this.#m;
    if (!this.#isRaised()) return; // another thread has done it
    if (m[Control.churnCredit]! < 0) m[Control.mmapThreshold] = LEAST_THRESHOLD;
    else if (m[Control.churnOthers]! >= OTHERS) m[Control.mmapThreshold] = m[Control.mmapThreshold]! / 2;
    m[Control.churnOthers] = 0;
  }

  /**
   * Lowers the threshold to the start if nothing large was asked for since the last call, which returned `seen`. Under
   * the lock.
   */
  rest(seen: number): number {
    const m = this.#m;
    const now = m[Control.mmaps]! + m[Control.churnCredit]! * 31 + m[Control.churnOthers]! * 7;
    if (now === seen && this.#isRaised()) m[Control.mmapThreshold] = LEAST_THRESHOLD;
    return now;
  }

  /** Adds to the score of a size; true, and the score 0 again, when it has reached RISE. */
  #score(bytes: number, points: number): boolean {
    const m = this.#m;
    const outside = bytes <= m[Control.mmapThreshold]! || bytes > MOST_THRESHOLD;
    if (m[Control.isThresholdDynamic] !== 1 || outside) return false;
    const word = Control.churnScores + doublingOf(bytes);
    const score = Math.max(0, m[word]! + points);
    m[word] = score < RISE ? score : 0;
    return score >= RISE;
  }

  #isRaised(): boolean {
    const m = this.#m;
    return m[Control.isThresholdDynamic] === 1 && m[Control.mmapThreshold]! > LEAST_THRESHOLD;
  }
}

/** 0 for sizes above LEAST_THRESHOLD up to twice that, 1 up to four times that, and so on. */
export function doublingOf(bytes: number): number {
  return Math.ceil(Math.log2(bytes / LEAST_THRESHOLD)) - 1;
}

if (doublingOf(MOST_THRESHOLD) >= Control.CHURN_SCORES) throw new Error("large-churn: too few scores");
