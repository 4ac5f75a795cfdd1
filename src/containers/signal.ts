/**
 * Sleeping until something changes, and waking sleepers. A wake() costs one load if nobody sleeps.
 *
 *   31               1   0
 *   | changes        | S |   S: somebody sleeps, or is about to
 *
 * A waiter calls prepare(), checks the condition again, and calls sleep() with the result of prepare(). A thread that changed
 * something calls wake() afterwards. S is set before the second check and read after the change, both atomically: one of the
 * two threads sees the other. A wake() in between changes the word, so that sleep() returns at once.
 */
import { atomic, offset, type Pointer } from "../index.js";
import { checkNumber, wrongRange } from "./header.js";

/** Milliseconds of one sleep: a thread may be terminated after its change and before its wake(). */
const LONGEST_SLEEP = 100;

/** The deadline of a caller that does not wait. */
export const NOW = Number.NEGATIVE_INFINITY;

export class Signal {
  readonly #word: Pointer;

  constructor(pointer: Pointer, byteOffset: number) {
    this.#word = offset(pointer, byteOffset);
  }

  /** Announces that this thread is about to sleep; returns what to pass to sleep(). */
  prepare(): number {
    return atomic.i32.or(this.#word, 1) | 1;
  }

  /** Sleeps if there was no wake() since prepare(); false when `deadline`, by performance.now(), has passed. */
  sleep(prepared: number, deadline: number): boolean {
    const left = leftUntil(deadline);
    if (left <= 0) return false;
    atomic.wait(this.#word, prepared, Math.min(left, LONGEST_SLEEP));
    return true;
  }

  /** sleep() as a promise. */
  async sleepAsync(prepared: number, deadline: number): Promise<boolean> {
    const left = leftUntil(deadline);
    if (left <= 0) return false;
    await atomic.waitAsync(this.#word, prepared, Math.min(left, LONGEST_SLEEP));
    return true;
  }

  /** Wakes up to `count` sleepers. */
  wake(count: number): void {
    const word = atomic.i32.load(this.#word);
    if ((word & 1) === 0) return;
    // Clears S and counts the change; another wake() may have done it meanwhile.
    if (atomic.i32.compareExchange(this.#word, word, (word + 1) | 0) !== word) return;
    if (atomic.notify(this.#word, count) === count) atomic.i32.or(this.#word, 1); // more may be asleep
  }
}

/** Whether a deadline has passed. */
export function isOver(deadline: number): boolean {
  return leftUntil(deadline) <= 0;
}

/** Milliseconds until a deadline, by performance.now(). */
export function leftUntil(deadline: number): number {
  return deadline === Number.POSITIVE_INFINITY ? deadline : deadline - performance.now();
}

/** The deadline of a timeout. performance.now() costs as much as a push(): it is called only if needed. */
export function deadlineOf(operation: string, timeoutMs: number): number {
  checkNumber(operation, "timeoutMs", timeoutMs);
  if (Number.isNaN(timeoutMs)) throw wrongRange(operation, "milliseconds to wait, or Infinity", timeoutMs);
  if (timeoutMs === Number.POSITIVE_INFINITY) return timeoutMs;
  return timeoutMs <= 0 ? NOW : performance.now() + timeoutMs;
}
