/**
 * Searching bins on an ordinary Int32Array: the best of a few, never too small, never past the end of the bitmap.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findFit, findWhere, unlink } from "../../src/block/bins.js";
import { MAX_BLOCK } from "../../src/block/block.js";
import type { Block } from "../../src/memory/memory.js";
import { throwsHeapError } from "../support/throws.js";
import { AT, bench, END, FIRST, OWNER } from "./bins-bench.js";

test("findFit takes the exact bin, else the next filled one", () => {
  const { m, add } = bench();
  const [small, middle, big] = [add(1040), add(1984), add(2 ** 20)];
  assert.is(findFit(m, AT, 1040, OWNER), small);
  assert.is(findFit(m, AT, 1088, OWNER), middle, "in the same word of the bitmap");
  assert.is(findFit(m, AT, 2000, OWNER), big, "in a later word");
  assert.is(findFit(m, AT, 2 ** 20, OWNER), big);
  assert.is(findFit(m, AT, 2 ** 20 + 16, OWNER), 0, "a little too small");
});

test("findFit never gives a block that is too small, and finds one wherever a bin is sure to fit", () => {
  const { m, add } = bench();
  const sizes = [1040, 1056, 1072, 1088, 5000 - (5000 % 16), 2 ** 16, 2 ** 20 + 4096];
  for (const size of sizes) add(size);
  for (let size = 32; size < 2 ** 20; size += 48) {
    const b = findFit(m, AT, size, OWNER);
    assert.ok(b !== 0 && (m[b]! & ~15) >= size, `${size}`);
  }
});

test("findFit takes the best of its own bin, and an exact one at once", () => {
  const { m, add } = bench();
  const exact = add(1040);
  add(1072);
  const close = add(1056);
  add(1072);
  assert.is(findFit(m, AT, 1040, OWNER), exact);
  unlink(m, AT, exact);
  assert.is(findFit(m, AT, 1040, OWNER), close);
});

test("findFit looks at a few blocks of its own bin only, then takes a larger bin", () => {
  const { m, add } = bench();
  add(1072);
  for (let i = 0; i < 8; i++) add(1040);
  assert.is(findFit(m, AT, 1072, OWNER), 0, "eight that are too small lie in front");
  const larger = add(4096);
  assert.is(findFit(m, AT, 1072, OWNER), larger);
});

test("findFit in the last bins ends at the end of the bitmap", () => {
  const { m, add } = bench();
  add(MAX_BLOCK - 16);
  assert.is(findFit(m, AT, MAX_BLOCK, OWNER), 0);
  assert.is.not(findFit(m, AT, 2 ** 29, OWNER), 0);
});

test("findWhere looks through a few blocks of a few bins, smallest first, for one that is accepted", () => {
  const { m, add } = bench();
  const small = add(1040);
  const [second, first] = [add(1600), add(1600)];
  const larger = add(4096);
  const asked: Block[] = [];
  const all = findWhere(m, AT, 1500, OWNER, (b) => {
    asked.push(b);
    return false;
  });
  assert.is(all, 0);
  assert.equal(asked, [first, second, larger]);
  assert.is(
    findWhere(m, AT, 1500, OWNER, (b) => b === second),
    second,
  );
  assert.is(
    findWhere(m, AT, 1500, OWNER, (b) => b === larger),
    larger,
  );
  assert.is(
    findWhere(m, AT, 32, OWNER, () => true),
    small,
  );
  assert.is(
    findWhere(m, AT, 8192, OWNER, () => true),
    0,
  );
});

test("findWhere skips blocks of the first bin that are too small, and gives up after a few bins", () => {
  const { m, add } = bench();
  const [fits] = [add(1072), add(1040)];
  assert.is(
    findWhere(m, AT, 1056, OWNER, () => true),
    fits,
  );
  for (let bin = 0; bin < 10; bin++) add(2048 << bin);
  let asked = 0;
  findWhere(m, AT, 2048, OWNER, () => ++asked < 0);
  assert.ok(asked >= 4 && asked <= 8, `${asked}`);
});

test("a link that was overwritten is not followed", () => {
  for (const link of [END, -4, FIRST + 400]) {
    const { m, add } = bench();
    add(1072);
    const last = add(1040);
    m[last + 2] = link;
    throwsHeapError(() => findFit(m, AT, 1056, OWNER), "ERR_HEAP_CORRUPT");
    throwsHeapError(() => findWhere(m, AT, 1056, OWNER, () => true), "ERR_HEAP_CORRUPT");
  }
});

test.run();
