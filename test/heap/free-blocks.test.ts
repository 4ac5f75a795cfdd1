/**
 * Free blocks in their bins: the counts that go with them, raising one, cutting one in two.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findFit } from "../../src/block/bins.js";
import { innerPages, isFree, isIntactLive, isPreviousFree, nextOf } from "../../src/block/block.js";
import { notePurged } from "../../src/heap/purge.js";
import { binsOf, Rec } from "../../src/heap/record.js";
import { smallBinHead } from "../../src/heap/small-bins.js";
import type { Block } from "../../src/memory/memory.js";
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
import { throwsHeapError } from "../support/throws.js";

/** The free block that a request for `size` bytes gets. */
function find(of: FakeHeap, size: number): Block {
  return findFit(of.m, binsOf(of.heap.record), size, of.heap.record);
}

test("put and remove keep the counts of blocks and bytes", () => {
  const { of, run } = withRun(4096);
  assert.equal([record(of, "freeBlocks"), record(of, "freeUnits")], [1, 256]);
  const { pool } = of.heap;
  assert.is(find(of, 4096), run);
  assert.is(pool.freeBlocks.remove(run), 0);
  assert.equal([record(of, "freeBlocks"), record(of, "freeUnits")], [0, 0]);
  assert.is(find(of, 1040), 0);
  pool.freeBlocks.put(run, 4096);
  verify(of);
});

test("removing a run that was given back tells how many pages, once", () => {
  const { of, run } = withRun(10 * PAGE);
  const { pool } = of.heap;
  assert.is(innerPages(run, 10 * PAGE, PAGE), 9);
  notePurged(of.heap.wilderness, run, 9);
  notePurged(of.heap.wilderness, run, 7);
  assert.is(record(of, "purgedPages"), 7);
  assert.is(pool.freeBlocks.remove(run), 7);
  assert.is(record(of, "purgedPages"), 0);
});

test("innerPages of a run smaller than a page is none", () => {
  const { run } = withRun(2048);
  assert.is(innerPages(run, 512, PAGE), 0);
});

test("a block that begins higher and stays in its bin keeps its place there", () => {
  const of = fakeHeap();
  const blocks = row(of, 64, 67584, 64, 67584, 64, 67584, 64);
  for (const b of [blocks[1]!, blocks[3]!, blocks[5]!]) join(of, b);
  const start = (blocks[3]! + 256) as Block;
  const before = record(of, "freeUnits");
  assert.ok(of.heap.pool.freeBlocks.raise(blocks[3]!, start, 67584 - 1024));
  assert.is(record(of, "freeUnits"), before - 64);
  assert.is(find(of, 67584), blocks[5]);
  of.heap.pool.freeBlocks.remove(blocks[5]!);
  of.heap.pool.freeBlocks.remove(blocks[1]!);
  assert.is(find(of, 2048), start);
});

test("a block is not raised into another bin, below the sizes of bins, or when pages of it were given back", () => {
  const { of, run } = withRun(65536);
  const before = snapshot(of);
  assert.not.ok(of.heap.pool.freeBlocks.raise(run, (run + 4096) as Block, 65536 - 16384));
  assert.not.ok(of.heap.pool.freeBlocks.raise(run, (run + 16384 - 256) as Block, 1024));
  same(of, before);
  notePurged(of.heap.wilderness, run, 3);
  assert.not.ok(of.heap.pool.freeBlocks.raise(run, (run + 4) as Block, 65536 - 16));
});

for (const [what, bytes, size] of [
  ["into another bin", 4096, 2048],
  ["that keeps the bin", 65536 + 2048, 32],
  ["that is cached", 2048, 1056],
] as const) {
  test(`cutting leaves a remainder ${what}`, () => {
    const { of, run } = withRun(bytes);
    of.heap.pool.freeBlocks.cut(run, size);
    const remainder = nextOf(of.m, run);
    assert.is(remainder, run + size / 4);
    assert.is(bytesOf(of, run), size);
    assert.ok(isIntactLive(of.m, run, of.heap.secret));
    assert.is(bytesOf(of, remainder), bytes - size);
    const large = bytes - size > 1024;
    assert.equal([isFree(of.m, remainder), isPreviousFree(of.m, nextOf(of.m, remainder))], [large, large]);
    assert.is(smallBinHead(of.m, of.heap.pool.smallBins, (bytes - size) / 16), large ? 0 : remainder);
    assert.is(record(of, "splits"), 1);
    verify(of);
  });
}

test("a remainder in the same bin stands where the run stood", () => {
  const of = fakeHeap();
  const blocks = row(of, 64, 67584, 64, 67584, 64, 67584, 64);
  for (const b of [blocks[1]!, blocks[3]!, blocks[5]!]) join(of, b);
  of.heap.pool.freeBlocks.cut(blocks[3]!, 1024);
  verify(of);
  assert.is(find(of, 67584 - 1024), nextOf(of.m, blocks[3]!));
});

test("cutting takes the whole run when no block fits in the rest", () => {
  for (const size of [4096, 4080]) {
    const { of, run } = withRun(4096);
    of.heap.pool.freeBlocks.cut(run, size);
    assert.is(bytesOf(of, run), 4096);
    assert.not.ok(isPreviousFree(of.m, nextOf(of.m, run)));
    assert.is(record(of, "splits"), 0);
    verify(of);
  }
});

test("a run whose links were overwritten is not found, and verify says so", () => {
  for (const size of [65536, 4096, 1040]) {
    const { of, run } = withRun(65536);
    of.m[run + 2] = 12345;
    const before = snapshot(of);
    throwsHeapError(() => find(of, size), "ERR_HEAP_CORRUPT");
    throwsHeapError(() => of.heap.pool.take(size), "ERR_HEAP_CORRUPT");
    throwsHeapError(() => of.heap.pool.refill(64), "ERR_HEAP_CORRUPT");
    throwsHeapError(() => of.heap.pool.takeAffordable(size), "ERR_HEAP_CORRUPT");
    same(of, before);
  }
});

test("a tracer hears of a split", () => {
  const { of, run } = withRun(4096);
  assert.equal(
    stepsOf(of, () => of.heap.pool.freeBlocks.cut(run, 64)),
    ["split"],
  );
});

test("the counts belong to the record, not to the object", () => {
  const { of } = withRun(4096);
  assert.is(of.m[of.heap.record + Rec.freeBlocks], 1);
});

test.run();
