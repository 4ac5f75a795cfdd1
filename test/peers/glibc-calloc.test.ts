/**
 * What glibc's tst-calloc.c asks of calloc, asked of this one: 50,000 blocks of one size alive together, each zero
 * when it is given out and dirty when it is freed; then random element counts and sizes; then nothing times anything.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { calloc, check, free, type Pointer, stats, view } from "../../src/index.js";
import { Random, testSeed } from "../support/seed.js";
import { LARGEST, refused, usableFor } from "./expect.js";

const BLOCKS = 50_000;
const random = new Random(testSeed("glibc-calloc"));

/** A zeroed block, looked at byte by byte and left dirty. */
function takeClean(count: number, size: number, which: number): Pointer {
  const pointer = calloc(count, size);
  const bytes = view(pointer, count * size);
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] !== 0)
      assert.unreachable(`byte ${i} of block ${which} (${count} of ${size}) is ${bytes[i]}`);
  }
  bytes.fill(0xff);
  return pointer;
}

for (const size of [15, 5, 17, 6, 31, 96]) {
  test(`${BLOCKS} cleared blocks of ${size} bytes`, () => {
    const blocks = Array.from({ length: BLOCKS }, (_, i) => takeClean(1, size, i));
    assert.is(new Set(blocks).size, BLOCKS);
    for (const pointer of blocks.reverse()) free(pointer);
    check();
  });
}

test(`${BLOCKS} cleared blocks of random shape`, () => {
  const blocks = Array.from({ length: BLOCKS }, (_, i) =>
    takeClean(random.int(1, 10), random.int(1, 100), i),
  );
  assert.is(new Set(blocks).size, BLOCKS);
  for (const pointer of blocks.reverse()) free(pointer);
  check();
});

test("nothing times anything is a block of its own", () => {
  const allocated = stats().allocated;
  const shapes = [
    [0, 0],
    [0, 2 ** 32 - 1],
    [2 ** 32 - 1, 0],
    [0, LARGEST],
    [LARGEST, 0],
  ] as const;
  const blocks = shapes.map(([count, size]) => calloc(count, size));
  for (const pointer of blocks) usableFor(pointer, 1);
  assert.is(new Set(blocks).size, shapes.length);
  for (const pointer of blocks) free(pointer);
  assert.is(stats().allocated, allocated);
});

test("what no size_t can hold is refused", () => {
  for (const bad of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
    refused(() => calloc(bad, 1), "ERR_INVALID_ARG");
    refused(() => calloc(1, bad), "ERR_INVALID_ARG");
  }
});

test.run();
