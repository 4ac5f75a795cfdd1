/**
 * The footprint's peak: what lies idle in the heap makes up for what is mapped beside it.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { alignedAlloc, check, free, malloc, realloc, stats, view } from "../src/index.js";

const COUNT = 60;
const BYTES = 100_000;
/** A run is given back whole. */
const ONE_RUN = 128 * 1024;

/** Raises the peak by blocks of which half lie idle afterwards; returns it. */
function raisePeak(): number {
  const blocks = Array.from({ length: COUNT }, () => malloc(BYTES));
  for (const block of blocks) view(block).fill(1);
  const { peakFootprint } = stats();
  for (let i = 1; i < COUNT; i += 2) free(blocks[i]!);
  return peakFootprint;
}

test("a mapping that grows while half of the heap lies idle does not raise the peak", () => {
  const peakFootprint = raisePeak();
  let grown = malloc(200_000);
  for (let bytes = 200_000; bytes <= (COUNT / 3) * BYTES; bytes *= 1.5) {
    grown = realloc(grown, Math.floor(bytes));
    assert.ok(stats().peakFootprint <= peakFootprint + ONE_RUN, `${bytes} bytes are mapped`);
  }
  check();
});

test("nor does an aligned one", () => {
  const peakFootprint = raisePeak();
  alignedAlloc(4096, (COUNT / 3) * BYTES);
  assert.ok(stats().peakFootprint <= peakFootprint + ONE_RUN);
  check();
});

test.run();
