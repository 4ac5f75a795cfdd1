/**
 * Program: owners allocate, hand over, and now and then sleep; the main thread frees, and trims all the time.
 *
 *   reclaim.ts ROUNDS
 */
import { isMainThread, type Worker, workerData } from "node:worker_threads";
import { startWorker } from "../../../scripts/worker.js";
import { check, free, malloc, type Pointer, stats, trim, view } from "../../../src/index.js";
import { tell } from "../../hazards/programs/proc.js";
import { Random, testSeed } from "../../support/seed.js";
import { announce, awaitChange } from "./crew.js";

const OWNERS = 3;
/** Blocks of a round, and the largest. */
const BLOCKS = 2000;
const MOST_BYTES = 3000;

/** States of an owner's word. */
const FILLING = 0;
const FILLED = 1;
const TAKEN = 2;
const OVER = 3;

interface Part {
  readonly seed: number;
  readonly state: Int32Array;
  readonly handed: Float64Array;
}

function newPart(seed: number): Part {
  return {
    seed,
    state: new Int32Array(new SharedArrayBuffer(4)),
    handed: new Float64Array(new SharedArrayBuffer(BLOCKS * 8)),
  };
}

function stamped(random: Random): Pointer {
  const pointer = malloc(random.int(16, MOST_BYTES));
  view(pointer).fill(pointer & 0xff);
  return pointer;
}

function release(pointer: Pointer): void {
  if (!view(pointer).every((byte) => byte === (pointer & 0xff)))
    throw new Error(`${pointer} was overwritten`);
  free(pointer);
}

/** Fills its part; while the main thread empties it, sleeps or goes on with blocks of its own. */
function own({ seed, state, handed }: Part): void {
  const random = new Random(seed);
  const kept: Pointer[] = [];
  for (;;) {
    for (let i = 0; i < BLOCKS; i++) handed[i] = stamped(random);
    announce(state, 0, FILLED);
    if (random.chance(0.5)) awaitChange(state, 0, FILLED);
    while (Atomics.load(state, 0) === FILLED) {
      kept.push(stamped(random));
      if (kept.length > BLOCKS) for (const pointer of kept.splice(0)) release(pointer);
    }
    if (Atomics.load(state, 0) === OVER) break;
    announce(state, 0, FILLING);
  }
  for (const pointer of kept) release(pointer);
  check();
}

async function main(rounds: number): Promise<void> {
  const seed = testSeed("reclaim");
  const random = new Random(seed);
  const parts = Array.from({ length: OWNERS }, (_, i) => newPart(seed + i));
  const workers: Worker[] = parts.map((part) => startWorker(new URL(import.meta.url), part));
  const ended = Promise.all(workers.map((worker) => new Promise((resolve) => worker.once("exit", resolve))));
  let given = 0;
  for (let round = 0; round < rounds; round++) {
    const { state, handed } = parts[round % OWNERS]!;
    for (let now = Atomics.load(state, 0); now !== FILLED; now = Atomics.load(state, 0))
      awaitChange(state, 0, now);
    const pointers = [...handed] as Pointer[];
    for (let i = 0; i < BLOCKS; i++) {
      const at = random.int(0, pointers.length - 1);
      release(pointers.splice(at, 1)[0]!);
      if (i % 500 === 499) given += trim();
    }
    announce(state, 0, rounds - round <= OWNERS ? OVER : TAKEN);
  }
  const codes = await ended;
  trim();
  check();
  tell({ given, codes, blocks: stats().blocks, allocated: stats().allocated });
}

if (isMainThread) await main(Number(process.argv[2]));
else own(workerData as Part);
