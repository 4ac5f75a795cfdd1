/**
 * Hot sizes: which get a stack, how much they keep, and when it is joined after all.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isCached, isFree, sizeOf } from "../../src/core/block.js";
import { depthOf, HOT_STACKS, hasStack, MOST_UNITS } from "../../src/core/cache.js";
import { heats, hotUnits, initializeHot } from "../../src/core/hot.js";
import type { Block, Pointer } from "../../src/core/memory.js";
import { cacheOf } from "../../src/core/record.js";
import { type FakeHeap, fakeHeap, free, record, stepsOf, verify } from "../support/fake-heap.js";

const SIZE = 4088;
const UNITS = 256; // of a block for SIZE bytes
/** Requests that are certain to make a size hot. */
const OFTEN = 100;

function block(of: FakeHeap, pointer: Pointer): Block {
  return of.heap.window.blockOf(pointer);
}

/** Asks for a size again and again, as a program does that gives each block back at once. */
function heat(of: FakeHeap, size: number, times = OFTEN): void {
  for (let i = 0; i < times; i++) free(of, of.heap.popSmall(size) || of.heap.allocate(size));
}

/** A heap that holds `bytes` of small blocks. */
function grown(bytes: number): FakeHeap {
  const of = fakeHeap();
  for (let held = 0; held < bytes; held += 1024) of.heap.allocate(1000);
  return of;
}

function depth(of: FakeHeap, units: number): number {
  return depthOf(of.m, cacheOf(of.heap.record), units);
}

function isHot(of: FakeHeap, units: number): boolean {
  return hasStack(of.m, cacheOf(of.heap.record), units);
}

test("a size that is asked for often is kept, and handed out by the fast path", () => {
  const of = fakeHeap();
  assert.not(isHot(of, UNITS));
  heat(of, SIZE);
  assert.ok(isHot(of, UNITS));
  assert.is(depth(of, UNITS), 1);
  verify(of);
  const pointer = of.heap.popSmall(SIZE);
  assert.is.not(pointer, 0);
  assert.is(sizeOf(of.m, block(of, pointer)), UNITS * 16);
  assert.is(of.heap.popSmall(SIZE), 0);
  assert.ok(of.heap.freeSmall(pointer));
  assert.ok(isCached(of.m, block(of, pointer)));
  assert.not(of.heap.freeSmall(pointer), "free already");
  assert.is(of.heap.liveBlock(pointer), 0);
  verify(of);
});

test("a size that is asked for now and then is joined as it is freed", () => {
  const of = fakeHeap();
  for (let i = 0; i < 10; i++) {
    const pointer = of.heap.allocate(SIZE);
    const above = of.heap.allocate(SIZE);
    assert.not(of.heap.freeSmall(pointer));
    of.heap.freeBlock(block(of, pointer));
    assert.ok(isFree(of.m, block(of, pointer)));
    of.heap.freeBlock(block(of, above));
  }
  assert.not(isHot(of, UNITS));
  verify(of);
});

test("sizes beyond MOST_UNITS never are", () => {
  const of = grown(2 ** 21);
  const size = MOST_UNITS * 16 + 8;
  for (let i = 0; i < OFTEN; i++) {
    const pointer = of.heap.allocate(size);
    assert.not(of.heap.freeSmall(pointer));
    free(of, pointer);
  }
  for (let i = 0; i < HOT_STACKS; i++) assert.is(hotUnits(of.m, cacheOf(of.heap.record), i), 0);
  heat(of, size - 16);
  assert.ok(isHot(of, MOST_UNITS));
  verify(of);
});

test("of sizes that share a place, none is hot unless it is asked for more often than the others", () => {
  const m = new Int32Array(8192);
  initializeHot(m, 0);
  for (let i = 0; i < 1000; i++) assert.not(heats(m, 0, i % 2 === 0 ? 100 : 164));
  let hot = 0;
  for (let i = 0; i < 1000; i++) if (heats(m, 0, i % 3 === 0 ? 100 : 164)) hot++;
  assert.ok(hot > 5, `${hot}`);
});

test("a stack keeps a 64th of the heap, and grows with it", () => {
  const of = fakeHeap();
  heat(of, SIZE);
  const burst = (): number => {
    const pointers = Array.from({ length: 64 }, () => of.heap.popSmall(SIZE) || of.heap.allocate(SIZE));
    for (const pointer of pointers) free(of, pointer);
    verify(of);
    return depth(of, UNITS);
  };
  assert.is(burst(), 1, "in a small heap");
  for (let i = 0; i < 2048; i++) of.heap.allocate(1000);
  for (let i = 0; i < 4; i++) burst();
  const kept = depth(of, UNITS) * UNITS * 16;
  const extent = of.heap.store.extentUnits() * 16;
  assert.ok(kept > extent / 128 && kept <= extent / 64, `${kept} of ${extent}`);
});

