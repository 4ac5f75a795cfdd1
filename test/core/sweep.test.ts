/**
 * The sweep: one walk that joins all that is free or cached, and makes bins, flags and footers again.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { initializeBins } from "../../src/core/bins.js";
import {
  FENCE_BYTES,
  gonePages,
  isFree,
  isPreviousFree,
  markCached,
  markPreviousFree,
  markPreviousLive,
  nextOf,
} from "../../src/core/block.js";
import { initializeCache } from "../../src/core/cache.js";
import type { Block } from "../../src/core/memory.js";
import { binsOf, cacheOf, Rec } from "../../src/core/record.js";
import { sweep, sweepVerified } from "../../src/core/sweep.js";
import {
  bytesOf,
  charged,
  type FakeHeap,
  fakeHeap,
  free,
  giveBack,
  join,
  record,
  row,
  same,
  snapshot,
  take,
  verify,
} from "../support/fake-heap.js";
import { MIB, PAGE } from "../support/fake-os.js";
import { Random, testSeed } from "../support/seed.js";
import { throwsHeapError } from "./throws.js";

/** Marks blocks cached without putting them anywhere: as they are when the cache was forgotten. */
function forget(of: FakeHeap, ...blocks: Block[]): void {
  for (const b of blocks) markCached(of.m, b);
}

test("nothing to join: nothing changes but the order of bins", () => {
  const of = fakeHeap();
  const [, run, , end] = row(of, 64, 4096, 64, 64);
  join(of, run!);
  sweep(of.heap.store);
  verify(of);
  assert.equal([record(of, "freeBlocks"), record(of, "freeUnits"), record(of, "blocks")], [1, 256, 4]);
  assert.not.ok(isPreviousFree(of.m, end!));
  assert.is(of.heap.store.runs.find(4096), run);
});

test("cached and free neighbours become one, whatever their order", () => {
  for (const pattern of ["c", "cc", "cf", "fc", "cfc", "fcf", "ccfcc"]) {
    const of = fakeHeap();
    const blocks = row(of, 64, ...[...pattern].map((_, i) => 128 + 64 * i), 64);
    const inside = blocks.slice(1, -1);
    for (const [i, b] of inside.entries()) if (pattern[i] === "f") join(of, b);
    forget(of, ...inside.filter((_, i) => pattern[i] === "c"));
    sweep(of.heap.store);
    verify(of);
    const bytes = inside.reduce((sum, _, i) => sum + 128 + 64 * i, 0);
    assert.is(bytesOf(of, inside[0]!), bytes, pattern);
    assert.ok(isFree(of.m, inside[0]!) && isPreviousFree(of.m, blocks.at(-1)!));
    assert.is(record(of, "blocks"), 3);
  }
});

test("what lies below the wilderness becomes wilderness", () => {
  const of = fakeHeap();
  const [keep, one, two, three] = row(of, 64, 512, 1024, 2048);
  const top = record(of, "top");
  join(of, two!);
  forget(of, one!, three!);
  sweep(of.heap.store);
  assert.is(record(of, "top"), one);
  assert.is(record(of, "high"), top);
  assert.is(record(of, "blocks"), 1);
  assert.is(bytesOf(of, keep!), 64);
  verify(of);
});

test("runs that were given back stay so, alone and joined", () => {
  const of = fakeHeap({ trimThreshold: 2 ** 40 });
  const [, lone, , joined, cached] = row(of, 64, 32 * PAGE, 64, 32 * PAGE, 64, 64);
  const before = charged(of);
  for (const run of [lone!, joined!]) {
    join(of, run);
    giveBack(of, run);
  }
  forget(of, cached!);
  sweep(of.heap.store);
  verify(of);
  assert.equal([gonePages(of.m, lone!), gonePages(of.m, joined!)], [31, 31]);
  assert.is(charged(of), before - 62);
  assert.is(record(of, "gonePages"), 62);
});

