/**
 * Sizes above 1 KiB that are asked for again and again, through the whole library: zeroed, aligned, resized, freed twice.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  alignedAlloc,
  calloc,
  check,
  fill,
  free,
  malloc,
  type Pointer,
  realloc,
  stats,
  usableSize,
} from "../src/index.js";
import { holds, refused, usableFor } from "./peers/expect.js";
import { Random, testSeed } from "./support/seed.js";

const SIZES = [1024, 1040, 2048, 4096, 4104, 5000, 8192, 9192, 9193];
const ROUNDS = 3000;

test("calloc gives zeroes, however dirty the blocks were that it takes", () => {
  for (let i = 0; i < 400; i++) {
    for (const size of SIZES) {
      const pointer = calloc(1, size);
      holds(pointer, 0, 0, size);
      fill(pointer, 0xff, usableSize(pointer));
      free(pointer);
    }
  }
  check();
});

test("alignedAlloc gives aligned blocks of such sizes", () => {
  for (let i = 0; i < 400; i++) {
    for (const size of SIZES) {
      const [plain, aligned] = [malloc(size), alignedAlloc(256, size)];
      usableFor(aligned, size, 256);
      free(plain);
      free(aligned);
    }
  }
  check();
});

test("a second free and a pointer into such a block are refused", () => {
  for (let i = 0; i < 200; i++) free(malloc(4096));
  const pointer = malloc(4096);
  for (const wrong of [1, 8, 16, 4096, -16]) {
    refused(() => free((pointer + wrong) as Pointer), "ERR_INVALID_POINTER");
  }
  free(pointer);
  refused(() => free(pointer), "ERR_DOUBLE_FREE");
  check();
});

test("contents survive among blocks of few sizes, replaced and resized at random", () => {
  const random = new Random(testSeed("larger lists"));
  const slots: { pointer: Pointer; size: number; stamp: number }[] = [];
  const before = stats().allocated;
  const good = ({ pointer, size, stamp }: (typeof slots)[number]) => holds(pointer, stamp, 0, size);
  for (let round = 0; round < ROUNDS; round++) {
    const size = random.pick(SIZES);
    const stamp = random.int(0, 255);
    const i = random.int(0, 59);
    const old = slots[i];
    if (old !== undefined) good(old);
    let pointer: Pointer;
    if (old !== undefined && random.chance(0.25)) {
      pointer = realloc(old.pointer, size);
      holds(pointer, old.stamp, 0, Math.min(old.size, size));
    } else {
      if (old !== undefined) free(old.pointer);
      pointer = malloc(size);
    }
    fill(pointer, stamp, usableSize(pointer));
    slots[i] = { pointer, size, stamp };
    if (round % 500 === 0) check();
  }
  for (const slot of slots) {
    if (slot === undefined) continue;
    good(slot);
    free(slot.pointer);
  }
  check();
  assert.is(stats().allocated, before);
});

test.run();