test("in a small heap two sizes are hot; the third takes the stack of the first, whose blocks are joined", () => {
  const of = fakeHeap();
  heat(of, SIZE);
  heat(of, SIZE + 16);
  assert.ok(isHot(of, UNITS) && isHot(of, UNITS + 1));
  const kept = of.heap.popSmall(SIZE);
  free(of, kept);
  heat(of, SIZE + 32);
  assert.not(isHot(of, UNITS));
  assert.ok(isHot(of, UNITS + 1) && isHot(of, UNITS + 2));
  assert.not(isCached(of.m, block(of, kept)), "joined");
  verify(of);
});

test("a large heap has a stack for each of 16 sizes, and the next takes the oldest", () => {
  const of = grown(2 ** 21);
  for (let i = 0; i < HOT_STACKS; i++) heat(of, SIZE + 16 * i);
  for (let i = 0; i < HOT_STACKS; i++) assert.ok(isHot(of, UNITS + i), `${i}`);
  heat(of, SIZE + 16 * HOT_STACKS);
  assert.not(isHot(of, UNITS));
  verify(of);
});

test("what is kept is joined before more is committed", () => {
  const of = grown(2 ** 20);
  heat(of, SIZE);
  assert.is(depth(of, UNITS), 1);
  const commit = record(of, "commit");
  while (record(of, "commit") === commit) of.heap.allocate(2000);
  assert.is(depth(of, UNITS), 0);
  assert.ok(isHot(of, UNITS), "it stays hot");
  verify(of);
});

test("joining the cache empties the stacks of hot sizes, by a sweep as well", () => {
  for (const small of [0, 2000]) {
    const of = grown(2 ** 20);
    const pointers = Array.from({ length: small }, () => of.heap.allocate(500));
    heat(of, SIZE);
    for (const pointer of pointers) free(of, pointer);
    of.heap.joinCache();
    assert.is(depth(of, UNITS), 0);
    verify(of);
    heat(of, SIZE, 3);
    assert.is(depth(of, UNITS), 1);
    verify(of);
  }
});

test("a traced heap joins what it frees, and uses what is kept", () => {
  const of = fakeHeap();
  heat(of, SIZE);
  const wall = of.heap.allocate(SIZE + 160);
  stepsOf(of, () => {
    const pointer = of.heap.allocate(SIZE);
    assert.is(depth(of, UNITS), 0, "it was the one that was kept");
    of.heap.freeBlock(of.heap.liveBlock(pointer));
    assert.ok(isFree(of.m, block(of, pointer)));
  });
  assert.is(depth(of, UNITS), 0);
  free(of, wall);
  verify(of);
});

/** What is spilled after so many blocks of these sizes were freed in any order, and one more was asked for than stacks held. */
function spilledAfterRefill(count: number, ...sizes: number[]): number {
  const of = fakeHeap();
  const pointers = Array.from({ length: count }, (_, i) => {
    const size = sizes[i % sizes.length]!;
    return of.heap.popSmall(size) || of.heap.allocate(size);
  });
  // 7919 is prime to their number.
  for (let i = 0; i < pointers.length; i++) free(of, pointers[(i * 7919) % pointers.length]!);
  assert.ok(record(of, "spilledBlocks") > count - 1000);
  const [size] = sizes;
  while (of.heap.popSmall(size!) !== 0);
  const first = of.heap.allocate(size!);
  verify(of);
  const units = (size! + 23) >>> 4;
  if (record(of, "spilledBlocks") > 0) return record(of, "spilledBlocks");
  assert.is(of.heap.popSmall(size!), first + units * 16, "in the order of memory");
  return 0;
}

test("when most of the heap is spilled, it is joined before a stack is filled from it", () => {
  assert.is(spilledAfterRefill(20_000, 40, 60, 80, 100), 0);
});

test("when that is of few sizes, or less than a megabyte, the stack is filled from it", () => {
  assert.ok(spilledAfterRefill(20_000, 40, 60, 80) > 19_000);
  assert.ok(spilledAfterRefill(10_000, 40, 60, 80, 100) > 9000);
});

test.run();
