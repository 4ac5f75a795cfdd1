/**
 * Small bins on an ordinary Int32Array: the bitmap, the smallest that fits, and heads that lie.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isCached, linkOf, writeCached, writeLive } from "../../src/block/block.js";
import {
  initializeSmallBins,
  popSmallest,
  pushSmall,
  SMALL_BINS_WORDS,
  SMALL_UNITS,
  setSmallBin,
  smallBinCount,
  smallBinHead,
} from "../../src/heap/small-bins.js";
import { OWNERS } from "../../src/memory/control.js";
import type { Block } from "../../src/memory/memory.js";
import { Random, testSeed } from "../support/seed.js";
import { throwsHeapError } from "../support/throws.js";

const AT = 8192;
const END = 2 ** 18;
const OWNER = 7;
const FIRST = 16386;

interface Bench {
  readonly m: Int32Array;
  add(units: number): Block;
}

function bench(): Bench {
  const m = new Int32Array(END);
  m[OWNERS] = OWNER;
  initializeSmallBins(m, AT);
  let next = FIRST;
  const add = (units: number) => {
    const b = next as Block;
    next += units * 4;
    writeCached(m, b, units * 16);
    pushSmall(m, AT, b);
    return b;
  };
  return { m, add };
}

test("fresh small bins are empty, and the words given are enough", () => {
  const m = new Int32Array(AT + SMALL_BINS_WORDS + 1).fill(-1);
  initializeSmallBins(m, AT);
  assert.is(m[AT - 1], -1);
  assert.is(m[AT + SMALL_BINS_WORDS], -1);
  for (let units = 0; units <= SMALL_UNITS + 2; units++) {
    assert.is(popSmallest(m, AT, units, OWNER), 0);
    assert.is(smallBinHead(m, AT, units), 0);
    assert.is(smallBinCount(m, AT, units), 0);
  }
});

test("the words of all sizes lie apart", () => {
  const { m } = bench();
  for (let units = 2; units <= SMALL_UNITS; units++) setSmallBin(m, AT, units, 1000 + units, 2000 + units);
  for (let units = 2; units <= SMALL_UNITS; units++) {
    assert.equal([smallBinHead(m, AT, units), smallBinCount(m, AT, units)], [1000 + units, 2000 + units]);
  }
});

test("the smallest bin whose blocks are large enough gives the block put last", () => {
  const { m, add } = bench();
  const [small, first, second, large] = [add(3), add(33), add(33), add(SMALL_UNITS)];
  assert.is(smallBinCount(m, AT, 33), 2);
  assert.is(popSmallest(m, AT, 4, OWNER), second, "in the next word of the bitmap");
  assert.is(popSmallest(m, AT, 33, OWNER), first, "of that very size");
  assert.is(popSmallest(m, AT, 4, OWNER), large, "in the last word of the bitmap");
  assert.is(popSmallest(m, AT, 4, OWNER), 0);
  assert.is(popSmallest(m, AT, 2, OWNER), small);
  assert.is(popSmallest(m, AT, 2, OWNER), 0);
});

test("asked for more than any has, it ends at the end of the bitmap", () => {
  const { m, add } = bench();
  add(SMALL_UNITS);
  assert.is(popSmallest(m, AT, SMALL_UNITS + 1, OWNER), 0);
  assert.is(popSmallest(m, AT, SMALL_UNITS + 2, OWNER), 0);
  assert.is.not(popSmallest(m, AT, SMALL_UNITS, OWNER), 0);
});

test("put and taken at random, it gives what an ordinary list of lists gives", () => {
  const seed = testSeed("small bins");
  const random = new Random(seed);
  const { m, add } = bench();
  const model = Array.from({ length: SMALL_UNITS + 1 }, (): Block[] => []);
  for (let round = 0; round < 1000; round++) {
    const units = random.int(2, SMALL_UNITS);
    if (random.chance(0.45)) {
      model[units]!.push(add(units));
    } else {
      const found = model.findIndex((blocks, size) => size >= units && blocks.length > 0);
      assert.is(popSmallest(m, AT, units, OWNER), found < 0 ? 0 : model[found]!.pop(), `seed ${seed}`);
    }
    for (const [size, blocks] of model.entries()) {
      assert.equal(
        [smallBinHead(m, AT, size), smallBinCount(m, AT, size)],
        [blocks.at(-1) ?? 0, blocks.length],
      );
    }
  }
});

for (const [what, value] of [
  ["outside the heap", () => END * 4 + 2],
  ["to a negative word", () => -6],
  ["to a place without a header", () => FIRST + 30_000],
  ["to a live block", (m: Int32Array) => headerAt(m, 128, true)],
  ["to a block of another size", (m: Int32Array) => headerAt(m, 96, false)],
] as const) {
  test(`a head that leads ${what} is not followed, and its bin alone is dropped`, () => {
    const { m, add } = bench();
    const blocks = [add(8), add(8)];
    const larger = add(9);
    m[AT + 8] = value(m);
    throwsHeapError(
      () => popSmallest(m, AT, 5, OWNER),
      "ERR_HEAP_CORRUPT",
      /list of freed blocks leads to .* where none begins/,
    );
    assert.equal([smallBinHead(m, AT, 8), smallBinCount(m, AT, 8)], [0, 0]);
    for (const b of blocks) assert.ok(isCached(m, b), "to be found again");
    assert.is(popSmallest(m, AT, 5, OWNER), larger);
  });
}

function headerAt(m: Int32Array, size: number, live: boolean): Block {
  const b = (FIRST + 30_000) as Block;
  if (live) writeLive(m, b, size, -1);
  else writeCached(m, b, size);
  return b;
}

test("a block put into its bin is linked to the one before", () => {
  const { m, add } = bench();
  const [first, second] = [add(5), add(5)];
  assert.is(linkOf(m, second!), first);
  assert.is(linkOf(m, first!), 0);
});

test.run();
