/**
 * A worker that does all that the library can do, until it is ended: by others at a moment of theirs, or by itself.
 *
 * Owns what it does. What it holds lies in slots, so that whoever comes after it can look at the blocks and free them;
 * at most two blocks are in its hands, in no slot, when it ends.
 */

import * as lib from "../../../src/index.js";
import { Random } from "../../support/seed.js";
import { awaitChange, PATIENCE_MS } from "./crew.js";
import { Slots } from "./slots.js";
import { LEAST, Stamps } from "./stamps.js";

/** What it is to do next; it looks at its word before each step. */
export const Order = { wait: 0, go: 1, return: 2, exit: 3, throw: 4 } as const;

export interface Hazard {
  /** Slots of its own, and those of all. */
  readonly own: SharedArrayBuffer;
  readonly common: SharedArrayBuffer;
  /** Two words: 1 once it has the library, and one of Order. */
  readonly words: SharedArrayBuffer;
  readonly seed: number;
  readonly stream: number;
}

export const READY = 0;
export const ORDER = 1;

/** What it does mostly, for some steps: that it is ended in the middle of each becomes likely. */
const moods = ["cache", "runs", "growth", "large", "exchange", "resize", "aligned", "trim"] as const;
type Mood = (typeof moods)[number];
const STEPS_OF_MOOD = 120;

const sizes: Record<Mood, readonly [number, number]> = {
  cache: [LEAST, 1000],
  runs: [1100, 20_000],
  growth: [20_000, 120_000],
  large: [132_000, 400_000],
  exchange: [LEAST, 3000],
  resize: [LEAST, 60_000],
  aligned: [LEAST, 10_000],
  trim: [LEAST, 30_000],
};

export class Worker {
  readonly #own: Slots;
  readonly #common: Slots;
  readonly #words: Int32Array;
  readonly #stamps: Stamps;
  readonly #random: Random;
  #mood: Mood = "cache";

  constructor({ own, common, words, seed, stream }: Hazard) {
    this.#own = new Slots(own);
    this.#common = new Slots(common);
    this.#words = new Int32Array(words);
    this.#stamps = new Stamps(lib, seed);
    this.#random = new Random(seed + stream);
  }

  run(): void {
    const end = Date.now() + PATIENCE_MS;
    Atomics.store(this.#words, READY, 1);
    for (let step = 0; Date.now() < end; step++) {
      awaitChange(this.#words, ORDER, Order.wait);
      const order = Atomics.load(this.#words, ORDER);
      if (order === Order.return) return;
      if (order === Order.exit) process.exit();
      if (order === Order.throw) throw new Error("as it was told");
      if (step % STEPS_OF_MOOD === 0) this.#mood = this.#random.pick(moods);
      this.#step();
    }
    throw new Error("nobody ended this worker");
  }

  #step(): void {
    const random = this.#random;
    const own = random.int(0, this.#own.length - 1);
    const common = random.int(0, this.#common.length - 1);
    if (this.#mood === "exchange" && random.chance(0.7)) {
      this.#free(this.#common.swap(common, this.#make()));
    } else if (this.#mood === "resize") {
      this.#own.swap(own, this.#resize(this.#own.swap(own, lib.NULL)));
    } else if (random.chance(0.1)) {
      this.#free(this.#common.swap(common, this.#own.swap(own, lib.NULL)));
    } else if (this.#mood === "trim" && random.chance(0.2)) {
      lib.trim(); // takes over what nobody has, and gives it up again
    } else {
      this.#free(this.#own.swap(own, random.chance(0.7) ? this.#make() : lib.NULL));
    }
  }

  #size(): number {
    return this.#random.spread(...sizes[this.#mood]);
  }

  #make(): lib.Pointer {
    const size = this.#size();
    const pointer =
      this.#mood === "aligned" ? lib.alignedAlloc(2 ** this.#random.int(5, 12), size) : lib.malloc(size);
    this.#stamps.write(pointer, size, this.#random);
    return pointer;
  }

  #resize(pointer: lib.Pointer): lib.Pointer {
    if (pointer === lib.NULL) return this.#make();
    const had = this.#stamps.verify(pointer);
    const size = this.#size();
    const resized = lib.realloc(pointer, size);
    this.#stamps.verify(resized, Math.min(had, size));
    this.#stamps.write(resized, size, this.#random);
    return resized;
  }

  #free(pointer: lib.Pointer): void {
    if (pointer === lib.NULL) return;
    this.#stamps.verify(pointer);
    lib.free(pointer);
  }
}
