/**
 * Program: blocks of random alignment that other threads free, after glibc's tst-aligned-alloc-random-thread-cross.
 *
 *   aligned-cross.ts WORKERS BLOCKS
 */
import { isMainThread, parentPort } from "node:worker_threads";
import * as lib from "../../../src/index.js";
import { tell } from "../../hazards/programs/proc.js";
import { Random, testSeed } from "../../support/seed.js";
import { finish, given, start } from "./crew.js";
import { Slots } from "./slots.js";
import { LEAST, Stamps, verdict } from "./stamps.js";

const SLOTS = 256;

interface Task {
  readonly slots: SharedArrayBuffer;
  readonly blocks: number;
  readonly seed: number;
  readonly stream: number;
}

function work({ slots, blocks, seed, stream }: Task): void {
  const table = new Slots(slots);
  const random = new Random(seed + stream);
  const stamps = new Stamps(lib, seed);
  for (let i = 0; i < blocks; i++) {
    const alignment = 2 ** random.int(3, 14);
    const size = random.chance(0.01) ? random.int(100_000, 300_000) : random.spread(LEAST, 20_000);
    const pointer = lib.alignedAlloc(alignment, size);
    if (pointer % alignment !== 0) throw new Error(`${pointer} is not a multiple of ${alignment}`);
    stamps.write(pointer, size, random);
    drop(stamps, table.swap(random.int(0, SLOTS - 1), pointer));
  }
  lib.check();
}

function drop(stamps: Stamps, pointer: lib.Pointer): void {
  if (pointer === lib.NULL) return;
  stamps.verify(pointer);
  lib.free(pointer);
}

if (isMainThread) {
  const [workers, blocks] = process.argv.slice(2).map(Number) as [number, number];
  const seed = testSeed("aligned, across threads");
  const slots = Slots.memory(SLOTS);
  const streams = Array.from({ length: workers }, (_, i) => i + 1);
  await finish(streams.map((stream) => start(import.meta.url, { slots, blocks, seed, stream })));
  const stamps = new Stamps(lib, seed);
  for (let i = 0; i < SLOTS; i++) drop(stamps, new Slots(slots).swap(i, lib.NULL));
  verdict(lib);
  tell(lib.stats());
} else {
  work(given<Task>());
  parentPort!.postMessage("done");
}
