/**
 * Bins on an ordinary Int32Array: which size goes where, the bitmap, rings, the search, and links that lie.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  BIN_COUNT,
  BINS_WORDS,
  binOf,
  binState,
  checkLinks,
  findFit,
  forEachBinned,
  initializeBins,
  LEAST_BINNED,
  link,
  replace,
  unlink,
} from "../../src/block/bins.js";
import { MAX_BLOCK, writeFree } from "../../src/block/block.js";
import type { Block } from "../../src/memory/memory.js";
import { throwsHeapError } from "../support/throws.js";
import { AT, bench, END, FIRST, OWNER } from "./bins-bench.js";

function contents(m: Int32Array): Map<number, number[]> {
  const found = new Map<number, number[]>();
  forEachBinned(m, AT, 10_000, OWNER, 0, (b, bin) => found.set(bin, [...(found.get(bin) ?? []), b]));
  return found;
}

function isConsistent(m: Int32Array): boolean {
  for (let bin = 0; bin < BIN_COUNT; bin++) {
    const { marked, filled } = binState(m, AT, bin);
    if (marked !== filled) return false;
  }
  return true;
}

test("every doubling has 16 bins, each a sixteenth wide", () => {
  assert.is(binOf(LEAST_BINNED), 0);
  assert.is(binOf(1024 + 48), 0);
  assert.is(binOf(1024 + 64), 1);
  assert.is(binOf(2048 - 16), 15);
  assert.is(binOf(2048), 16);
  for (let doubling = 1024; doubling < 2 ** 30; doubling *= 2) {
    for (let sub = 0; sub < 16; sub++) {
      const least = doubling + (sub * doubling) / 16;
      const most = least + doubling / 16 - 16;
      assert.is(binOf(least), binOf(most));
      assert.is(binOf(most + 16), binOf(least) + 1);
    }
  }
});

test("bins rise with sizes, and the largest block has one", () => {
  let last = binOf(LEAST_BINNED + 16);
  assert.is(last, 0);
  for (let size = LEAST_BINNED + 16; size < 2 ** 20; size += 16) {
    const bin = binOf(size);
    assert.ok(bin === last || bin === last + 1, `${size}`);
    last = bin;
  }
  assert.is(binOf(MAX_BLOCK), BIN_COUNT - 1);
});

test("fresh bins are empty and marked so, and the words given are enough", () => {
  const m = new Int32Array(AT + BINS_WORDS + 1).fill(-1);
  initializeBins(m, AT);
  assert.ok(isConsistent(m));
  assert.is(m[AT - 1], -1);
  assert.is(m[AT + BINS_WORDS], -1);
  assert.is(findFit(m, AT, LEAST_BINNED + 16, OWNER), 0);
});

test("link puts a block first in its bin and marks the bin", () => {
  const { m, add } = bench();
  const [first, second, other] = [add(2048), add(2048), add(4096)];
  assert.equal(contents(m).get(binOf(2048)), [second, first]);
  assert.equal(contents(m).get(binOf(4096)), [other]);
  assert.ok(isConsistent(m));
});

test("unlink takes a block from the front, the middle and the end of its ring", () => {
  for (const victim of [0, 1, 2]) {
    const { m, add } = bench();
    const blocks = [add(2080), add(2080), add(2080)];
    unlink(m, AT, blocks[victim]!);
    const left = blocks.filter((_, i) => i !== victim).reverse();
    assert.equal(contents(m).get(binOf(2080)), left);
    assert.ok(isConsistent(m));
  }
});

test("the last block out clears the bit, and the last bit of a word clears the summary", () => {
  const { m, add } = bench();
  const [one, two, far] = [add(1040), add(1104), add(2 ** 20)];
  unlink(m, AT, one);
  assert.ok(isConsistent(m));
  assert.is(m[AT]! & 1, 1, "another bin of that word is filled");
  unlink(m, AT, two);
  assert.is(m[AT]! & 1, 0);
  assert.is.not(m[AT], 0, "another word is filled");
  unlink(m, AT, far);
  assert.is(m[AT], 0);
  assert.ok(isConsistent(m));
  assert.is(contents(m).size, 0);
});

for (const [what, word, value] of [
  ["next leads outside", 2, END],
  ["next is negative", 2, -8],
  ["next leads to another place", 2, FIRST + 400],
  ["previous leads outside", 3, END + 5],
  ["previous is negative", 3, -1],
  ["previous leads to another place", 3, FIRST + 400],
] as const) {
  test(`checkLinks refuses a block whose ${what}`, () => {
    const { m, add } = bench();
    add(2048);
    const b = add(2048);
    add(2048);
    m[b + word] = value;
    const before = m.slice();
    throwsHeapError(() => checkLinks(m, b, OWNER), "ERR_HEAP_CORRUPT", /was written to|none begins/);
    assert.equal(m, before);
  });
}

test("replace puts a block in another's place in the ring", () => {
  for (const victim of [0, 1, 2]) {
    const { m, add } = bench();
    const blocks = [add(2080), add(2080), add(2080)];
    const substitute = (FIRST + 4002) as Block;
    m[substitute] = 2080 | 2;
    replace(m, blocks[victim]!, substitute);
    blocks[victim] = substitute;
    assert.equal(contents(m).get(binOf(2080)), blocks.reverse());
    assert.ok(isConsistent(m));
    checkLinks(m, substitute, OWNER);
  }
});

test("visiting stops after as many blocks as there can be", () => {
  const { m, add } = bench();
  for (let i = 0; i < 10; i++) add(2048 + 128 * (i % 3));
  let visits = 0;
  forEachBinned(m, AT, 7, OWNER, 0, () => visits++);
  assert.is(visits, 7);
});

test("visiting refuses a ring that was bent, wherever the link leads", () => {
  for (const link of [END, -4, FIRST + 400, FIRST + 10]) {
    const { m, add } = bench();
    const [first] = [add(2048), add(2048)];
    m[first! + 2] = link;
    throwsHeapError(() => forEachBinned(m, AT, 100, OWNER, 0, () => {}), "ERR_HEAP_CORRUPT");
  }
});

test("a footer does not reach the links of the smallest block", () => {
  const { m } = bench();
  const b = (FIRST + 2) as Block;
  link(m, AT, b, LEAST_BINNED + 16);
  const links = m.slice(b + 2, b + 4);
  writeFree(m, b, LEAST_BINNED + 16, 1);
  assert.equal(m.slice(b + 2, b + 4), links);
});

test.run();
