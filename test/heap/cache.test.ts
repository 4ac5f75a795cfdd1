/**
 * The cache on an ordinary Int32Array: lists of one size each, what they count, and heads that lie.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isCached, linkOf, linkTo, MIN_BLOCK, writeCached, writeLive } from "../../src/block/block.js";
import {
  CACHE_WORDS,
  CACHED_UNITS,
  cachedUnits,
  countOf,
  forEachCached,
  grantMore,
  headOf,
  initializeCache,
  LEFT,
  MAX_CACHED,
  pop,
  push,
  pushMany,
  setList,
} from "../../src/heap/cache.js";
import { OWNERS } from "../../src/memory/control.js";
import type { Block } from "../../src/memory/memory.js";
import { throwsHeapError } from "../support/throws.js";

const AT = 8192;
const SECRET = -77777777;
const END = 65536;
const OWNER = 7;
const FIRST = 16386;

function words(): Int32Array {
  const m = new Int32Array(END);
  m[OWNERS] = OWNER;
  initializeCache(m, AT);
  return m;
}

function cached(m: Int32Array, i: number, units: number): Block {
  const b = (FIRST + i * units * 4) as Block;
  writeCached(m, b, units * 16);
  return b;
}

/** A list of so many blocks, in the order in which they went in. */
function filled(m: Int32Array, units: number, count = 5): Block[] {
  const blocks = Array.from({ length: count }, (_, i) => cached(m, i, units));
  for (const b of blocks) push(m, AT, b);
  return blocks;
}

function left(m: Int32Array, units: number): number {
  return m[AT + 4 * units + LEFT]!;
}

test("every size of a block up to MAX_CACHED has a list that takes 64 KiB at first, and no other has", () => {
  assert.is(MAX_CACHED, CACHED_UNITS * 16);
  const m = words();
  for (let units = 2; units <= CACHED_UNITS; units++) {
    assert.is(left(m, units), Math.floor(65536 / (units * 16)));
    assert.is(countOf(m, AT, units), 0);
  }
  for (const units of [0, 1]) assert.is(left(m, units), 0);
});

test("a fresh cache is empty, and the words given are enough", () => {
  const m = new Int32Array(AT + CACHE_WORDS + 1).fill(-1);
  initializeCache(m, AT);
  assert.is(m[AT - 1], -1);
  assert.is(m[AT + CACHE_WORDS], -1);
  for (let units = 0; units <= CACHED_UNITS; units++) {
    assert.is(pop(m, AT, units, OWNER), 0);
    assert.is(headOf(m, AT, units), 0);
    assert.is(countOf(m, AT, units), 0);
  }
  assert.is(cachedUnits(m, AT), 0);
});

test("what went in last comes out first, and is counted", () => {
  for (let units = 2; units <= CACHED_UNITS; units++) {
    const m = words();
    const blocks = filled(m, units);
    assert.is(countOf(m, AT, units), 5);
    assert.is(cachedUnits(m, AT), 5 * units);
    for (const [i, b] of blocks.reverse().entries()) {
      assert.is(headOf(m, AT, units), b);
      assert.is(pop(m, AT, units, OWNER), b);
      assert.is(countOf(m, AT, units), 4 - i);
    }
    assert.is(pop(m, AT, units, OWNER), 0);
    assert.is(pop(m, AT, units, OWNER), 0, "an empty list stays empty");
    assert.is(countOf(m, AT, units), 0);
  }
});

test("the lists of neighbouring sizes do not touch one another", () => {
  const m = words();
  const blocks: Block[] = [];
  let b = FIRST;
  for (let units = 2; units <= CACHED_UNITS; units++) {
    writeCached(m, b as Block, units * 16);
    push(m, AT, b as Block);
    blocks.push(b as Block);
    b += MIN_BLOCK / 4;
  }
  for (let units = CACHED_UNITS; units >= 2; units--) {
    assert.is(countOf(m, AT, units), 1);
    assert.is(pop(m, AT, units, OWNER), blocks[units - 2]);
  }
});

test("under the closed lists every list is empty and full, and the real ones keep what they have", () => {
  const m = words();
  const [b] = filled(m, 4, 1);
  const closed = 40_000; // words that are 0, as those of CLOSED_LISTS are
  for (let units = 0; units <= CACHED_UNITS; units++) {
    assert.is(pop(m, closed, units, OWNER), 0);
    assert.is(m[closed + 4 * units + LEFT], 0);
  }
  assert.is(pop(m, AT, 4, OWNER), b);
});

