/**
 * Program: generations of threads that all swap blocks with one another through shared slots, after mimalloc's
 * test-stress. Blocks outlive the threads that made them; the main thread frees what is left.
 *
 *   stress.ts WORKERS GENERATIONS SWAPS
 */
import { isMainThread, parentPort } from "node:worker_threads";
import * as lib from "../../../src/index.js";
import { tell } from "../../hazards/programs/proc.js";
import { Random, testSeed } from "../../support/seed.js";
import { finish, given, start } from "./crew.js";
import { Slots } from "./slots.js";
import { LEAST, Stamps, verdict } from "./stamps.js";

const SLOTS = 600;
/** Blocks that a thread holds for itself meanwhile. */
const KEPT = 300;

interface Task {
  readonly shared: SharedArrayBuffer;
  readonly swaps: number;
  readonly seed: number;
  readonly stream: number;
}

function sizeFrom(random: Random): number {
  if (random.chance(0.002)) return random.int(140_000, 400_000);
  return random.chance(0.02) ? random.int(10_000, 100_000) : random.spread(LEAST, 4000);
}

function make(stamps: Stamps, random: Random): lib.Pointer {
  const size = sizeFrom(random);
  const pointer = random.chance(0.1) ? lib.calloc(1, size) : lib.malloc(size);
  stamps.write(pointer, size, random);
  return pointer;
}

function drop(stamps: Stamps, pointer: lib.Pointer): void {
  if (pointer === lib.NULL) return;
  stamps.verify(pointer);
  lib.free(pointer);
}

function work({ shared, swaps, seed, stream }: Task): void {
  const slots = new Slots(shared);
  const stamps = new Stamps(lib, seed);
  const random = new Random(seed + stream);
  const kept: lib.Pointer[] = Array.from({ length: KEPT }, () => make(stamps, random));
  for (let i = 0; i < swaps; i++) {
    const place = random.int(0, KEPT - 1);
    if (random.chance(0.5)) {
      kept[place] = slots.swap(random.int(0, SLOTS - 1), kept[place]!);
    } else if (random.chance(0.7)) {
      drop(stamps, kept[place]!);
      kept[place] = make(stamps, random);
    } else {
      drop(stamps, slots.swap(random.int(0, SLOTS - 1), make(stamps, random)));
    }
  }
  for (const pointer of kept) drop(stamps, pointer);
  lib.check();
}

async function main(): Promise<void> {
  const [workers, generations, swaps] = process.argv.slice(2).map(Number) as [number, number, number];
  const seed = testSeed("stress");
  const shared = Slots.memory(SLOTS);
  const footprints: number[] = [];
  for (let generation = 0; generation < generations; generation++) {
    const streams = Array.from({ length: workers }, (_, i) => 1 + generation * workers + i);
    await finish(
      streams.map((stream) => start(import.meta.url, { shared, swaps, seed, stream } satisfies Task)),
    );
    lib.check();
    footprints.push(lib.stats().footprint);
  }
  const slots = new Slots(shared);
  const stamps = new Stamps(lib, seed);
  for (let i = 0; i < SLOTS; i++) drop(stamps, slots.swap(i, lib.NULL));
  verdict(lib);
  tell({ ...lib.stats(), footprints });
}

if (isMainThread) await main();
else {
  work(given<Task>());
  parentPort!.postMessage("done");
}
