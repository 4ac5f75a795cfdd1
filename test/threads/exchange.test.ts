/**
 * Blocks that one thread makes and another frees, in both directions and among many.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Stats } from "../../src/index.js";
import { findings } from "../support/child.js";
import { compiled } from "./compiled.js";

const MIB = 2 ** 20;

test("two threads free what the other makes, and memory goes round", async () => {
  const blocks = 25_000;
  const found = await findings<Stats>(compiled("exchange"), { args: [String(blocks)] });
  // 2 times 128 blocks wait at a time, of 8 KiB in the middle and 500 KB at the most.
  assert.ok(found.peakFootprint < 32 * MIB, `at most ${found.peakFootprint} bytes`);
  assert.ok(found.remoteFrees > blocks, `${found.remoteFrees} blocks came back`);
  assert.is(found.threads, 1);
});

test("generations of threads swap blocks with one another; those left at last can be freed", async () => {
  const [workers, generations, swaps] = [4, 6, 6000];
  const found = await findings<Stats & { footprints: number[] }>(compiled("stress"), {
    args: [workers, generations, swaps].map(String),
  });
  assert.ok(
    found.remoteFrees > (generations * swaps) / 2,
    `${found.remoteFrees} blocks were freed elsewhere`,
  );
  // 600 + 4 * 300 blocks at a time, of 2.2 KB in the middle.
  assert.ok(found.peakFootprint < 24 * MIB, `at most ${found.peakFootprint} bytes`);
  const [first, last] = [found.footprints[0]!, found.footprints.at(-1)!];
  assert.ok(last < first * 2 + 4 * MIB, `the footprint went from ${first} to ${last}`);
  assert.is(found.threads, 1);
});

test.run();
