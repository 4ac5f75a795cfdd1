/**
 * Free runs: the counts that go with them, resizing one, cutting one in two.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isCached, isFree, isGone, isPreviousFree, isSealedLive, nextOf } from "../../src/core/block.js";
import { push } from "../../src/core/cache.js";
import type { Block } from "../../src/core/memory.js";
import { Rec } from "../../src/core/record.js";
import {
  bytesOf,
  type FakeHeap,
  fakeHeap,
  join,
  record,
  row,
  same,
  snapshot,
  stepsOf,
  verify,
  withRun,
} from "../support/fake-heap.js";
import { PAGE } from "../support/fake-os.js";
import { throwsHeapError } from "./throws.js";

test("put and remove keep the counts of blocks and bytes", () => {
  const { of, run } = withRun(4096);
  assert.equal([record(of, "freeBlocks"), record(of, "freeUnits")], [1, 256]);
  const { runs } = of.heap.store;
  assert.is(runs.find(4096), run);
  assert.is(runs.remove(run), 0);
  assert.equal([record(of, "freeBlocks"), record(of, "freeUnits")], [0, 0]);
  assert.is(runs.find(32), 0);
  runs.put(run, 4096);
  verify(of);
});

test("removing a run that was given back tells how many pages, once", () => {
  const { of, run } = withRun(10 * PAGE);
  const { runs } = of.heap.store;
  assert.is(runs.innerPages(run, 10 * PAGE), 9);
  runs.setGone(run, 9);
  runs.setGone(run, 7);
  assert.is(record(of, "gonePages"), 7);
  assert.is(runs.remove(run), 7);
  assert.is(record(of, "gonePages"), 0);
});

test("innerPages of a run smaller than a page is none", () => {
  const { of, run } = withRun(512);
  assert.is(of.heap.store.runs.innerPages(run, 512), 0);
});

test("resizing within a bin touches no list; into another bin it moves", () => {
  for (const to of [1024 + 16, 1024 + 48, 4096]) {
    const { of, run } = withRun(8192);
    const { runs } = of.heap.store;
    runs.cut(run, 8192 - 1024);
    const rest = nextOf(of.m, run);
    assert.is(bytesOf(of, rest), 1024);
    // The block grows over what is above it, which a caller would have joined: here it is the live end block.
    const above = nextOf(of.m, rest);
    assert.is(runs.resize(rest, to), 0);
    assert.is(bytesOf(of, rest), to);
    assert.is(of.m[rest + to / 4 - 1], to, "the footer");
    assert.equal([record(of, "freeBlocks"), record(of, "freeUnits")], [1, to / 16]);
    assert.is(runs.find(to), rest);
    assert.ok(above > rest);
  }
});

test("resizing a run that was given back says so, and it is whole again", () => {
  const { of, run } = withRun(10 * PAGE);
  const { runs } = of.heap.store;
  runs.setGone(run, 9);
  assert.is(runs.resize(run, 10 * PAGE + 16), 9);
  assert.not.ok(isGone(of.m, run));
  assert.is(record(of, "gonePages"), 0);
});

for (const [what, bytes, size] of [
  ["into another bin", 4096, 2048],
  ["that keeps the bin", 65536 + 2048, 32],
  ["of the smallest size", 64, 32],
] as const) {
  test(`cutting leaves a remainder ${what}`, () => {
    const { of, run } = withRun(bytes);
    const remainder = of.heap.store.runs.cut(run, size);
    assert.is(remainder, run + size / 4);
    assert.is(bytesOf(of, run), size);
    assert.ok(isSealedLive(of.m, run, of.heap.secret));
    assert.is(bytesOf(of, remainder), bytes - size);
    assert.ok(isFree(of.m, remainder) && isPreviousFree(of.m, nextOf(of.m, remainder)));
    assert.is(record(of, "splits"), 1);
    verify(of);
  });
}

test("a remainder in the same bin stands where the run stood", () => {
  const of = fakeHeap();
  const blocks = row(of, 64, 67584, 64, 67584, 64, 67584, 64);
  for (const b of [blocks[1]!, blocks[3]!, blocks[5]!]) join(of, b);
  of.heap.store.runs.cut(blocks[3]!, 1024);
  verify(of);
  assert.is(of.heap.store.runs.find(67584 - 1024), nextOf(of.m, blocks[3]!));
});

test("cutting takes the whole run when no block fits in the rest", () => {
  for (const size of [4096, 4080]) {
    const { of, run } = withRun(4096);
    assert.is(of.heap.store.runs.cut(run, size), 0);
    assert.is(bytesOf(of, run), 4096);
    assert.not.ok(isPreviousFree(of.m, nextOf(of.m, run)));
    assert.is(record(of, "splits"), 0);
    verify(of);
  }
});

test("a cut of a run that was given back leaves a remainder that is not marked so", () => {
  const { of, run } = withRun(64 * PAGE);
  const { runs } = of.heap.store;
  runs.setGone(run, 63);
  const remainder = runs.cut(run, 64);
  assert.ok(isFree(of.m, remainder) && !isGone(of.m, remainder));
  assert.is(record(of, "gonePages"), 0);
});

test("a run whose links were overwritten is not found, and verify says so", () => {
  for (const size of [65536, 4096, 32]) {
    const { of, run } = withRun(65536);
    of.m[run + 2] = 12345;
    const before = snapshot(of);
    throwsHeapError(() => of.heap.store.runs.find(size), "ERR_HEAP_CORRUPT");
    throwsHeapError(() => of.heap.store.take(size), "ERR_HEAP_CORRUPT");
    throwsHeapError(() => of.heap.store.carve(size, 4), "ERR_HEAP_CORRUPT");
    throwsHeapError(() => of.heap.store.runs.verify(run), "ERR_HEAP_CORRUPT");
    same(of, before);
  }
});

/** Free blocks of 96 bytes between live ones, the one that lies in its bin first at the end. */
function scattered(count: number): { of: FakeHeap; free: Block[] } {
  const of = fakeHeap();
  const free = row(of, ...Array.from({ length: 2 * count }, () => [96, 64]).flat())
    .filter((_, i) => i % 2 === 0)
    .slice(0, count);
  for (const b of free) join(of, b);
  return { of, free };
}

