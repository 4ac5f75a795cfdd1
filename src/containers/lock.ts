/**
 * A lock between threads: one word in the heap, held for a few loads and stores.
 *
 *   31        30                  0
 *   | WAITERS | holder, or 0       |   the holder is a thread's number
 *
 * A thread that finds it held spins for a moment, then sleeps in the kernel. A waiter that notices that the holder was
 * terminated takes the lock over: so what the lock protects must be consistent, or recoverable, after each single store. If
 * the holder is the calling thread itself, it was interrupted while it held the lock (turn.ts).
 */
import { atomic, offset, type Pointer, thread } from "../index.js";
import { leftUntil } from "./signal.js";
import { type Held, watch } from "./turn.js";

const WAITERS = -(2 ** 31);
const HOLDER = 0x7fff_ffff;
const SPINS = 100;
/** Milliseconds of one sleep: how long it may take to notice that the holder has ended. */
const LONGEST_SLEEP = 5;

export class Lock implements Held {
  watched = false;
  readonly #word: Pointer;

  constructor(pointer: Pointer, byteOffset: number) {
    this.#word = offset(pointer, byteOffset);
  }

  /** Waits until this thread holds the lock; false if `deadline`, by performance.now(), passed before. Not reentrant. */
  acquire(deadline: number): boolean {
    watch(this);
    for (let spins = 0; spins < SPINS; spins++) {
      // compareExchange acquires: this thread sees all that the last holder stored.
      if (atomic.i32.compareExchange(this.#word, 0, thread.id) === 0) return true;
    }
    while (!this.#take()) {
      const left = leftUntil(deadline);
      if (left <= 0) return false;
      this.#sleep(Math.min(left, LONGEST_SLEEP));
    }
    return true;
  }

  release(): void {
    // Releases: the next holder sees all that was stored under the lock.
    if (atomic.i32.exchange(this.#word, 0) < 0) atomic.notify(this.#word, 1);
  }

  letGo(): void {
    if ((atomic.i32.load(this.#word) & HOLDER) === thread.id) this.release();
  }

  /** Takes the lock if no living thread holds it. */
  #take(): boolean {
    const word = atomic.i32.load(this.#word);
    const holder = word & HOLDER;
    if (holder !== 0 && holder !== thread.id && thread.isAlive(holder)) return false;
    // WAITERS stays set: others may still sleep.
    return atomic.i32.compareExchange(this.#word, word, thread.id | WAITERS) === word;
  }

  #sleep(milliseconds: number): void {
    const word = atomic.i32.load(this.#word);
    if (word === 0) return;
    const waited = word | WAITERS;
    if (word !== waited && atomic.i32.compareExchange(this.#word, word, waited) !== word) return;
    atomic.wait(this.#word, waited, milliseconds);
  }
}
