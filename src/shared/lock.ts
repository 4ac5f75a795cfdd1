/**
 * The lock: a futex of one word. It is held for a few stores or one system call as a rule, sometimes for a walk over a table or
 * /proc/self/maps.
 *
 * Owns the word's layout, waiting, and taking the lock over from a dead holder. Must not know what it protects: its maker says how
 * to recover a change that a dead holder left pending.
 *
 *   31        30                                  0
 *   | WAITERS | claim of the holder's heap, or 0   |
 *
 * A waiter spins for about as long as the lock is usually held, then sleeps in the kernel. A dead holder wakes nobody, so a
 * sleep ends after LONGEST_SLEEP at most, and the sleeper checks whether the holder lives.
 */
import { Control } from "../memory/control.js";
import type { Window } from "../memory/memory.js";
import type { OsThreads } from "../platform/os-threads.js";
import { isClaimAlive } from "./heaps.js";

const lockWord = Control.lock;
const WAITERS = 1 << 31;
/** About 2 µs: a system call of the holder's. */
const SPINS = 200;
/** In milliseconds. */
const LONGEST_SLEEP = 5;

export class Lock {
  readonly #window: Window;
  readonly #threads: OsThreads;
  readonly #claim: number;
  /** Recovers what a dead holder left pending. Called with the lock held; called again if its caller dies in it. */
  recoverPending: () => void = () => {};

  /** For the thread that has the heap of this claim. */
  constructor(window: Window, threads: OsThreads, claim: number) {
    this.#window = window;
    this.#threads = threads;
    this.#claim = claim;
  }

  /**
   * Waits until the calling thread holds the lock. Not reentrant. Only within an update, or while it joins: else nobody lets the
   * lock go when this thread is interrupted.
   */
  acquire(): void {
    for (let spins = SPINS; spins > 0; spins--) {
      // Acquires: the stores of the previous holder are visible.
      if (this.#window.compareExchange(lockWord, 0, this.#claim)) return;
    }
    while (!this.#tryOrSleep()) {}
  }

  release(): void {
    // Releases: the next holder sees all stores made under the lock.
    const was = this.#window.exchange(lockWord, 0);
    if ((was & WAITERS) !== 0) this.#threads.wakeOne(this.#window.addressOf(lockWord));
  }

  /** Calls `work` with the lock held; lets it go also when that throws an error, after which nothing need be recovered. */
  whileHeld(work: () => void): void {
    this.acquire();
    try {
      work();
    } finally {
      this.release();
    }
  }

  /** Recovers and unlocks if the calling thread still holds the lock, because it was interrupted. */
  recover(): void {
    if ((this.#window.atomicLoad(lockWord) & ~WAITERS) !== this.#claim) return;
    this.recoverPending();
    this.release();
  }

  /** One attempt; whether the lock is held now. */
  #tryOrSleep(): boolean {
    const window = this.#window;
    const word = window.atomicLoad(lockWord);
    // With WAITERS set: others may still sleep.
    if (word === 0) return window.compareExchange(lockWord, 0, this.#claim | WAITERS);
    if (!isClaimAlive(window, this.#threads, word & ~WAITERS)) {
      if (!window.compareExchange(lockWord, word, this.#claim | WAITERS)) return false;
      this.recoverPending();
      return true;
    }
    if ((word & WAITERS) === 0 && !window.compareExchange(lockWord, word, word | WAITERS)) return false;
    this.#threads.waitOn(window.addressOf(lockWord), word | WAITERS, LONGEST_SLEEP);
    return false;
  }
}