function takeExact(of: FakeHeap, size: number, most: number): number[] {
  const { runs } = of.heap.store;
  const to = of.m.length - 128; // words that nothing else uses
  const count = runs.takeExact(size, to, most);
  return Array.from(of.m.subarray(to, to + count));
}

test("blocks of exactly one size are taken out of their bin together, the last that came first", () => {
  for (const most of [1, 3, 7, 8, 100]) {
    const { of, free } = scattered(8);
    const count = Math.min(most, 8);
    const expected = [...free].reverse().slice(0, count);
    assert.equal(takeExact(of, 96, most), expected);
    for (const b of expected) {
      assert.ok(isCached(of.m, b) && !isFree(of.m, b));
      assert.not.ok(isPreviousFree(of.m, nextOf(of.m, b)));
      push(of.m, of.heap.cache, 6, b);
    }
    assert.equal([record(of, "freeBlocks"), record(of, "freeUnits")], [8 - count, (8 - count) * 6]);
    assert.is(of.heap.store.runs.find(96), count === 8 ? 0 : free[7 - count]);
    verify(of);
  }
});

test("no other size is taken with them, and none from a bin of several sizes", () => {
  const { of } = scattered(4);
  const before = snapshot(of);
  for (const size of [32, 80, 112, 1008]) assert.equal(takeExact(of, size, 10), []);
  same(of, before);
  const [run] = row(of, 1024, 2000);
  join(of, run!);
  assert.equal(takeExact(of, 1024, 10), []);
  verify(of);
});

for (const [what, word, value] of [
  ["a link to the next one that leads outside the heap", 2, () => 12345],
  ["a link to the one before that leads elsewhere", 3, (b: Block) => b],
] as const) {
  test(`no block is taken where the list cannot be closed behind it: ${what}`, () => {
    for (const before of [0, 3, 7]) {
      const { of, free } = scattered(8);
      const spoilt = free[7 - before]!;
      of.m[spoilt + word] = value(spoilt);
      const whole = snapshot(of);
      assert.equal(takeExact(of, 96, 8), []);
      same(of, whole);
    }
  });
}

for (const [what, word, value] of [
  ["a size that is another's", 0, 64 | 2],
  ["a header that says that it is live", 0, 96],
  ["a check word that was overwritten", 1, 0x41414141],
] as const) {
  test(`blocks are taken only up to one with ${what}`, () => {
    for (const before of [0, 3, 7]) {
      const { of, free } = scattered(8);
      of.m[free[7 - before]! + word] = value;
      assert.equal(takeExact(of, 96, 8), [...free].reverse().slice(0, before));
    }
  });
}

test("a tracer hears of a split", () => {
  const { of, run } = withRun(4096);
  assert.equal(
    stepsOf(of, () => of.heap.store.runs.cut(run, 64)),
    ["split"],
  );
});

test("the counts belong to the record, not to the object", () => {
  const { of } = withRun(4096);
  assert.is(of.m[of.heap.record + Rec.freeBlocks], 1);
});

test.run();