test("a run that was given back and becomes wilderness stays given back", () => {
  const of = fakeHeap({ trimThreshold: 2 ** 40 });
  const [, run, last] = row(of, 64, 32 * PAGE, 64);
  const before = charged(of);
  join(of, run!);
  giveBack(of, run!);
  forget(of, last!);
  sweep(of.heap.store);
  verify(of);
  assert.ok(charged(of) <= before - 31);
  assert.is(record(of, "gonePages"), 0);
  assert.is(record(of, "top"), run);
});

test("every segment is swept, up to its fence", () => {
  const of = fakeHeap({ reserve: 8 * MIB, trimThreshold: 2 ** 40 });
  const blocks: Block[] = [];
  while (of.heap.store.segments.count < 2) blocks.push(take(of, MIB - 64));
  const [first, second] = [blocks[0]!, blocks[1]!];
  forget(of, first, second, ...blocks.slice(4));
  sweep(of.heap.store);
  verify(of);
  assert.ok(isFree(of.m, first) && bytesOf(of, first) >= 2 * MIB - 128);
  assert.is(record(of, "top"), of.heap.store.segments.start(1), "all of the active segment was free");
});

test("a fence learns whether the block below it is free", () => {
  const of = fakeHeap({ reserve: 8 * MIB, trimThreshold: 2 ** 40 });
  while (of.heap.store.segments.count < 2) take(of, MIB - 64);
  const start = of.heap.store.segments.start(0) as Block;
  const fence = fenceFrom(of, start);
  take(of, of.m[fence - 1]!); // what was left of the first segment
  assert.not.ok(isPreviousFree(of.m, fence));
  const below = fenceFrom(of, start, 1);
  markPreviousFree(of.m, fence); // a thread that died before it took the flag off
  sweep(of.heap.store);
  assert.not.ok(isPreviousFree(of.m, fence));
  forget(of, below);
  sweep(of.heap.store);
  assert.ok(isPreviousFree(of.m, fence));
  verify(of);
});

/** The fence above a block, or the block that lies `below` places under it. */
function fenceFrom(of: FakeHeap, start: Block, below = 0): Block {
  const walked = [start];
  while (bytesOf(of, walked.at(-1)!) !== FENCE_BYTES) walked.push(nextOf(of.m, walked.at(-1)!));
  return walked.at(-1 - below)!;
}

test("joining a large cache sweeps closed segments too", () => {
  const of = fakeHeap({ reserve: 8 * MIB, trimThreshold: 2 ** 40 });
  const blocks: Block[] = [];
  while (of.heap.store.segments.count < 2) blocks.push(take(of, MIB - 64));
  const pointers = Array.from({ length: 12_000 }, () => of.heap.allocate(200));
  const end = take(of, 64);
  for (const pointer of pointers) free(of, pointer);
  of.heap.joinCache();
  verify(of);
  assert.is(record(of, "spilledUnits"), 0);
  assert.ok(isPreviousFree(of.m, end));
  assert.ok(blocks.every((b) => bytesOf(of, b) >= MIB - 64));
});

test("bins, footers and flags are made from size words alone", () => {
  const random = new Random(testSeed("sweep"));
  const of = fakeHeap({ trimThreshold: 2 ** 40 });
  const blocks = row(of, ...Array.from({ length: 400 }, () => 32 + 16 * random.int(0, 200)), 64);
  for (const b of blocks.slice(0, -1)) {
    const fate = random.int(0, 2);
    if (fate === 0) join(of, b);
    if (fate === 1) forget(of, b);
  }
  const live = blocks.filter((b) => !isFree(of.m, b) && of.heap.liveBlock(of.heap.window.pointerOf(b)) === b);
  initializeBins(of.m, binsOf(of.heap.record));
  initializeCache(of.m, cacheOf(of.heap.record));
  for (const b of live) {
    if (isPreviousFree(of.m, b)) of.m[b - 1] = -1;
    if (isPreviousFree(of.m, b)) markPreviousLive(of.m, b);
    else markPreviousFree(of.m, b);
  }
  sweep(of.heap.store);
  verify(of);
  for (const b of live) assert.is(of.heap.liveBlock(of.heap.window.pointerOf(b)), b);
});

