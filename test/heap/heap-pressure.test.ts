/**
 * A heap that runs short: limits, giving back what lies idle, and what it says of its size.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { countOf } from "../../src/heap/cache.js";
import type { Pointer } from "../../src/memory/memory.js";
import {
  bytesOf,
  charged,
  control,
  fakeHeap,
  footprintPages,
  free,
  giveBack,
  join,
  limitTo,
  row,
  setControl,
  take,
  takeBlock,
  verify,
} from "../support/fake-heap.js";
import { MIB, PAGE } from "../support/fake-os.js";

test("out of memory is 0, and the heap goes on", () => {
  const of = fakeHeap();
  limitTo(of, 0);
  const blocks: Pointer[] = [];
  for (;;) {
    const pointer = of.heap.allocate(48);
    if (pointer === 0) break;
    blocks.push(pointer);
  }
  assert.is(of.heap.allocate(5000), 0);
  verify(of);
  assert.is(footprintPages(of), control(of, "limitPages"));
  for (const pointer of blocks) free(of, pointer);
  assert.is.not(of.heap.allocate(48), 0);
  verify(of);
});

test("at the limit, free pages elsewhere are given back for a block that they cannot hold", () => {
  const of = fakeHeap({ trimThreshold: 2 ** 40 });
  const blocks = row(of, 64, ...Array.from({ length: 20 }, () => 16 * PAGE), 64);
  for (let i = 1; i < 20; i += 2) join(of, blocks[i]!);
  limitTo(of, 0);
  assert.is(takeBlock(of.heap, 400 * PAGE), 0, "more than all of them together");
  const b = take(of, 80 * PAGE);
  assert.is(bytesOf(of, b), 80 * PAGE);
  assert.ok(charged(of) <= control(of, "limitPages"));
  verify(of);
});

test("at the limit a run is found that lies behind many of its bin which are too small", () => {
  const of = fakeHeap();
  const small = row(of, ...Array.from({ length: 24 }, (_, i) => (i % 2 === 0 ? 2064 : 1104)));
  const [wanted] = row(of, 2144, 1104);
  limitTo(of, 0);
  while (takeBlock(of.heap, 64) !== 0) {} // what is committed
  join(of, wanted!);
  for (let i = 0; i < 24; i += 2) join(of, small[i]!);
  assert.is(take(of, 2144), wanted);
  verify(of);
});

test("trim joins the cache and gives back every whole free page", () => {
  const of = fakeHeap({ trimThreshold: 2 ** 40 });
  const pointers = Array.from({ length: 2000 }, () => of.heap.allocate(500));
  const full = footprintPages(of);
  for (const pointer of pointers) free(of, pointer);
  assert.is(footprintPages(of), full);
  const bytes = of.heap.trim();
  assert.ok(bytes > 900_000 && footprintPages(of) < full - 200, `${bytes} bytes`);
  assert.is(of.heap.trim(), 0);
  verify(of);
});

test("pressure tells the footprint and the limit in bytes", () => {
  const of = fakeHeap();
  assert.is(of.heap.pressure().limit, Number.POSITIVE_INFINITY);
  const before = of.heap.pressure().footprint;
  take(of, MIB);
  const grown = of.heap.pressure().footprint - before;
  assert.ok(grown >= MIB - PAGE && grown <= MIB + PAGE, `${grown}`);
  setControl(of, "limitPages", 1000);
  assert.is(of.heap.pressure().limit, 1000 * PAGE);
});

test("the peak is the highest footprint that there was, also when a large block is freed", () => {
  const of = fakeHeap();
  take(of, 70_000);
  take(of, PAGE); // leaves some that is charged and not touched
  const pointer = of.heap.large.allocate(MIB, 16);
  const highest = footprintPages(of);
  of.heap.large.free(pointer);
  assert.is(control(of, "peakPages"), highest);
});

test("the peak is not raised by what is refused", () => {
  const of = fakeHeap();
  for (let i = 0; i < 300 || countOf(of.m, of.heap.cache, 2) > 0; i++) of.heap.allocate(24);
  const highest = footprintPages(of);
  const charges = charged(of);
  limitTo(of, 100);
  const tooMuch = control(of, "limitPages") - highest + 1;
  assert.is(of.heap.allocateLarge(tooMuch * PAGE - 100, 16), 0);
  assert.ok(charged(of) < charges, "what was never touched was given up for it");
  assert.ok(control(of, "peakPages") <= highest, `${control(of, "peakPages")} pages, ${highest} at most`);
});

test("at the limit the last cached block counts", () => {
  const of = fakeHeap({ trimThreshold: 2 ** 40 });
  const pointers = Array.from({ length: 30 }, () => of.heap.allocate(200));
  limitTo(of, 0);
  while (of.heap.pool.take(4096) !== 0);
  while (of.heap.pool.refill(32)) while (of.heap.popSmall(24) !== 0);
  for (const pointer of pointers) free(of, pointer);
  const b = take(of, 4096);
  assert.is(bytesOf(of, b), 4096);
  verify(of);
});

test("at the limit pages given back may be what a block in the wilderness or a run needs", () => {
  const of = fakeHeap({ trimThreshold: 2 ** 40 });
  const [, gone, , idle] = row(of, 64, 64 * PAGE, 64, 40 * PAGE, 64);
  join(of, gone!);
  assert.is(giveBack(of, gone!), 63);
  join(of, idle!);
  limitTo(of, 20);
  assert.is(take(of, 50 * PAGE), gone, "used once the idle run's pages were given back");
  assert.ok(charged(of) <= control(of, "limitPages"));
  verify(of);
});

test("at the limit, idle pages make room for a mapping", () => {
  const of = fakeHeap({ trimThreshold: 2 ** 40 });
  const [, run] = row(of, 64, MIB, 64);
  join(of, run!);
  limitTo(of, 0);
  const pointer = of.heap.allocate(MIB / 2);
  assert.ok(of.heap.large.sizeOf(pointer) >= 0);
  assert.ok(charged(of) <= control(of, "limitPages"));
  assert.is(of.heap.allocate(8 * MIB), 0, "that much does not lie idle");
  verify(of);
});

test.run();
