/**
 * Heaps as objects, and other threads: those free its blocks while it goes on, or ends, and its thread may end before it.
 */
import { once } from "node:events";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { startWorker } from "../../scripts/worker.js";
import { buffer, check, free, Heap, type Pointer, stats, trim, usableSize, view } from "../../src/index.js";
import { gone, walked } from "./heap-blocks.js";

const MIB = 1024 * 1024;
const program = new URL("./programs/heap-in-worker.ts", import.meta.url);

/** In steps of some milliseconds: as long as a worker may take for something. */
const MOST_TURNS = 20_000;

function aMoment(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

async function untilThere(state: Int32Array, workers: number): Promise<void> {
  for (let turns = 0; Atomics.load(state, 0) < workers; turns++) {
    assert.ok(turns < MOST_TURNS, "the workers begin");
    await aMoment();
  }
}

test("other threads free its blocks while it goes on allocating, and each comes back once", async () => {
  const heap = new Heap({ name: "shared" });
  const [threads, each] = [2, 5000];
  const blocks = Array.from({ length: threads * each }, (_, i) => heap.malloc(16 + (i % 300)));
  const state = new Int32Array(new SharedArrayBuffer(4));
  const workers = Array.from({ length: threads }, (_, i) => {
    const pointers = new Float64Array(blocks.slice(i * each, (i + 1) * each));
    return startWorker(program, { task: "free", pointers, state });
  });
  const replies = workers.map((worker) => once(worker, "message"));
  const ends = workers.map((worker) => once(worker, "exit"));
  await untilThere(state, 1);
  const kept: Pointer[] = [];
  for (let i = 0; i < 5000; i++) {
    const block = heap.malloc(16 + (i % 500));
    view(block).fill(1);
    if (i % 2 === 0) heap.free(block);
    else kept.push(block);
  }
  for (const reply of replies) assert.equal(await reply, [0], "none was refused");
  await Promise.all(ends);
  assert.is(heap.stats().blocks, kept.length);
  trim();
  check();
  assert.equal(walked("shared").remote, undefined, "all were taken back");
  for (const block of kept) heap.free(block);
  assert.is(heap.stats().allocated, 0);
  heap.destroy();
});

test("it is destroyed while other threads free its blocks: they are freed or refused, and nothing else happens", async () => {
  const heap = new Heap({ name: "vanishing" });
  const pointers = new Float64Array(Array.from({ length: 20_000 }, () => heap.malloc(100)));
  const state = new Int32Array(new SharedArrayBuffer(4));
  const workers = [0, 1].map((i) =>
    startWorker(program, { task: "free", pointers: pointers.slice(i * 10_000, (i + 1) * 10_000), state }),
  );
  const replies = workers.map((worker) => once(worker, "message"));
  const ends = workers.map((worker) => once(worker, "exit"));
  await untilThere(state, 2);
  heap.destroy();
  // Used again at once, by a block that none of those pointers leads to: they would free it, as in C.
  const next = new Heap({ name: "next" });
  let block = next.malloc(2 * MIB);
  while (pointers.includes(block)) block = next.malloc(2 * MIB);
  view(block).fill(7);
  for (const reply of replies) assert.type((await reply)[0], "number");
  await Promise.all(ends);
  assert.ok(buffer(block).equals(Buffer.alloc(usableSize(block), 7)));
  next.destroy();
  check();
});

test("the thread that made it ends: its blocks are gone with it, those of the thread itself are not", async () => {
  trim();
  const before = stats();
  const worker = startWorker(program, { task: "make" });
  const [{ blocks, mine }] = (await once(worker, "message")) as [{ blocks: Pointer[]; mine: Pointer[] }];
  assert.is(stats().heaps, before.heaps + 1);
  for (const block of blocks.slice(0, 500)) free(block);
  const { footprint } = stats();
  for (let turns = 0; stats().waiting.length > 0 || stats().footprint > footprint - 1.5 * MIB; turns++) {
    assert.ok(turns < MOST_TURNS, "its event loop hears that memory is wanted, and gives it back");
    trim();
    await aMoment();
  }
  worker.postMessage("how is it?");
  const [figures] = await once(worker, "message");
  assert.is((figures as { blocks: number }).blocks, 500);
  await worker.terminate();
  assert.is(stats().heaps, before.heaps);
  assert.ok(trim() > 2 * MIB);
  for (const block of blocks) gone(() => free(block));
  for (const block of mine) free(block);
  trim();
  assert.ok(stats().footprint < before.footprint + MIB);
  assert.is(stats().allocated, before.allocated);
  check();
});

test.run();
