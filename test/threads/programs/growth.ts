/**
 * Program: several threads that need address space at the same time.
 *
 *   growth.ts grow THREADS MIB     each grows to so many MiB, in step with the others, then all is freed
 *   growth.ts full THREADS         each runs out of memory under HEAPWRIGHT_LIMIT, and has its share afterwards
 *   growth.ts race THREADS         each takes one step of address space and gives it back, again and again
 */
import { isMainThread, parentPort } from "node:worker_threads";
import * as lib from "../../../src/index.js";
import { tell } from "../../hazards/programs/proc.js";
import { Random, testSeed } from "../../support/seed.js";
import { finish, given, Meeting, start } from "./crew.js";
import { LEAST, Stamps, verdict } from "./stamps.js";

const MIB = 2 ** 20;
/** So many attempts at memory that is not there. */
const REFUSALS = 50;
const MOST_BLOCKS = 1_000_000;
/** Nearly all of the least step that a heap commits. */
const STEP_BLOCK = 60_000;
const RACE_ROUNDS = 2000;

interface Task {
  readonly play: "grow" | "full" | "race";
  readonly meeting: SharedArrayBuffer;
  readonly threads: number;
  readonly bytes: number;
  readonly seed: number;
  readonly stream: number;
}

class Grower {
  readonly #task: Task;
  readonly #meeting: Meeting;
  readonly #random: Random;
  readonly #stamps: Stamps;

  constructor(task: Task) {
    this.#task = task;
    this.#meeting = new Meeting(task.meeting, task.threads);
    this.#random = new Random(task.seed + task.stream);
    this.#stamps = new Stamps(lib, task.seed);
  }

  /** Grows by a MiB at a time, as all others do, so that their segments lie between one another. */
  grow(): void {
    const pointers: lib.Pointer[] = [];
    for (let held = 0, next = 0; held < this.#task.bytes; ) {
      if (held >= next) {
        this.#meeting.meet();
        next += MIB;
      }
      const size = this.#size();
      pointers.push(this.#make(size));
      held += size;
    }
    lib.check();
    this.#meeting.meet();
    this.#freeAll(pointers);
    lib.check();
    lib.trim();
  }

  /** All fill memory until there is none; each is refused, again and again, and then gets some when all have freed. */
  full(): number {
    const pointers: lib.Pointer[] = [];
    this.#meeting.meet();
    let refusals = 0;
    while (refusals < REFUSALS && pointers.length < MOST_BLOCKS) {
      try {
        pointers.push(this.#make(this.#size()));
      } catch (error) {
        if ((error as lib.HeapError).code !== "ERR_OUT_OF_MEMORY") throw error;
        refusals++;
      }
    }
    this.#meeting.meet();
    lib.check();
    this.#freeAll(pointers);
    lib.trim(); // what lies idle here counts against all
    this.#meeting.meet();
    const share = Array.from({ length: 10 }, () => this.#make(100_000));
    this.#meeting.meet();
    this.#freeAll(share);
    lib.check();
    return refusals;
  }

  /** How many steps were refused, and the footprint of all threads when none of them had one. */
  race(): { refused: number; base: number } {
    for (let tries = 0; !this.#takesStep(); tries++) {
      if (tries === RACE_ROUNDS) throw new Error("there never was room for a single step");
    }
    this.#meeting.meet();
    const base = lib.stats().footprint;
    this.#meeting.meet();
    let refused = 0;
    for (let round = 0; round < RACE_ROUNDS; round++) if (!this.#takesStep()) refused++;
    lib.check();
    return { refused, base };
  }

  #takesStep(): boolean {
    try {
      lib.free(lib.malloc(STEP_BLOCK));
    } catch (error) {
      if ((error as lib.HeapError).code !== "ERR_OUT_OF_MEMORY") throw error;
      return false;
    }
    lib.trim();
    return true;
  }

  #size(): number {
    const random = this.#random;
    return random.chance(0.01) ? random.int(132_000, 300_000) : random.spread(LEAST, 100_000);
  }

  #make(size: number): lib.Pointer {
    const pointer = lib.malloc(size);
    this.#stamps.write(pointer, size, this.#random);
    return pointer;
  }

  #freeAll(pointers: readonly lib.Pointer[]): void {
    for (const pointer of pointers) this.#stamps.verify(pointer);
    for (const pointer of pointers) lib.free(pointer);
  }
}

if (isMainThread) {
  const [play, count, mib] = process.argv.slice(2) as [Task["play"], string, string];
  const seed = testSeed(`growth, ${play}`);
  const common = { play, meeting: Meeting.memory(), threads: Number(count), bytes: Number(mib) * MIB, seed };
  const streams = Array.from({ length: common.threads }, (_, i) => i + 1);
  const said = await finish(streams.map((stream) => start<unknown>(import.meta.url, { ...common, stream })));
  const { segments, grows, footprint } = lib.stats();
  verdict(lib);
  tell({ ...lib.stats(), said, segments, grows, idle: footprint });
} else {
  const grower = new Grower(given<Task>());
  parentPort!.postMessage(grower[given<Task>().play]());
}
