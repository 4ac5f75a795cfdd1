/**
 * The counters of stats() are words that wrap around: beyond 2^31 they are still positive, and what is computed from
 * differences of them is still right.
 */
import { once } from "node:events";
import { setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { heap } from "../src/api/attached.js";
import { Rec } from "../src/heap/record.js";
import { check, free, malloc, type Pointer, stats, trim } from "../src/index.js";
import { Control } from "../src/memory/control.js";
import { patience } from "./support/surroundings.js";
import { compiled } from "./threads/compiled.js";
import { awaitChange } from "./threads/programs/crew.js";

const LAST_POSITIVE = 0x7fff_ffff;
/** Multiples of how many are sent at once, so that none waits in the thread that frees them. */
const BLOCKS = 64;
const MANY = 51_200;
/** stats() that took so many milliseconds may have read in the middle of an update: it waits for its end no longer. */
const GIVEN_UP = 100;

/** Has another thread free the blocks. This one sleeps until it has: in its event loop, it would take them back. */
function freeElsewhere(pointers: readonly Pointer[]): Worker {
  const done = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(compiled("freer"), { workerData: { pointers, done } });
  awaitChange(done, 0, 0);
  return worker;
}

test("counters go on beyond 2^31", () => {
  const { words: m, record } = heap;
  m[record + Rec.splits] = LAST_POSITIVE;
  m[record + Rec.coalescedForward] = 0;
  m[record + Rec.coalescedBackward] = LAST_POSITIVE;
  m[Control.mmaps] = LAST_POSITIVE;
  m[Control.munmaps] = LAST_POSITIVE;
  const pointers = Array.from({ length: 8 }, () => malloc(20_000));
  for (let i = 0; i < 8; i += 2) free(pointers[i]!);
  for (let i = 1; i < 8; i += 2) free(pointers[i]!);
  const run = malloc(100_000);
  malloc(16);
  free(run);
  free(malloc(50_000));
  free(malloc(1_000_000));
  const { splits, merges, mmaps, munmaps } = stats();
  assert.ok(splits > LAST_POSITIVE, `${splits} splits`);
  assert.ok(merges > LAST_POSITIVE, `${merges} merges`);
  assert.is(mmaps, LAST_POSITIVE + 1);
  assert.is(munmaps, LAST_POSITIVE + 1);
  check();
});

test("a heap met while it begins a segment, whose top is not there yet, holds nothing in it", () => {
  const { words: m, record } = heap;
  malloc(5000);
  const top = m[record + Rec.top]!;
  const { allocated, footprint } = stats();
  m[record + Rec.top] = 0;
  const early = stats();
  m[record + Rec.top] = top;
  assert.ok(early.allocated >= 0 && early.allocated < allocated, `${early.allocated} of ${allocated} bytes`);
  assert.ok(early.footprint >= 0 && early.footprint <= footprint, `${early.footprint} of ${footprint} bytes`);
});

test("blocks on their way back are counted right when the counters of both sides wrap", async () => {
  const { words: m, record } = heap;
  m[record + Rec.receivedBlocks] = LAST_POSITIVE - 10;
  m[record + Rec.receivedUnits] = LAST_POSITIVE - 10;
  m[record + Rec.sentBlocks] = LAST_POSITIVE - 10; // as if this thread had sent to itself
  m[record + Rec.sentUnits] = LAST_POSITIVE - 10;
  const before = stats();
  assert.is(before.remote, 0);
  const pointers = Array.from({ length: BLOCKS }, () => malloc(40));
  const worker = freeElsewhere(pointers);
  const away = stats();
  assert.is(away.remote, BLOCKS * 40);
  assert.is(away.allocated, before.allocated);
  assert.is(away.remoteFrees, before.remoteFrees + BLOCKS);
  assert.ok(away.remoteFrees > LAST_POSITIVE);
  trim(); // takes them back
  const back = stats();
  assert.is(back.remote, 0);
  assert.is(back.allocated, before.allocated);
  assert.is(back.blocks, before.blocks);
  check();
  assert.equal(await once(worker, "exit"), [0]);
});

test("blocks that their owner takes back in its event loop count neither twice nor not at all meanwhile", async () => {
  const before = stats().blocks;
  const worker = new Worker(compiled("owner"), { workerData: MANY });
  try {
    const [pointers] = (await once(worker, "message")) as [Pointer[]];
    assert.is(stats().blocks, before + MANY);
    for (const pointer of pointers) free(pointer);
    const seen = new Set<number>();
    const deadline = performance.now() + patience(10_000);
    while (stats().remote > 0 && performance.now() < deadline) {
      const start = performance.now();
      const { blocks } = stats();
      if (performance.now() - start < GIVEN_UP) seen.add(blocks);
      await setImmediate(); // where the owner's last turn was before the last free, this thread's reminds it
    }
    assert.is(stats().remote, 0);
    assert.equal([...seen], [before]);
  } finally {
    await worker.terminate();
  }
});

test.run();
