/**
 * Workers that make, use and destroy heaps are terminated at any moment, while this thread frees their blocks: nothing of them
 * stays, and everything is in order.
 */
import { once } from "node:events";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { startWorker } from "../../scripts/worker.js";
import { check, free, Heap, HeapError, type Pointer, stats, trim } from "../../src/index.js";
import { Random, testSeed } from "../support/seed.js";

const ROUNDS = 20;
const BLOCKS = 500;
const program = new URL("./programs/heap-churn.ts", import.meta.url);

test("terminated at any moment", async () => {
  const random = new Random(testSeed("heaps terminated"));
  trim();
  const before = stats();
  let freed = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const shown = new Float64Array(new SharedArrayBuffer(8 * BLOCKS));
    const state = new Int32Array(new SharedArrayBuffer(4));
    const worker = startWorker(program, { shown, state });
    const failed = once(worker, "error").then(([error]) => Promise.reject(error));
    failed.catch(() => {}); // told below
    while (Atomics.load(state, 0) === 0) {
      await Promise.race([failed, new Promise((resolve) => setTimeout(resolve, 1))]);
    }
    const end = performance.now() + random.int(0, 30);
    while (performance.now() < end) {
      try {
        free(shown[random.int(0, BLOCKS - 1)] as Pointer);
        freed++;
      } catch (error) {
        if (!(error instanceof HeapError)) throw error;
      }
    }
    await worker.terminate();
    using own = new Heap(); // where one of its heaps was, mostly
    for (let i = 0; i < 100; i++) own.malloc(i * 10);
    assert.is(own.stats().blocks, 100);
    check();
  }
  trim();
  const after = stats();
  assert.is(after.heaps, 0);
  assert.ok(freed > 0);
  assert.ok(
    after.footprint < before.footprint + 2 ** 20,
    `${after.footprint} and ${before.footprint} before`,
  );
  assert.ok(after.segments < before.segments + 20, `${after.segments} segments`);
  check();
});

test.run();
