/**
 * Program: a worker that stands still before one store of an operation, for ever.
 *
 * It joins the process as the library does, but loads no more of it than the core, so that joining can be such an
 * operation too. Its window counts stores while the operation runs (test/support/killer.ts); where a simulated thread is
 * killed, this one sleeps until it is terminated.
 */

import type { Window } from "../../../src/memory/memory.js";
import { openOs } from "../../../src/platform/os.js";
import { joinProcess } from "../../../src/process/adopt.js";
import { noHooks } from "../../../src/shared/hooks.js";
import { meet } from "../../../src/shared/rendezvous.js";
import { Killer } from "../../support/killer.js";
import { Actor } from "./actor.js";
import { announce, awaitChange, given, PATIENCE_MS } from "./crew.js";
import { operations } from "./parked-operations.js";
import { type Part, State, Word } from "./parked-part.js";
import { Slots } from "./slots.js";

/** Stores of a loop that fills a table are alike: of a row of equal steps so many count. */
const OF_A_ROW = 4;

/** Stops before the n-th store from now on, and sleeps. */
class Parker extends Killer {
  armed = false;
  readonly #words: Int32Array;
  #last = 0;
  #step = 0;
  #row = 0;
  #inRow = 0;

  constructor(words: Int32Array) {
    super(Atomics.load(words, Word.at));
    this.#words = words;
  }

  override store(): boolean {
    if (!this.armed || this.#inRow > OF_A_ROW) return true;
    try {
      return super.store();
    } catch {
      Atomics.store(this.#words, Word.stores, this.stores);
      announce(this.#words, Word.state, State.parked);
      Atomics.wait(this.#words, Word.state, State.parked, PATIENCE_MS);
      throw new Error("nobody terminated this worker");
    }
  }

  override call(name: string): void {
    if (this.armed) super.call(name);
  }

  override window(of: Window): Window {
    const window = super.window(of);
    const words = new Proxy(window.words, {
      set: (target, name, value) => {
        this.#inRow = this.#follow(Number(name));
        const set = Reflect.set(target, name, value);
        this.#inRow = 0; // what does not come by here is not in a row
        return set;
      },
    });
    return Object.assign(window, { words });
  }

  /** The how manieth of a row of equal steps a store to this word is. */
  #follow(word: number): number {
    const step = word - this.#last;
    this.#row = step === this.#step ? this.#row + 1 : 0;
    this.#step = step;
    this.#last = word;
    return this.#row;
  }
}

function play(part: Part): void {
  const words = new Int32Array(part.words);
  const { prepare, run } = operations[part.name]!;
  const os = openOs();
  const window = meet(os, () => {
    throw new Error("the main thread has opened the window");
  });
  const pointers = prepare === null ? [] : prepare(new Actor(joinProcess(window, os, noHooks()), part));
  const inHand = new Slots(part.inHand);
  for (const [i, pointer] of pointers.entries()) inHand.swap(i, pointer);
  announce(words, Word.state, State.ready);
  awaitChange(words, Word.state, State.ready);
  const parker = new Parker(words);
  parker.armed = prepare === null;
  const heap = joinProcess(parker.window(window), parker.os(os), noHooks());
  parker.armed = true;
  run(heap, pointers);
  Atomics.store(words, Word.stores, parker.stores);
  announce(words, Word.state, State.done);
  awaitChange(words, Word.state, State.done);
}

play(given<Part>());
