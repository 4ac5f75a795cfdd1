/**
 * The cache on an ordinary Int32Array: stacks, what spills from them, and lists whose links lie.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isCached, writeFreed } from "../../src/core/block.js";
import { bundlesOf, forEachSpilled } from "../../src/core/bundles.js";
import {
  CACHE_WORDS,
  CACHED_UNITS,
  capacityOf,
  closedTops,
  depthOf,
  emptyCache,
  entryOf,
  initializeCache,
  MAX_CACHED,
  pop,
  push,
  roomOf,
} from "../../src/core/cache.js";
import { OWNERS } from "../../src/core/control.js";
import type { Block } from "../../src/core/memory.js";
import { throwsHeapError } from "./throws.js";

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

function freed(m: Int32Array, i: number, units: number): Block {
  const b = (FIRST + i * units * 4) as Block;
  writeFreed(m, b, units * 16, SECRET);
  return b;
}

/** A stack filled to the brim, its blocks in the order in which they went in. */
function full(m: Int32Array, units: number): Block[] {
  const blocks = Array.from({ length: capacityOf(units) }, (_, i) => freed(m, i, units));
  for (const b of blocks) assert.ok(push(m, AT, units, b));
  return blocks;
}

function spilled(m: Int32Array, units: number): Block[] {
  const found: Block[] = [];
  forEachSpilled(m, AT, units, 1000, (b) => found.push(b));
  return found;
}

test("every size of a block up to MAX_CACHED has a stack, and no other has", () => {
  assert.is(MAX_CACHED, CACHED_UNITS * 16);
  for (let units = 2; units <= CACHED_UNITS; units++) {
    assert.ok(capacityOf(units) >= 8 && capacityOf(units) <= 63, `${units}`);
    assert.ok(capacityOf(units) <= capacityOf(units - 1) || units === 2, "larger blocks, fewer of them");
  }
  const m = words();
  for (let units = 0; units <= CACHED_UNITS; units++) assert.is(roomOf(m, AT, units), capacityOf(units));
  for (const units of [0, 1, CACHED_UNITS + 1, 1000]) assert.is(capacityOf(units), 0);
});

test("a fresh cache is empty, and the words given are enough", () => {
  const m = new Int32Array(AT + CACHE_WORDS + 1).fill(-1);
  initializeCache(m, AT);
  assert.is(m[AT - 1], -1);
  assert.is(m[AT + CACHE_WORDS], -1);
  for (let units = 0; units <= CACHED_UNITS; units++) {
    assert.is(pop(m, AT, units), 0);
    assert.is(depthOf(m, AT, units), 0);
    assert.is(bundlesOf(m).unspill(AT, units, SECRET, OWNER), 0);
  }
});

test("what went in last comes out first, exactly as many as fit", () => {
  for (let units = 2; units <= CACHED_UNITS; units++) {
    const m = words();
    const blocks = full(m, units);
    assert.is(depthOf(m, AT, units), blocks.length);
    assert.not.ok(push(m, AT, units, freed(m, 99, units)), "full");
    assert.is(entryOf(m, AT, units, 0), blocks[0]);
    for (const b of blocks.reverse()) assert.is(pop(m, AT, units), b);
    assert.is(pop(m, AT, units), 0);
    assert.is(pop(m, AT, units), 0, "an empty stack stays empty");
  }
});

test("the stacks of neighbouring sizes do not touch one another", () => {
  const m = words();
  for (let units = 2; units <= CACHED_UNITS; units++) {
    while (push(m, AT, units, (units * 1000 + depthOf(m, AT, units) + 1) as Block));
  }
  for (let units = CACHED_UNITS; units >= 2; units--) {
    for (let depth = capacityOf(units); depth > 0; depth--) {
      assert.is(pop(m, AT, units), units * 1000 + depth);
    }
  }
});

test("sizes that do not exist are empty and full at once", () => {
  const m = words();
  for (const units of [0, 1]) {
    assert.not.ok(push(m, AT, units, 1234 as Block));
    assert.is(pop(m, AT, units), 0);
  }
});

test("under the closed tops every stack is empty and full, and the real ones keep what they have", () => {
  const m = words();
  const b = freed(m, 0, 4);
  push(m, AT, 4, b);
  for (let units = 0; units <= CACHED_UNITS; units++) {
    assert.is(pop(m, closedTops(AT), units), 0);
    assert.not.ok(push(m, closedTops(AT), units, 1234 as Block));
  }
  assert.is(pop(m, AT, 4), b);
});

test("spilling moves the older half into the list and keeps the younger in order", () => {
  for (const units of [2, 9, 33, CACHED_UNITS]) {
    const m = words();
    const blocks = full(m, units);
    const count = spill(m, units);
    assert.is(count, Math.ceil(blocks.length / 2));
    assert.equal(spilled(m, units).sort(), blocks.slice(0, count).sort());
    assert.is(depthOf(m, AT, units), blocks.length - count);
    for (const b of blocks.slice(count).reverse()) assert.is(pop(m, AT, units), b);
    assert.is(pop(m, AT, units), 0);
  }
});

test("what spilled at once comes back at once, in the order in which it went", () => {
  for (let units = 2; units <= CACHED_UNITS; units++) {
    const m = words();
    const blocks = full(m, units);
    const count = spill(m, units);
    for (let depth = depthOf(m, AT, units); depth > 0; depth--) pop(m, AT, units);
    const back = take(m, units);
    const atLeast = Math.min(count, 5);
    assert.ok(back >= atLeast && back <= Math.max(5, capacityOf(units) / 2 + 1), `${back} of ${count}`);
    for (const b of blocks.slice(count - back, count).reverse()) assert.is(pop(m, AT, units), b);
  }
});

