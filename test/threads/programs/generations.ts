/**
 * Program: threads that come and go, after glibc's tst-malloc-thread-exit and tst-malloc-tcache-leak.
 *
 *   generations.ts exit ROUNDS      threads allocate and end while the main thread uses their blocks
 *   generations.ts leak THREADS     one thread after the other: the heap does not grow
 */
import { isMainThread, parentPort } from "node:worker_threads";
import * as lib from "../../../src/index.js";
import { tell } from "../../hazards/programs/proc.js";
import { Random, testSeed } from "../../support/seed.js";
import { finish, given, start } from "./crew.js";
import { Slots } from "./slots.js";
import { LEAST, Stamps, verdict } from "./stamps.js";

const BLOCKS = 200;
const AT_A_TIME = 4;
/** The first threads make the heap what it then stays. */
const SETTLED = 20;

interface Task {
  readonly slots: SharedArrayBuffer;
  readonly seed: number;
  readonly stream: number;
  readonly made: number;
  /** Whether it frees what it made. */
  readonly tidy: boolean;
}

/** A thread allocates, frees what it is given, and ends without freeing what it hands on. */
function live({ slots, seed, stream, made, tidy }: Task): void {
  const random = new Random(seed + stream);
  const stamps = new Stamps(lib, seed);
  const table = new Slots(slots);
  for (let i = 0; i < made; i++) {
    const size = random.chance(0.01) ? random.int(20_000, 200_000) : random.spread(LEAST, 3000);
    const pointer = lib.malloc(size);
    stamps.write(pointer, size, random);
    const old = table.swap(random.int(0, BLOCKS - 1), pointer);
    if (old !== lib.NULL) drop(stamps, old);
  }
  if (tidy) clear(stamps, table);
}

function drop(stamps: Stamps, pointer: lib.Pointer): void {
  stamps.verify(pointer);
  lib.free(pointer);
}

function clear(stamps: Stamps, table: Slots): void {
  for (let i = 0; i < table.length; i++) {
    const pointer = table.swap(i, lib.NULL);
    if (pointer !== lib.NULL) drop(stamps, pointer);
  }
}

/** Threads end while others, and the main thread after them, use what they made. */
async function exits(rounds: number): Promise<object> {
  const seed = testSeed("thread exit");
  const stamps = new Stamps(lib, seed);
  const random = new Random(seed);
  const slots = Slots.memory(BLOCKS);
  const table = new Slots(slots);
  let resized = 0;
  for (let round = 0; round < rounds; round++) {
    const crew = Array.from({ length: AT_A_TIME }, (_, i) =>
      start<string>(import.meta.url, {
        slots,
        seed,
        stream: 1 + round * AT_A_TIME + i,
        made: 2000,
        tidy: false,
      }),
    );
    await Promise.race(crew.map(({ ended }) => ended)); // some run still
    for (let i = 0; i < BLOCKS; i += 2) {
      const pointer = table.swap(i, lib.NULL);
      if (pointer === lib.NULL) continue;
      const bytes = stamps.verify(pointer);
      const size = random.spread(LEAST, 6000);
      const moved = lib.realloc(pointer, size);
      stamps.verify(moved, Math.min(bytes, size));
      lib.free(moved);
      resized++;
    }
    await finish(crew);
    lib.check();
  }
  clear(stamps, table);
  verdict(lib);
  return { ...lib.stats(), resized };
}

/** One thread after the other. */
async function leaks(threads: number): Promise<object> {
  const seed = testSeed("thread leak");
  const footprints: number[] = [];
  for (let stream = 1; stream <= threads; stream++) {
    const slots = Slots.memory(BLOCKS);
    await finish([
      start<string>(import.meta.url, { slots, seed, stream, made: 300, tidy: true } satisfies Task),
    ]);
    footprints.push(lib.stats().footprint);
  }
  lib.check();
  const settled = Math.max(...footprints.slice(0, SETTLED));
  const last = Math.max(...footprints.slice(-SETTLED));
  verdict(lib);
  return { ...lib.stats(), settled, last };
}

if (isMainThread) {
  const [scene, count] = process.argv.slice(2);
  tell(await (scene === "exit" ? exits : leaks)(Number(count)));
} else {
  live(given<Task>());
  parentPort!.postMessage("done");
}
