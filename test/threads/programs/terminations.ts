/**
 * Program: workers end at moments of chance, and after each end all that others hold is whole.
 *
 *   terminations.ts TERMINATED
 *
 * Most are terminated, and some return, exit or throw. At last the main thread
 * takes over all heaps and finds every block that a worker had in its hands when it ended.
 */
import { setTimeout as delay } from "node:timers/promises";
import { isMainThread } from "node:worker_threads";
import { heap } from "../../../src/api/malloc.js";
import * as lib from "../../../src/index.js";
import { tell } from "../../hazards/programs/proc.js";
import { adopt } from "../../support/adopt.js";
import { Random, testSeed } from "../../support/seed.js";
import { announce, given, left, type Member, start, terminate, within } from "./crew.js";
import { type Hazard, ORDER, Order, READY, Worker } from "./hazard.js";
import { Slots } from "./slots.js";
import { Stamps, verdict } from "./stamps.js";

/** Workers start together, and others wait meanwhile: starting one takes longer than ending it. */
const TOGETHER = 3;
/** So many of them see the next ones start. */
const STAY = 1;
const OWN_SLOTS = 60;
const COMMON_SLOTS = 150;
/** How often the main thread takes over all heaps that nobody has, and looks at each. */
const TAKE_OVER_EVERY = 10;

interface Victim extends Member<never> {
  readonly task: Hazard;
}

/** What became of it. */
export interface Findings {
  terminated: number;
  others: number;
  /** Blocks that were in the hands of those that ended, and their bytes. */
  lost: number;
  lostBytes: number;
  highestFootprint: number;
}

class Theatre {
  readonly found: Findings = {
    terminated: 0,
    others: 0,
    lost: 0,
    lostBytes: 0,
    highestFootprint: 0,
  };
  readonly #seed = testSeed("terminations");
  readonly #random = new Random(this.#seed);
  readonly #stamps = new Stamps(lib, this.#seed);
  readonly #common = Slots.memory(COMMON_SLOTS);
  readonly #victims: Victim[] = [];
  #started = 0;

  async run(terminations: number): Promise<void> {
    for (let ends = 1; this.found.terminated < terminations; ends++) {
      if (this.#victims.length <= STAY) await this.#fill();
      const [victim] = this.#victims.splice(this.#random.int(0, this.#victims.length - 1), 1);
      await delay(this.#random.int(0, 4));
      await this.#end(victim!);
      this.#audit(victim!.task, ends);
    }
    for (const victim of this.#victims) {
      await terminate(victim);
      this.#audit(victim.task, 0);
    }
    this.#clear(new Slots(this.#common));
    this.#findLost();
    verdict(lib);
  }

  async #fill(): Promise<void> {
    this.#tell(Order.wait);
    for (let left = TOGETHER; left > 0; left--) this.#start();
    for (const { task } of this.#victims) await ready(new Int32Array(task.words));
    this.#tell(Order.go);
  }

  #tell(order: number): void {
    for (const { task } of this.#victims) announce(new Int32Array(task.words), ORDER, order);
  }

  #start(): void {
    const task: Hazard = {
      own: Slots.memory(OWN_SLOTS),
      common: this.#common,
      words: new SharedArrayBuffer(8),
      seed: this.#seed,
      stream: ++this.#started,
    };
    this.#victims.push({ ...start<never>(import.meta.url, task), task });
  }

  async #end(victim: Victim): Promise<void> {
    const words = new Int32Array(victim.task.words);
    if (this.#random.chance(0.9)) {
      await terminate(victim);
      this.found.terminated++;
    } else {
      announce(words, ORDER, this.#random.pick([Order.return, Order.exit, Order.throw]));
      await within(victim.ended, "a worker to end");
      this.found.others++;
    }
  }

  /** All is well, and what the worker held can be freed. */
  #audit(task: Hazard, ends: number): void {
    lib.check();
    this.#clear(new Slots(task.own));
    this.#stir();
    if (ends % TAKE_OVER_EVERY === 0) this.#takeOver();
    this.found.highestFootprint = Math.max(this.found.highestFootprint, lib.stats().footprint);
  }

  /** Blocks of the main thread for the workers, and the other way round. */
  #stir(): void {
    const common = new Slots(this.#common);
    for (let i = 0; i < 10; i++) {
      const size = this.#random.spread(16, 5000);
      const made = lib.malloc(size);
      this.#stamps.write(made, size, this.#random);
      this.#free(common.swap(this.#random.int(0, COMMON_SLOTS - 1), made));
    }
  }

  #clear(slots: Slots): void {
    for (let i = 0; i < slots.length; i++) this.#free(slots.swap(i, lib.NULL));
  }

  #free(pointer: lib.Pointer): void {
    if (pointer === lib.NULL) return;
    this.#stamps.verify(pointer);
    lib.free(pointer);
  }

  /** Takes over what nobody has, looks at every header and list of it, and leaves it to the workers that come. */
  #takeOver(): void {
    const others = heap.others!;
    while (adopt(heap) !== null) {}
    lib.check();
    for (const taken of [...others.heaps]) others.abandon(taken);
  }

  /** Nothing is lost for ever: a block that nobody holds can be found and freed. */
  #findLost(): void {
    lib.trim(); // sends what is on its way
    while (adopt(heap) !== null) {}
    for (const of of heap.others!.heaps) of.drain();
    const left = [...lib.walk()].filter(({ state }) => state === "live" || state === "mapped");
    for (const { pointer, size } of left) {
      this.found.lost++;
      this.found.lostBytes += size;
      lib.free(pointer);
    }
  }
}

/**
 * A worker that is terminated while koffi is being loaded takes the process with it (koffi 3.3.4: "FATAL ERROR:
 * Error::ThrowAsJavaScriptException napi_throw"). So none is before it has the library.
 */
async function ready(words: Int32Array): Promise<void> {
  await left(words, READY, 0);
}

if (isMainThread) {
  const theatre = new Theatre();
  await theatre.run(Number(process.argv[2]));
  tell({ ...lib.stats(), ...theatre.found });
} else {
  new Worker(given<Hazard>()).run();
}
