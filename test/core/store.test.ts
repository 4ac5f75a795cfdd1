/**
 * The store: taking, carving and joining blocks in bins and wilderness. Runs whose pages were given
 * back are in store-gone.test.ts, segments that end in store-segments.test.ts, headers that lie in corrupt.test.ts.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isCached, isFree, isPreviousFree, nextOf } from "../../src/core/block.js";
import type { Block } from "../../src/core/memory.js";
import { NOTHING_CLEAN } from "../../src/core/wilderness.js";
import {
  bytesOf,
  charged,
  control,
  fakeHeap,
  footprintPages,
  join,
  limitTo,
  record,
  row,
  stepsOf,
  take,
  verify,
  withRun,
} from "../support/fake-heap.js";
import { PAGE } from "../support/fake-os.js";

test("take prefers the bins, then the wilderness, and gives 0 when neither has it", () => {
  const { of, run } = withRun(4096);
  const { store } = of.heap;
  const top = record(of, "top");
  assert.is(store.take(2048), run);
  assert.is(record(of, "top"), top);
  assert.is(store.take(4096), top, "the rest of the run is too small");
  assert.is(store.take(16 * 1024 * 1024), 0, "not committed");
  verify(of);
});

test("blocks from the wilderness are clean from its highest top on", () => {
  const of = fakeHeap();
  const { store } = of.heap;
  const b = take(of, 4096);
  assert.ok(store.cleanFrom <= b);
  join(of, b);
  const again = take(of, 8192);
  assert.is(again, b);
  assert.is(store.cleanFrom, b + 1024, "the lower half was in use before");
  const [, run] = row(of, 64, 4096, 64);
  join(of, run!);
  take(of, 4096);
  assert.is(store.cleanFrom, NOTHING_CLEAN, "from a bin");
});

for (const [neighbours, freedBelow, freedAbove, merges] of [
  ["neither neighbour", false, false, [0, 0]],
  ["the one below", true, false, [0, 1]],
  ["the one above", false, true, [1, 0]],
  ["both", true, true, [1, 1]],
] as const) {
  test(`a freed block is joined with ${neighbours} if free`, () => {
    const of = fakeHeap();
    const [guard, below, middle, above, end] = row(of, 64, 512, 1024, 2048, 64);
    if (freedBelow) join(of, below!);
    if (freedAbove) join(of, above!);
    join(of, middle!);
    const first = freedBelow ? below! : middle!;
    const bytes = 1024 + (freedBelow ? 512 : 0) + (freedAbove ? 2048 : 0);
    assert.ok(isFree(of.m, first));
    assert.is(bytesOf(of, first), bytes);
    assert.equal([record(of, "mergesForward"), record(of, "mergesBackward")], merges);
    assert.is(record(of, "freeBlocks"), 1);
    assert.is(isPreviousFree(of.m, end!), freedAbove);
    assert.not.ok(isFree(of.m, guard!) || isPreviousFree(of.m, guard!));
    verify(of);
  });
}

test("the last block becomes wilderness, and so does a free one below it", () => {
  const of = fakeHeap();
  const [first, below, last] = row(of, 64, 512, 1024);
  const top = record(of, "top");
  join(of, below!);
  join(of, last!);
  assert.is(record(of, "top"), below);
  assert.is(record(of, "high"), top);
  assert.is(record(of, "freeBlocks"), 0);
  assert.is(record(of, "blocks"), 1);
  join(of, first!);
  assert.is(record(of, "blocks"), 0);
  assert.is(record(of, "high"), top, "the highest top stays");
  verify(of);
});

test("joining reports what it did to a tracer", () => {
  const of = fakeHeap();
  const [, below, middle, above] = row(of, 64, 512, 1024, 2048, 64);
  const steps = stepsOf(of, () => {
    for (const b of [below, above, middle]) join(of, b!);
  });
  assert.equal(steps, ["merge forward", "merge backward"]);
});

test("carve takes blocks in a row from the wilderness, as many as are committed", () => {
  const of = fakeHeap();
  take(of, 64); // commits some
  const { store } = of.heap;
  const top = record(of, "top");
  assert.is(store.carve(48, 5), top);
  assert.is(store.carved, 5);
  for (let i = 0; i < 5; i++) {
    const b = (top + i * 12) as Block;
    assert.ok(isCached(of.m, b));
    assert.is(bytesOf(of, b), 48);
  }
  assert.is(record(of, "top"), top + 60);
  const room = Math.floor((record(of, "commit") - record(of, "top")) / 12);
  store.carve(48, 1_000_000);
  assert.is(store.carved, room);
  assert.is(store.carve(48, 5), 0);
  assert.is(store.carved, 0);
});

for (const [what, run, size, most, count, rest] of [
  ["from the upper end of a run", 4096, 64, 10, 10, 4096 - 640],
  ["as many as fit", 1024, 96, 100, 10, 64],
  ["the whole run", 1024, 64, 100, 16, 0],
  ["one fewer where too little for a block would be left", 1040, 64, 100, 15, 80],
  ["a single one from a run of less than two", 112, 64, 10, 1, 48],
  ["a single one with what is too small for a block", 80, 64, 10, 1, 0],
] as const) {
  test(`carve takes ${what}`, () => {
    const { of, run: b } = withRun(run);
    const { store } = of.heap;
    const first = store.carve(size, most);
    assert.is(store.carved, count);
    for (let i = 0, at = first; i < count; i++, at = nextOf(of.m, at)) {
      assert.ok(isCached(of.m, at) && bytesOf(of, at) >= size && bytesOf(of, at) < size + 32, `block ${i}`);
    }
    assert.is(record(of, "freeUnits"), rest / 16);
    assert.is(record(of, "blocks"), 2 + count + (rest > 0 ? 1 : 0));
    assert.ok(first >= b);
    // Cached blocks are in no stack here: release them, and everything must be as it was.
    let at = first;
    for (let i = 0; i < count; i++) {
      const above = nextOf(of.m, at);
      of.heap.release(at);
      at = above;
    }
    assert.is(bytesOf(of, b), run);
    verify(of);
  });
}

test("carve would rather have a run of which nothing is left over", () => {
  const of = fakeHeap();
  const [, smaller, , double] = row(of, 64, 80, 64, 96, 64);
  join(of, smaller!);
  join(of, double!);
  const { store } = of.heap;
  assert.is(store.carve(48, 10), double);
  assert.is(store.carved, 2);
  assert.ok(isFree(of.m, smaller!));
});

test("carveMore takes small runs alone, and none that is a little larger than the block", () => {
  const of = fakeHeap();
  const [, large, , sliver, , small] = row(of, 64, 9 * 48 + 32, 64, 64, 64, 128, 64);
  const { store } = of.heap;
  join(of, large!);
  assert.is(store.carveMore(48, 10), 0);
  join(of, small!);
  assert.is(store.carveMore(48, 10), small! + 32 / 4, "its upper end");
  assert.is(store.carved, 2);
  join(of, sliver!);
  assert.is(store.carveMore(48, 10), 0);
  assert.ok(isFree(of.m, large!) && isFree(of.m, sliver!));
});

test("carve tells a tracer of the split", () => {
  const { of } = withRun(4096);
  const steps = stepsOf(of, () => of.heap.store.carve(64, 8));
  assert.equal(steps, ["split"]);
});

test("takeAligned gives a whole free block in which the payload fits, or none", () => {
  const of = fakeHeap();
  const [, small, , big] = row(of, 64, 512, 64, 16384, 64);
  join(of, small!);
  join(of, big!);
  const { store } = of.heap;
  assert.is(store.takeAligned(1024, 4096), big);
  assert.is(bytesOf(of, big!), 16384);
  assert.not.ok(isFree(of.m, big!));
  assert.is(store.takeAligned(1024, 4096), 0);
  verify(of);
});

test("more is committed in steps that grow with the heap, and no step breaks the limit", () => {
  const of = fakeHeap();
  take(of, PAGE);
  const slack = record(of, "commit") - record(of, "top");
  assert.ok(slack * 4 > 32 * 1024 && slack * 4 <= 64 * 1024 + PAGE, "64 KiB at first");
  limitTo(of, 3);
  const room = Math.floor((record(of, "commit") - record(of, "top")) / 4) * 16;
  assert.is.not(
    of.heap.store.grow(room + 2 * PAGE + 2048),
    0,
    "a step of 64 KiB is too much, three pages are not",
  );
  assert.is(of.heap.store.grow(PAGE * 2), 0);
  assert.is(charged(of), control(of, "limitPages"));
  assert.ok(footprintPages(of) <= control(of, "limitPages"));
  verify(of);
});

test("extendIntoWilderness grows the last block, and leaves no header inside it", () => {
  const of = fakeHeap();
  const [below, last] = row(of, 64, 64);
  join(of, below!);
  const above = nextOf(of.m, last!);
  assert.ok(of.heap.store.extendIntoWilderness(last!, 4096));
  assert.is(bytesOf(of, last!), 4160);
  assert.ok(isPreviousFree(of.m, last!), "what it says of the one below stays");
  assert.is(of.heap.liveBlock(of.heap.window.pointerOf(above)), 0);
  assert.is(record(of, "top"), nextOf(of.m, last!));
  verify(of);
  limitTo(of, 0);
  assert.not.ok(of.heap.store.extendIntoWilderness(last!, 2 ** 20));
  assert.is(bytesOf(of, last!), 4160);
  verify(of);
});

test.run();
