/**
 * Memory use follows the live bytes, also over very many requests: what is cut off and left over is found again.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { check, free, malloc, NULL, type Pointer, realloc, stats, trim } from "../src/index.js";
import { Random, testSeed } from "./support/seed.js";

const STEPS = 300_000;

/** Most footprint as a multiple of the most that can be live. */
const programs = [
  { slots: 4, least: 1024, most: 3023, times: 12 }, // ends of 1 KiB and less are cached, and the last block is resized
  { slots: 100, least: 1024, most: 3023, times: 3 },
  { slots: 100, least: 40, most: 2999, times: 3 },
  { slots: 1000, least: 8, most: 500, times: 3 },
] as const;

for (const { slots, least, most, times } of programs) {
  test(`${slots} blocks of ${least} to ${most} bytes, replaced and resized at random, take no more and no more memory`, () => {
    trim();
    const before = stats().footprint;
    const random = new Random(testSeed("replaced and resized"));
    const pointers = new Array<Pointer>(slots).fill(NULL);
    for (let step = 0; step < STEPS; step++) {
      const slot = random.int(0, slots - 1);
      const size = random.int(least, most);
      if (random.int(0, 3) === 0) {
        pointers[slot] = realloc(pointers[slot]!, size);
      } else {
        free(pointers[slot]!);
        pointers[slot] = malloc(size);
      }
    }
    const grown = stats().footprint - before;
    assert.ok(grown <= slots * most * times, `${grown} bytes, where ${slots * most} at most are live`);
    pointers.forEach(free);
    check();
  });
}

test.run();
