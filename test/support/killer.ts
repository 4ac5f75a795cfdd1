/**
 * Death at any store: a thread of a simulation that ends just before its n-th store to raw memory.
 *
 * Owns counting stores and system calls of one thread, and stopping it. worker.terminate() stops JavaScript at function
 * entries and loops, so it cannot come between a system call and the store that follows; everywhere else a death before
 * each store covers all that can happen, and more. A terminated thread runs no `finally`: after its death nothing that it
 * does has an effect.
 */
import { Window } from "../../src/memory/memory.js";
import type { Os } from "../../src/platform/os.js";

/** What stops the thread. */
export class Killed extends Error {}

/** Calls whose result is noted by the very next store. */
const NOTED = new Set(["map", "unmap", "move", "resizeInPlace", "moveBreak"]);

export class Killer {
  /** Stores made. */
  stores = 0;
  dead = false;
  /** Whether it was killed, or interrupted. */
  stopped = false;
  readonly #at: number;
  readonly #kills: boolean;
  #justCalled = false;

  /**
   * Kills before store number `at`, counted from 0, or the first after it that can be; never when there are fewer. Or it throws
   * there, once, and the thread goes on, as after a full stack.
   */
  constructor(at: number, kills = true) {
    this.#at = at;
    this.#kills = kills;
  }

  /** Before a store: whether it takes place. */
  store(): boolean {
    if (this.dead) return false;
    if (this.stores >= this.#at && !this.#justCalled && !this.stopped) {
      this.stopped = true;
      this.dead = this.#kills;
      throw new Killed();
    }
    this.#justCalled = false;
    this.stores++;
    return true;
  }

  call(name: string): void {
    if (this.dead) throw new Killed();
    if (NOTED.has(name)) this.#justCalled = true;
  }

  /** The same operating system, for a thread that may die. */
  os(os: Os): Os {
    const mortal = (target: object): object =>
      new Proxy(target, {
        get: (_, name) => {
          const value: unknown = Reflect.get(target, name, target);
          if (name === "threads") return mortal(value as object);
          if (typeof value !== "function") return value;
          return (...args: unknown[]) => {
            this.call(String(name));
            return Reflect.apply(value, target, args) as unknown;
          };
        },
      });
    return mortal(os) as Os;
  }

  /** The same memory, for a thread that may die. */
  window(of: Window): Window {
    return new MortalWindow(of, this);
  }
}

class MortalWindow extends Window {
  readonly #raw: Int32Array;
  readonly #killer: Killer;

  constructor(of: Window, killer: Killer) {
    super(of.base, of.buffer);
    this.#raw = of.words;
    this.#killer = killer;
    const words = new Proxy(of.words, {
      get: (target, name) => Reflect.get(target, name, target) as unknown,
      set: (target, name, value) => {
        if (killer.store()) Reflect.set(target, name, value, target);
        return true;
      },
    });
    Object.assign(this, { words });
  }

  override store(address: number, value: number): void {
    if (this.#killer.store()) super.store(address, value);
  }

  override copy(target: number, source: number, bytes: number): void {
    if (this.#killer.store()) super.copy(target, source, bytes);
  }

  override atomicLoad(word: number): number {
    return Atomics.load(this.#raw, word);
  }

  override atomicStore(word: number, value: number): void {
    if (this.#killer.store()) Atomics.store(this.#raw, word, value);
  }

  override compareExchange(word: number, expected: number, value: number): boolean {
    return this.#killer.store() && Atomics.compareExchange(this.#raw, word, expected, value) === expected;
  }

  override exchange(word: number, value: number): number {
    return this.#killer.store() ? Atomics.exchange(this.#raw, word, value) : 0;
  }
}
