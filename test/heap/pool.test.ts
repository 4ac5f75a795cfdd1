/**
 * The pool: taking, stocking and coalescing blocks in bins, small bins, victim and wilderness. Blocks whose pages were given
 * back are in purged.test.ts, segments that end in wilderness.test.ts, headers that lie in corrupt.test.ts.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isCached, isFree, isIntactLive, isPreviousFree, nextOf } from "../../src/block/block.js";
import { countOf } from "../../src/heap/cache.js";
import { BATCH_BYTES } from "../../src/heap/pool.js";
import { smallBinCount, smallBinHead } from "../../src/heap/small-bins.js";
import { NOTHING_CLEAN } from "../../src/heap/wilderness.js";
import type { Block } from "../../src/memory/memory.js";
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
  const { pool } = of.heap;
  const top = record(of, "top");
  assert.is(pool.take(2048), run);
  assert.is(record(of, "top"), top);
  assert.is(pool.take(4096), top, "the rest of the run is too small");
  assert.is(pool.take(16 * 1024 * 1024), 0, "not committed");
  verify(of);
});

test("blocks from the wilderness are clean from its highest top on", () => {
  const of = fakeHeap();
  const { wilderness } = of.heap;
  const b = take(of, 4096);
  assert.ok(wilderness.cleanFrom <= b);
  join(of, b);
  const again = take(of, 8192);
  assert.is(again, b);
  assert.is(wilderness.cleanFrom, b + 1024, "the lower half was in use before");
  const [, run] = row(of, 64, 4096, 64);
  join(of, run!);
  take(of, 4096);
  assert.is(wilderness.cleanFrom, NOTHING_CLEAN, "from a bin");
});

for (const [neighbours, freedBelow, freedAbove, merges] of [
  ["neither neighbour", false, false, [0, 0]],
  ["the one below", true, false, [0, 1]],
  ["the one above", false, true, [1, 0]],
  ["both", true, true, [1, 1]],
] as const) {
  test(`a freed block is coalesced with ${neighbours} if free`, () => {
    const of = fakeHeap();
    const [guard, below, middle, above, end] = row(of, 64, 1536, 1040, 2048, 64);
    if (freedBelow) join(of, below!);
    if (freedAbove) join(of, above!);
    join(of, middle!);
    const first = freedBelow ? below! : middle!;
    const bytes = 1040 + (freedBelow ? 1536 : 0) + (freedAbove ? 2048 : 0);
    assert.ok(isFree(of.m, first));
    assert.is(bytesOf(of, first), bytes);
    assert.equal([record(of, "coalescedForward"), record(of, "coalescedBackward")], merges);
    assert.is(record(of, "freeBlocks"), 1);
    assert.is(isPreviousFree(of.m, end!), freedAbove);
    assert.not.ok(isFree(of.m, guard!) || isPreviousFree(of.m, guard!));
    verify(of);
  });
}

test("the last block becomes wilderness, and so does a free one below it", () => {
  const of = fakeHeap();
  const [first, below, last] = row(of, 2048, 1536, 1040);
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

test("coalescing reports what it did to a tracer", () => {
  const of = fakeHeap();
  const [, below, middle, above] = row(of, 64, 1536, 1040, 2048, 64);
  const steps = stepsOf(of, () => {
    for (const b of [below, above, middle]) join(of, b!);
  });
  assert.equal(steps, ["coalesce forward", "coalesce backward"]);
});

test("an empty wilderness has nothing to refill from; a committed one gives a batch at once", () => {
  for (const size of [32, 48, 64, 112, 512, 1008, 1024]) {
    const of = fakeHeap();
    while (of.heap.pool.refill(1024) || of.heap.pool.refill(32)) {}
    take(of, 48 * 1024); // commits more
    const units = size / 16;
    const before = countOf(of.m, of.heap.cache, units);
    const top = record(of, "top");
    const blocks = record(of, "blocks");
    const count = Math.floor(BATCH_BYTES / size);
    assert.ok(of.heap.pool.refill(size));
    assert.is(record(of, "top"), top + (count * size) / 4);
    assert.is(record(of, "blocks"), blocks + count);
    assert.is(countOf(of.m, of.heap.cache, units), before + count);
    for (let i = 0; i < count; i++) {
      assert.is(of.heap.popSmall(size - 8), of.heap.window.pointerOf((top + (i * size) / 4) as Block));
    }
  }
});

test("no more is stocked than is committed, and in the end nothing", () => {
  const of = fakeHeap();
  take(of, 2048);
  row(of, ((record(of, "commit") - record(of, "top")) * 4 - 160) & -16);
  assert.ok(of.heap.pool.refill(48));
  assert.is(countOf(of.m, of.heap.cache, 3), 3);
  assert.not.ok(of.heap.pool.refill(64));
  verify(of);
});

test("blocks are carved one after the other from the lower end of a free block, what is left is the victim", () => {
  const { of, run } = withRun(8192);
  assert.ok(of.heap.pool.refill(96));
  const count = Math.floor(BATCH_BYTES / 96);
  for (let i = 0; i < count; i++) {
    assert.is(of.heap.popSmall(88), of.heap.window.pointerOf((run + 24 * i) as Block));
  }
  assert.is(of.heap.popSmall(88), 0);
  const victim = record(of, "victim") as Block;
  assert.is(victim, run + 24 * count);
  assert.is(bytesOf(of, victim), 8192 - 96 * count);
  assert.ok(isCached(of.m, victim));
  assert.equal([record(of, "freeBlocks"), record(of, "blocks")], [0, 2 + count + 1]);
  verify(of);
  assert.ok(of.heap.pool.refill(32), "of another size");
  assert.is(of.heap.popSmall(24), of.heap.window.pointerOf(victim), "it goes on where the last ended");
  verify(of);
});

test("a victim is used up to its last byte, and never leaves what is too small for a block", () => {
  for (let bytes = 1040; bytes <= 1040 + 512; bytes += 16) {
    const { of } = withRun(bytes);
    const top = record(of, "top");
    const size = 112;
    let got = 0;
    for (let rounds = 0; record(of, "top") === top && rounds < 100; rounds++) {
      assert.ok(of.heap.pool.refill(size));
      verify(of);
      while (of.heap.popSmall(size - 8) !== 0) got++;
    }
    const victim = record(of, "victim") as Block;
    const left = victim === 0 ? 0 : bytesOf(of, victim);
    assert.ok(left < size || left === size + 16, `${left} of ${bytes} bytes are left`);
    assert.ok(got >= Math.floor((bytes - 16) / size) - 1);
  }
});

test("a victim that is too small is kept in its small bin when a free block replaces it", () => {
  const of = fakeHeap();
  const [, source, , larger] = row(of, 64, 1040, 64, 2048, 64);
  join(of, source!);
  assert.ok(of.heap.pool.refill(480));
  const old = record(of, "victim") as Block;
  assert.is(bytesOf(of, old), 80);
  join(of, larger!);
  while (of.heap.popSmall(472) !== 0) {}
  assert.ok(of.heap.pool.refill(160));
  assert.is(smallBinHead(of.m, of.heap.pool.smallBins, 5), old);
  assert.is(of.heap.popSmall(152), of.heap.window.pointerOf(larger!));
  verify(of);
});

test("blocks of the smallest larger small bin are split before the victim is carved", () => {
  const of = fakeHeap();
  const [, source, , larger, , smaller] = row(of, 64, 1040, 64, 960, 64, 512, 64);
  join(of, source!);
  assert.ok(of.heap.pool.refill(480));
  const victim = record(of, "victim") as Block;
  for (const b of [larger!, smaller!]) join(of, b);
  while (of.heap.popSmall(472) !== 0) {}
  assert.ok(of.heap.pool.refill(64), "the victim has 80 bytes, and would leave 16");
  assert.is(record(of, "victim"), victim);
  assert.is(of.heap.popSmall(56), of.heap.window.pointerOf(smaller!));
  assert.is(bytesOf(of, smallBinHead(of.m, of.heap.pool.smallBins, 448 / 16)), 448, "the rest");
  verify(of);
});

test("the victim is at most 64 KiB of a free block, whose rest stays in its bin", () => {
  const { of, run } = withRun(2 ** 20);
  assert.ok(of.heap.pool.refill(64));
  assert.is(bytesOf(of, record(of, "victim") as Block), 65_536 - BATCH_BYTES);
  const rest = (run + 65_536 / 4) as Block;
  assert.ok(isFree(of.m, rest));
  assert.is(bytesOf(of, rest), 2 ** 20 - 65_536);
  verify(of);
});

test("a larger block is taken from the victim when no bin has one, whole if no block fits in the rest", () => {
  const most = 8192 - BATCH_BYTES;
  for (const [size, left] of [
    [4096, most - 4096],
    [most - 16, 0],
    [most, 0],
  ] as const) {
    const { of } = withRun(8192);
    assert.ok(of.heap.pool.refill(64));
    const victim = record(of, "victim") as Block;
    assert.is(of.heap.pool.take(size), victim);
    assert.is(bytesOf(of, victim), left === 0 ? most : size);
    assert.ok(isIntactLive(of.m, victim, of.heap.secret));
    const next = record(of, "victim") as Block;
    assert.is(next, left === 0 ? 0 : victim + size / 4);
    if (left > 0) assert.is(bytesOf(of, next), left);
    verify(of);
  }
  const { of } = withRun(8192);
  assert.ok(of.heap.pool.refill(64));
  const top = record(of, "top");
  assert.is(of.heap.pool.take(most + 16), top, "too large for it: from the wilderness");
  verify(of);
});

test("blocks move from a small bin to their list in its order, no more than a batch at once", () => {
  const of = fakeHeap();
  const batch = Math.floor(BATCH_BYTES / 96);
  const blocks = row(of, ...Array.from({ length: 3 * batch }, () => [96, 64]).flat()).filter(
    (_, i) => i % 2 === 0,
  );
  for (const b of blocks) join(of, b);
  of.heap.consolidate();
  const bin = of.heap.pool.smallBins;
  assert.is(smallBinCount(of.m, bin, 6), 3 * batch);
  for (let from = 0; from < 3 * batch; from += batch) {
    assert.ok(of.heap.pool.refill(96));
    assert.is(smallBinCount(of.m, bin, 6), 2 * batch - from);
    verify(of);
    for (let i = 0; i < batch; i++) {
      assert.is(of.heap.popSmall(88), of.heap.window.pointerOf(blocks[from + i]!));
    }
    assert.is(of.heap.popSmall(88), 0);
  }
  assert.is(smallBinHead(of.m, bin, 6), 0);
});

test("blocks are moved only up to one whose link or header is none", () => {
  for (const spoil of [
    (m: Int32Array, b: Block) => (m[b + 1] = 0x3ffffffe),
    (m: Int32Array, b: Block) => (m[b + 1] = b - 4),
    (m: Int32Array, b: Block) => (m[m[b + 1]!] = 112 | 4),
  ]) {
    const of = fakeHeap();
    const blocks = row(of, ...Array.from({ length: 8 }, () => [96, 64]).flat()).filter((_, i) => i % 2 === 0);
    for (const b of blocks) join(of, b);
    of.heap.consolidate();
    spoil(of.m, blocks[2]!);
    assert.ok(of.heap.pool.refill(96));
    assert.is(countOf(of.m, of.heap.cache, 6), 3);
    for (let i = 0; i < 3; i++) assert.is(of.heap.popSmall(88), of.heap.window.pointerOf(blocks[i]!));
    assert.is(of.heap.popSmall(88), 0, "the stray one is not handed out");
  }
});

test("a small bin's larger block is taken whole when nothing fits better", () => {
  const of = fakeHeap();
  const [, small, , large] = row(of, 64, 96, 64, 512, 64);
  for (const b of [small!, large!]) join(of, b);
  assert.is(of.heap.pool.takeLarger(128), large);
  assert.ok(isIntactLive(of.m, large!, of.heap.secret));
  assert.is(of.heap.pool.takeLarger(128), 0);
  assert.is(of.heap.pool.takeLarger(96), small);
  verify(of);
});

test("carving a victim tells a tracer of the splits", () => {
  const { of } = withRun(4096);
  const steps = stepsOf(of, () => of.heap.pool.refill(64));
  assert.ok(steps.length > 0 && steps.every((step) => step === "split"));
});

test("takeAligned gives a whole free block in which the payload fits, or none", () => {
  const of = fakeHeap();
  const [, small, , big] = row(of, 64, 1536, 64, 16384, 64);
  join(of, small!);
  join(of, big!);
  const { pool } = of.heap;
  assert.is(pool.takeAligned(1024, 4096), big);
  assert.is(bytesOf(of, big!), 16384);
  assert.not.ok(isFree(of.m, big!));
  assert.is(pool.takeAligned(1024, 4096), 0);
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
    of.heap.wilderness.grow(room + 2 * PAGE + 2048),
    0,
    "a step of 64 KiB is too much, three pages are not",
  );
  assert.is(of.heap.wilderness.grow(PAGE * 2), 0);
  assert.is(charged(of), control(of, "limitPages"));
  assert.ok(footprintPages(of) <= control(of, "limitPages"));
  verify(of);
});

test("extendInto grows the last block, and leaves no header inside it", () => {
  const of = fakeHeap();
  const [below, last] = row(of, 2048, 64);
  join(of, below!);
  const above = nextOf(of.m, last!);
  assert.ok(of.heap.wilderness.extendInto(last!, 4096));
  assert.is(bytesOf(of, last!), 4160);
  assert.ok(isPreviousFree(of.m, last!), "what it says of the one below stays");
  assert.is(of.heap.liveBlock(of.heap.window.pointerOf(above)), 0);
  assert.is(record(of, "top"), nextOf(of.m, last!));
  verify(of);
  limitTo(of, 0);
  assert.not.ok(of.heap.wilderness.extendInto(last!, 2 ** 20));
  assert.is(bytesOf(of, last!), 4160);
  verify(of);
});

test.run();
