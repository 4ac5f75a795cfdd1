/**
 * The counters of stats() do not drift: a million blocks that two other threads free at a time are all counted, once.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { check, malloc, stats, trim } from "../src/index.js";
import { compiled } from "./threads/compiled.js";

const BLOCKS = 1_000_000;
const SIZES = [16, 40, 100, 300];

test("a million frees by two other threads", async () => {
  malloc(100);
  trim();
  const { allocated, blocks, footprint, remoteFrees } = stats();
  const pointers = Array.from({ length: BLOCKS }, (_, i) => malloc(SIZES[i % SIZES.length]!));
  const halves = [0, 1].map((half) => pointers.filter((_, i) => (i >> 3) % 2 === half)); // neighbours, and both at the same time
  const exits = halves.map((half) =>
    once(new Worker(compiled("freer"), { workerData: { pointers: half } }), "exit"),
  );
  assert.equal(await Promise.all(exits), [[0], [0]]);
  trim(); // takes them back
  const after = stats();
  assert.equal([after.allocated, after.blocks, after.remote], [allocated, blocks, 0]);
  assert.is(after.remoteFrees, remoteFrees + BLOCKS);
  assert.ok(after.footprint < footprint + 2 ** 20, `${footprint} bytes before, ${after.footprint} after`);
  check();
});

test.run();