/** Two segments of blocks in every state, no two free ones side by side but for those that are cached. */
function motley(seed: number, count: number, last: "live" | "cached"): FakeHeap {
  const random = new Random(seed);
  const of = fakeHeap({ reserve: 8 * MIB, trimThreshold: 2 ** 40 });
  const blocks: Block[] = [];
  for (let i = 0; i < count; i++) blocks.push(take(of, 32 + 16 * random.int(0, 20)));
  const large = Array.from({ length: 6 }, () => take(of, 16 * PAGE));
  while (of.heap.store.segments.count < 2) take(of, MIB - 64);
  for (let i = 0; i < count; i++) blocks.push(take(of, 32 + 16 * random.int(0, 20)));
  take(of, 64);
  for (const b of [large[1]!, large[3]!]) {
    join(of, b);
    giveBack(of, b);
  }
  for (const b of [large[2]!, ...blocks]) {
    const fate = random.int(0, 3);
    if (fate === 0 && b !== large[2]) join(of, b);
    if (fate === 1 || b === large[2]) forget(of, b);
  }
  if (last === "cached") forget(of, take(of, 16384));
  return of;
}

/** So many runs that not all are noted, neither in the first segment nor in the second. */
function dense(): FakeHeap {
  const of = fakeHeap({ reserve: 8 * MIB, trimThreshold: 2 ** 40 });
  const blocks = Array.from({ length: 300_000 }, () => take(of, 32));
  assert.ok(of.heap.store.segments.count > 1);
  forget(of, ...blocks.filter((_, i) => i % 3 === 0));
  return of;
}

for (const [what, make] of [
  ["a few blocks", () => motley(testSeed("sweep"), 10, "live")],
  ["a few blocks, the last one cached", () => motley(testSeed("sweep"), 10, "cached")],
  ["some thousand", () => motley(testSeed("sweep"), 6000, "live")],
  ["some thousand, the last one cached", () => motley(testSeed("sweep"), 6000, "cached")],
  ["more runs than are noted", dense],
] as const) {
  test(`a heap in use is joined as one of which nothing is known: ${what}`, () => {
    const of = make();
    const before = snapshot(of);
    let forgotten = 0;
    sweepVerified(of.heap.store, () => {
      same(of, before);
      forgotten++;
    });
    assert.is(forgotten, 1);
    verify(of);
    const after = snapshot(of);
    of.m.set(before);
    sweep(of.heap.store);
    // The other one counts blocks that become wilderness as joined with each other first.
    const merges = of.heap.record + Rec.mergesForward;
    assert.ok(after[merges]! >= of.m[merges]!);
    after[merges] = of.m[merges]!;
    same(of, after);
    assert.ok(record(of, "freeBlocks") > 2);
  });
}

test("a header that was overwritten is found before anything is changed, in whichever segment", () => {
  for (const segment of [0, 1]) {
    for (const [word, part] of [
      [0, 0.1],
      [1, 0.9],
    ] as const) {
      const of = dense();
      const blocks: Block[] = [of.heap.store.segments.start(segment) as Block];
      const end = of.heap.store.endOf(segment);
      while (nextOf(of.m, blocks.at(-1)!) < end && bytesOf(of, blocks.at(-1)!) !== FENCE_BYTES)
        blocks.push(nextOf(of.m, blocks.at(-1)!));
      of.m[blocks[Math.floor(blocks.length * part)]! + word] = 0x41414141;
      const before = snapshot(of);
      const sweeping = () =>
        sweepVerified(of.heap.store, () => assert.unreachable("the cache was forgotten"));
      throwsHeapError(sweeping, "ERR_HEAP_CORRUPT", /was overwritten/);
      same(of, before);
    }
  }
});

test.run();
