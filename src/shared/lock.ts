/**
 * The lock: one word, held for a few stores or one system call as a rule, and for a walk over a table or /proc/self/maps
 * now and then.
 *
 * Owns the word's picture, waiting, and taking the lock over from a thread that ended with it. Must not know what it
 * protects: whoever makes it says how what a dead holder left unfinished is put right.
 *
 *   31        30                                  0
 *   | WAITERS | claim of the holder's heap, or 0   |
 *
 * A holder that is preempted makes others wait, so they spin for about as long as the lock is held when nothing goes
 * wrong, and then sleep in the kernel. A holder may die with the lock: nobody then wakes the sleepers, so they sleep
 * for LONGEST_SLEEP at most before they look whether the holder lives.
 */
import { Control } from "../memory/control.js";
import type { Window } from "../memory/memory.js";
import { watch } from "../platform/interruption.js";
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
  /** Puts right what a dead holder left; called with the lock held, possibly again after a death in the middle. */
  recover: () => void = () => {};

  /** For the thread that has the heap of this claim. */
  constructor(window: Window, threads: OsThreads, claim: number) {
    this.#window = window;
    this.#threads = threads;
    this.#claim = claim;
  }

  /** Waits until the calling thread holds the lock. Not reentrant. */
  acquire(): void {
    watch();
    for (let spins = SPINS; spins > 0; spins--) {
      // The lock's previous holder's stores are seen by whoever gets it: compareExchange acquires.
      if (this.#window.compareExchange(lockWord, 0, this.#claim)) return;
    }
    while (!this.#tryOrSleep()) {}
  }

  release(): void {
    // Releases: the next holder sees all that was stored under the lock.
    const was = this.#window.exchange(lockWord, 0);
    if ((was & WAITERS) !== 0) this.#threads.wakeOne(this.#window.addressOf(lockWord));
  }

  /** Recovers and unlocks if the calling thread holds the lock still: what it was doing was interrupted. */
  recoverIfHeld(): void {
    if ((this.#window.atomicLoad(lockWord) & ~WAITERS) !== this.#claim) return;
    this.recover();
    this.release();
  }

  /** One attempt; whether the lock is held now. */
  #tryOrSleep(): boolean {
    const window = this.#window;
    const word = window.atomicLoad(lockWord);
    // Whoever slept takes the lock with WAITERS set: others may sleep still.
    if (word === 0) return window.compareExchange(lockWord, 0, this.#claim | WAITERS);
    if (!isClaimAlive(window, this.#threads, word & ~WAITERS)) {
      if (!window.compareExchange(lockWord, word, this.#claim | WAITERS)) return false;
      this.recover();
      return true;
    }
    if ((word & WAITERS) === 0 && !window.compareExchange(lockWord, word, word | WAITERS)) return false;
    this.#threads.waitOn(window.addressOf(lockWord), word | WAITERS, LONGEST_SLEEP);
    return false;
  }
}