test("what spills later is taken back first, a bundle at a time, down to the last", () => {
  for (const units of [2, 3, 8, 40, CACHED_UNITS]) {
    const m = words();
    const blocks = full(m, units);
    spill(m, units);
    while (push(m, AT, units, freed(m, blocks.length, units)));
    for (let depth = depthOf(m, AT, units); depth > 0; depth--) pop(m, AT, units);
    const listed = spilled(m, units);
    const back: Block[] = [];
    for (let count = take(m, units); count > 0; count = take(m, units)) {
      assert.is(depthOf(m, AT, units), count);
      for (let i = 0; i < count; i++) back.push(pop(m, AT, units));
    }
    assert.equal(back.sort(), listed.sort(), `${units}`);
    assert.equal(spilled(m, units), []);
  }
});

test("the list of one size is not touched by another's", () => {
  const m = words();
  full(m, 8);
  spill(m, 8);
  assert.is(take(m, 9), 0);
  assert.is.not(take(m, 8), 0);
});

function spill(m: Int32Array, units: number): number {
  return bundlesOf(m).spill(AT, units);
}

function take(m: Int32Array, units: number): number {
  return bundlesOf(m).unspill(AT, units, SECRET, OWNER);
}

for (const [what, value] of [
  ["outside the heap", () => END + 2],
  ["to a negative word", () => -6],
  ["between two blocks", (_: Int32Array, b: number) => b + 1],
  ["to a place without a header", () => FIRST + 3000],
  ["to a live block", live],
  ["to a block of another size", (m: Int32Array) => freed(m, 50, 6)],
] as const) {
  for (const [where, word] of [
    ["link", 2],
    ["entry", 4],
  ] as const) {
    test(`the ${where} of a bundle that leads ${what} is refused, and the list is dropped`, () => {
      const m = words();
      full(m, 8);
      spill(m, 8);
      const [first] = spilled(m, 8);
      m[first! + word] = value(m, first!);
      for (let depth = depthOf(m, AT, 8); depth > 0; depth--) pop(m, AT, 8);
      if (where === "link") for (let count = take(m, 8); count > 0; count--) pop(m, AT, 8);
      throwsHeapError(() => take(m, 8), "ERR_HEAP_CORRUPT", /was overwritten/);
      assert.is(take(m, 8), 0);
      assert.is(depthOf(m, AT, 8), 0);
    });
  }
}

test("a list that was bent into a ring hands no block out twice", () => {
  const m = words();
  full(m, 8);
  spill(m, 8);
  const [first] = spilled(m, 8);
  const carried = m[first! + 3]!;
  m[first! + 2] = first!;
  for (let depth = depthOf(m, AT, 8); depth > 0; depth--) pop(m, AT, 8);
  const once = new Set<number>();
  for (let count = take(m, 8); count > 0; count--) once.add(pop(m, AT, 8));
  assert.is(once.size, carried + 1, "one bundle");
  throwsHeapError(() => take(m, 8), "ERR_HEAP_CORRUPT", /was overwritten/);
});

test("a bundle that claims to carry more than fits, or less than none, is refused", () => {
  for (const count of [29, 32, 1000, -1]) {
    const m = words();
    full(m, 8);
    spill(m, 8);
    m[spilled(m, 8)[0]! + 3] = count;
    for (let depth = depthOf(m, AT, 8); depth > 0; depth--) pop(m, AT, 8);
    throwsHeapError(() => take(m, 8), "ERR_HEAP_CORRUPT");
    assert.is(take(m, 8), 0);
  }
});

test("whichever word of a spilled block is overwritten, what comes back is what spilled, or an error", () => {
  for (const units of [2, 3, 4, 8, 9, 40, CACHED_UNITS]) {
    let refused = 0;
    const count = Math.ceil(capacityOf(units) / 2);
    for (let spoilt = 0; spoilt < count; spoilt++) {
      for (let word = 2; word < units * 4; word++) {
        const m = words();
        const blocks = full(m, units).slice(0, count);
        const other = freed(m, 500, 8);
        spill(m, units);
        m[blocks[spoilt]! + word] = units === 8 ? live(m) : other;
        for (let depth = depthOf(m, AT, units); depth > 0; depth--) pop(m, AT, units);
        const back = taken(m, units);
        if (back.length === 0) refused++;
        else assert.equal(back, [...blocks].reverse(), `units ${units}, block ${spoilt}, word ${word}`);
      }
    }
    assert.is(refused, count, `units ${units}: each number but the first, and how many there are`);
  }
});

/** What comes back of one bundle, the first to be handed out first; nothing when it is refused. */
function taken(m: Int32Array, units: number): Block[] {
  try {
    return Array.from({ length: take(m, units) }, () => pop(m, AT, units));
  } catch {
    return [];
  }
}

function live(m: Int32Array): Block {
  const b = freed(m, 50, 8);
  m[b] = m[b]! & ~4;
  return b;
}

test("a forgotten cache is empty, and what was in it still says that it is cached", () => {
  const m = words();
  const blocks = full(m, 8);
  spill(m, 8);
  emptyCache(m, AT);
  assert.is(pop(m, AT, 8), 0);
  assert.is(take(m, 8), 0);
  for (const b of blocks) assert.ok(isCached(m, b));
  assert.ok(push(m, AT, 8, blocks[0]!));
});

test("a list that was bent into a loop ends when enough was seen", () => {
  const m = words();
  full(m, 8);
  spill(m, 8);
  const [first] = spilled(m, 8);
  m[first! + 2] = first!;
  let visits = 0;
  forEachSpilled(m, AT, 8, 90, () => visits++);
  assert.ok(visits >= 90 && visits < 100, `${visits}`);
});

test.run();