test("several blocks go in at once, in front of what is there", () => {
  const m = words();
  const [old] = filled(m, 8, 1);
  const more = [cached(m, 10, 8), cached(m, 11, 8), cached(m, 12, 8)];
  for (const [i, b] of more.entries()) linkTo(m, b, more[i + 1] ?? old!);
  pushMany(m, AT, 8, more[0]!, 3);
  assert.is(countOf(m, AT, 8), 4);
  for (const b of [...more, old!]) assert.is(pop(m, AT, 8, OWNER), b);
});

test("a list may take more blocks when it is granted some, and counts the same", () => {
  const m = words();
  filled(m, 8, 3);
  for (let i = left(m, 8); i > 0; i--) push(m, AT, cached(m, 10 + i, 8));
  assert.is(left(m, 8), 0);
  const [head, count] = [headOf(m, AT, 8), countOf(m, AT, 8)];
  grantMore(m, AT, 8);
  assert.equal([headOf(m, AT, 8), countOf(m, AT, 8), left(m, 8)], [head, count, 512]);
  setList(m, AT, 8, 0, 0);
  assert.equal([headOf(m, AT, 8), countOf(m, AT, 8), left(m, 8)], [0, 0, 512]);
});

for (const [what, value] of [
  ["outside the heap", () => END * 4 + 2],
  ["to a negative word", () => -6],
  ["to a place without a header", () => FIRST + 3000],
  ["to a live block", live],
  ["to a block of another size", (m: Int32Array) => cached(m, 50, 6)],
] as const) {
  for (const depth of [0, 2]) {
    test(`a link after ${depth} blocks that leads ${what} is not followed, and the list is dropped`, () => {
      const m = words();
      const blocks = filled(m, 8).reverse();
      const stray = value(m);
      if (depth === 0) m[AT + 4 * 8] = stray;
      else linkTo(m, blocks[depth - 1]!, stray);
      for (let i = 0; i < depth; i++) assert.is(pop(m, AT, 8, OWNER), blocks[i]);
      const before = m.slice();
      throwsHeapError(
        () => pop(m, AT, 8, OWNER),
        "ERR_HEAP_CORRUPT",
        /list of freed blocks leads to .* where none begins/,
      );
      assert.equal([headOf(m, AT, 8), countOf(m, AT, 8)], [0, 0]);
      assert.is(pop(m, AT, 8, OWNER), 0);
      for (let i = 0; i < 4; i++) before[AT + 32 + i] = m[AT + 32 + i]!;
      assert.equal(m, before, "nothing else was changed");
      for (const b of blocks.slice(depth)) assert.ok(isCached(m, b), "to be found again");
    });
  }
}

function live(m: Int32Array): Block {
  const b = cached(m, 50, 8);
  writeLive(m, b, 128, SECRET);
  return b;
}

test("a block of another heap is not handed out", () => {
  const m = words();
  filled(m, 8);
  m[OWNERS] = OWNER + 4;
  throwsHeapError(() => pop(m, AT, 8, OWNER), "ERR_HEAP_CORRUPT");
});

test("a list is visited in its order, and one that was bent into a ring ends when enough was seen", () => {
  const m = words();
  const blocks = filled(m, 8).reverse();
  const seen: Block[] = [];
  forEachCached(m, headOf(m, AT, 8), 100, (b) => seen.push(b));
  assert.equal(seen, blocks);
  linkTo(m, blocks[3]!, blocks[1]!);
  let visits = 0;
  forEachCached(m, headOf(m, AT, 8), 90, () => visits++);
  assert.is(visits, 90);
});

test("a visitor that throws is asked before a link is read", () => {
  const m = words();
  const [last] = filled(m, 8).reverse();
  linkTo(m, last!, -6);
  const seen: number[] = [];
  const visit = (b: Block) => {
    if (b < 0) throw new Error("outside");
    seen.push(b);
  };
  assert.throws(() => forEachCached(m, headOf(m, AT, 8), 90, visit), /outside/);
  assert.equal(seen, [last]);
});

test("a forgotten cache is empty, and what was in it still says that it is cached", () => {
  const m = words();
  const blocks = filled(m, 8);
  initializeCache(m, AT);
  assert.is(pop(m, AT, 8, OWNER), 0);
  for (const b of blocks) assert.ok(isCached(m, b));
  push(m, AT, blocks[0]!);
  assert.is(linkOf(m, blocks[0]!), 0);
});

test.run();
