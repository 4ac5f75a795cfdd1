/**
 * Simulated threads: several that take turns in one real thread, and die when they are told to.
 *
 * Owns mutexes in simulated memory, held and passed on as the kernel does with robust ones. In a simulation nobody else
 * runs while one waits, so to wait for a living thread is a deadlock, and throws.
 */
import { MUTEX_BYTES, type OsThreads } from "../../src/platform/os-threads.js";

const OWNER_DIED = 0x40000000;
const HOLDER = 0x3fffffff;

export class FakeThreads implements OsThreads {
  readonly mutexWord: number;
  readonly robust = true;
  /** The thread that runs. */
  current = 1;
  readonly #wordsAt: (address: number) => Int32Array;
  readonly #held = new Map<number, number>();

  /** `mutexWord`: 0 as with glibc, 1 as with musl. */
  constructor(wordsAt: (address: number) => Int32Array, mutexWord = 0) {
    this.#wordsAt = wordsAt;
    this.mutexWord = mutexWord;
  }

  /** Ends a thread: what it held says so. */
  kill(thread: number): void {
    for (const [address, holder] of this.#held) {
      if (holder !== thread) continue;
      const words = this.#wordsAt(address);
      if ((words[this.mutexWord]! & HOLDER) === thread) words[this.mutexWord] = OWNER_DIED;
      this.#held.delete(address);
    }
  }

  holdsStill(): boolean {
    return true;
  }

  threadId(): number {
    return this.current;
  }

  waitOn(address: number, _value: number, _milliseconds: number): void {
    throw new Error(`deadlock: thread ${this.current} waits on the word at ${address}, and nobody runs`);
  }

  wakeOne(_address: number): void {}

  sleepOn(address: number, value: number, milliseconds: number): boolean {
    this.waitOn(address, value, milliseconds);
    return true;
  }

  wakeUpTo(_address: number, _count: number): number {
    return 0;
  }

  initializeMutex(target: number | Uint8Array): void {
    if (typeof target === "number") this.#wordsAt(target).fill(0, 0, MUTEX_BYTES / 4);
    else target.fill(0, 0, MUTEX_BYTES);
  }

  lockMutex(address: number): boolean {
    const words = this.#wordsAt(address);
    const holder = words[this.mutexWord]! & HOLDER;
    if (holder !== 0)
      throw new Error(`deadlock: thread ${this.current} waits for a mutex of thread ${holder}`);
    words[this.mutexWord] = this.current;
    this.#held.set(address, this.current);
    return true;
  }

  unlockMutex(address: number): void {
    this.#wordsAt(address)[this.mutexWord] = 0;
    this.#held.delete(address);
  }
}
