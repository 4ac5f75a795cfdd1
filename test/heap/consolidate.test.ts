/**
 * Consolidation: one walk that coalesces all that is free or cached, and makes lists, bins, flags and footers again.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findFit, initializeBins, LEAST_BINNED } from "../../src/block/bins.js";
import {
  FENCE_BYTES,
  isCached,
  isFree,
  isPreviousFree,
  markCached,
  markPreviousFree,
  markPreviousLive,
  nextOf,
  purgedPages,
} from "../../src/block/block.js";
import { cachedUnits } from "../../src/heap/cache.js";
import { consolidate, isWorthConsolidating, LEAST_WORTH } from "../../src/heap/consolidate.js";
import { binsOf } from "../../src/heap/record.js";
import { smallBinCount, smallBinHead } from "../../src/heap/small-bins.js";
import type { Block } from "../../src/memory/memory.js";
import { recover } from "../../src/process/recover.js";
import {
  anotherThread,
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
  sendBack,
  snapshot,
  stepsOf,
  take,
  verify,
} from "../support/fake-heap.js";
import { MIB, PAGE } from "../support/fake-os.js";
import { Random, testSeed } from "../support/seed.js";
import { throwsHeapError } from "../support/throws.js";

/** Marks blocks cached without putting them anywhere: as they are when the cache was forgotten. */
function forget(of: FakeHeap, ...blocks: Block[]): void {
  for (const b of blocks) markCached(of.m, b);
}

test("nothing to join: nothing changes but the order of bins", () => {
  const of = fakeHeap();
  const [, run, , end] = row(of, 64, 4096, 64, 64);
  join(of, run!);
  consolidate(of.heap.pool);
  verify(of);
  assert.equal([record(of, "freeBlocks"), record(of, "freeUnits"), record(of, "blocks")], [1, 256, 4]);
  assert.not.ok(isPreviousFree(of.m, end!));
  assert.is(findFit(of.m, binsOf(of.heap.record), 4096, of.heap.record), run);
});

test("cached and free neighbours become one, whatever their order", () => {
  for (const pattern of ["c", "cc", "ccc", "f", "cf", "fc", "cfc", "fcf", "ccfcc", "cccccc"]) {
    const of = fakeHeap();
    const sizes = [...pattern].map((state, i) => (state === "f" ? 2048 : 128) + 64 * i);
    const blocks = row(of, 64, ...sizes, 64);
    const inside = blocks.slice(1, -1);
    for (const [i, b] of inside.entries()) if (pattern[i] === "f") join(of, b);
    forget(of, ...inside.filter((_, i) => pattern[i] === "c"));
    consolidate(of.heap.pool);
    verify(of);
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    assert.is(bytesOf(of, inside[0]!), bytes, pattern);
    assert.is(isFree(of.m, inside[0]!), bytes > 1024, pattern);
    assert.is(isCached(of.m, inside[0]!), bytes <= 1024, pattern);
    assert.is(isPreviousFree(of.m, blocks.at(-1)!), bytes > 1024, pattern);
    assert.is(record(of, "blocks"), 3);
  }
});

test("what lies below the wilderness becomes wilderness", () => {
  const of = fakeHeap();
  const [keep, one, two, three] = row(of, 64, 512, 1024, 2048);
  const top = record(of, "top");
  join(of, two!);
  forget(of, one!, three!);
  consolidate(of.heap.pool);
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
  consolidate(of.heap.pool);
  verify(of);
  assert.equal([purgedPages(of.m, lone!), purgedPages(of.m, joined!)], [31, 31]);
  assert.is(charged(of), before - 62);
  assert.is(record(of, "purgedPages"), 62);
});

test("a run that was given back and becomes wilderness stays given back", () => {
  const of = fakeHeap({ trimThreshold: 2 ** 40 });
  const [, run, last] = row(of, 64, 32 * PAGE, 64);
  const before = charged(of);
  join(of, run!);
  giveBack(of, run!);
  forget(of, last!);
  consolidate(of.heap.pool);
  verify(of);
  assert.ok(charged(of) <= before - 31);
  assert.is(record(of, "purgedPages"), 0);
  assert.is(record(of, "top"), run);
});

test("every segment is swept, up to its fence", () => {
  const of = fakeHeap({ reserve: 8 * MIB, trimThreshold: 2 ** 40 });
  const blocks: Block[] = [];
  while (of.heap.wilderness.segments.count < 2) blocks.push(take(of, MIB - 64));
  const [first, second] = [blocks[0]!, blocks[1]!];
  forget(of, first, second, ...blocks.slice(4));
  consolidate(of.heap.pool);
  verify(of);
  assert.ok(isFree(of.m, first) && bytesOf(of, first) >= 2 * MIB - 128);
  assert.is(record(of, "top"), of.heap.wilderness.segments.start(1), "all of the active segment was free");
});

test("a fence learns whether the block below it is free", () => {
  const of = fakeHeap({ reserve: 8 * MIB, trimThreshold: 2 ** 40 });
  while (of.heap.wilderness.segments.count < 2) take(of, MIB - 64);
  const start = of.heap.wilderness.segments.start(0) as Block;
  const fence = fenceFrom(of, start);
  take(of, of.m[fence - 1]!); // what was left of the first segment
  assert.not.ok(isPreviousFree(of.m, fence));
  const below = fenceFrom(of, start, 1);
  markPreviousFree(of.m, fence); // a thread that died before it took the flag off
  assert.ok(recover(of.heap.pool));
  assert.not.ok(isPreviousFree(of.m, fence));
  forget(of, below);
  consolidate(of.heap.pool);
  assert.ok(isPreviousFree(of.m, fence));
  verify(of);
});

/** The fence above a block, or the block that lies `below` places under it. */
function fenceFrom(of: FakeHeap, start: Block, below = 0): Block {
  const walked = [start];
  while (bytesOf(of, walked.at(-1)!) !== FENCE_BYTES) walked.push(nextOf(of.m, walked.at(-1)!));
  return walked.at(-1 - below)!;
}

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
  of.m.fill(-1, of.heap.cache, binsOf(of.heap.record)); // whatever the lists hold
  initializeBins(of.m, binsOf(of.heap.record));
  for (const b of live) {
    if (isPreviousFree(of.m, b)) of.m[b - 1] = -1;
    if (isPreviousFree(of.m, b)) markPreviousLive(of.m, b);
    else markPreviousFree(of.m, b);
  }
  assert.ok(recover(of.heap.pool), "which takes the flags off before it consolidates");
  verify(of);
  for (const b of live) assert.is(of.heap.liveBlock(of.heap.window.pointerOf(b)), b);
});

/** Two segments of blocks in every state, by way of the heap's own operations. */
function motley(random: Random, count: number, last: "live" | "freed"): FakeHeap {
  const of = fakeHeap({ reserve: 8 * MIB, trimThreshold: 2 ** 40 });
  const blocks: Block[] = [];
  const fill = () => {
    for (let i = 0; i < count; i++) blocks.push(take(of, 32 + 16 * random.int(0, 100)));
  };
  fill();
  const large = row(of, ...Array.from({ length: 6 }, () => 16 * PAGE));
  while (of.heap.wilderness.segments.count < 2) take(of, MIB - 64);
  fill();
  take(of, 64);
  for (const b of [large[1]!, large[3]!]) {
    join(of, b);
    giveBack(of, b);
  }
  join(of, large[2]!);
  for (const b of blocks) {
    const fate = random.int(0, 3);
    if (fate === 0) join(of, b);
    if (fate === 1) of.heap.freeBlock(b);
    if (fate === 2) free(of, of.heap.window.pointerOf(take(of, bytesOf(of, b)))); // from the victim, or a bin
  }
  if (last === "freed") for (const b of row(of, 512, 16384)) forget(of, b);
  return of;
}

/** Every block of the heap that is not live, as [place, bytes], and every live one. */
function censusOf(of: FakeHeap): { freed: [Block, number][]; live: [Block, number][] } {
  const freed: [Block, number][] = [];
  const live: [Block, number][] = [];
  for (const id of of.heap.wilderness.ownSegments()) {
    const end = of.heap.wilderness.endOf(id);
    for (let b = of.heap.wilderness.segments.start(id) as Block; b < end; b = nextOf(of.m, b)) {
      if (bytesOf(of, b) === FENCE_BYTES) break;
      (isFree(of.m, b) || isCached(of.m, b) ? freed : live).push([b, bytesOf(of, b)]);
    }
  }
  return { freed, live };
}

/** What coalescing must leave of it: runs of neighbours, without what lies below the wilderness. */
function coalesced(of: FakeHeap, freed: readonly [Block, number][]): [Block, number][] {
  const runs: [Block, number][] = [];
  for (const [b, bytes] of freed) {
    const last = runs.at(-1);
    if (last !== undefined && last[0] + last[1] / 4 === b) last[1] += bytes;
    else runs.push([b, bytes]);
  }
  const last = runs.at(-1);
  if (last !== undefined && last[0] + last[1] / 4 === record(of, "top")) runs.pop();
  return runs;
}

for (const [count, last] of [
  [10, "live"],
  [10, "freed"],
  [3000, "live"],
  [3000, "freed"],
] as const) {
  test(`of ${count} blocks at random, the last ${last}, all neighbours are coalesced and all lists are in the order of memory`, () => {
    const seed = testSeed("consolidate");
    const of = motley(new Random(seed), count, last);
    const before = censusOf(of);
    const expected = coalesced(of, before.freed);
    if (last === "live") verify(of);
    consolidate(of.heap.pool);
    verify(of);
    const { freed, live } = censusOf(of);
    assert.equal(freed, expected, `seed ${seed}`);
    assert.equal(live, before.live, "what is live stays as it is");
    for (const [b, bytes] of freed) assert.is(isFree(of.m, b), bytes > LEAST_BINNED);
    assert.is(record(of, "blocks"), freed.length + live.length);
    assert.is(record(of, "victim"), 0);
    for (let units = 2; units <= LEAST_BINNED / 16; units++) {
      const expectedList = freed.filter(([, bytes]) => bytes === units * 16).map(([b]) => b);
      const list: Block[] = [];
      const { smallBins } = of.heap.pool;
      for (let b = smallBinHead(of.m, smallBins, units); b !== 0; b = of.m[b + 1]! as Block) list.push(b);
      assert.equal(list, expectedList);
      assert.is(smallBinCount(of.m, smallBins, units), list.length);
    }
    const after = snapshot(of);
    consolidate(of.heap.pool);
    assert.equal(censusOf(of).freed, freed, "once more changes no block");
    assert.is(snapshot(of).length, after.length);
    verify(of);
  });
}

test("a traced consolidation leaves the same blocks, and tells of each merge", () => {
  const seed = testSeed("traced consolidation");
  const [plain, traced] = [motley(new Random(seed), 500, "live"), motley(new Random(seed), 500, "live")];
  const before = censusOf(traced).freed;
  consolidate(plain.heap.pool);
  const steps = stepsOf(traced, () => consolidate(traced.heap.pool));
  verify(traced);
  assert.equal(censusOf(traced), censusOf(plain), `seed ${seed}`);
  const grown = censusOf(traced).freed.filter(
    ([b, bytes]) => !before.some(([a, had]) => a === b && had === bytes),
  );
  assert.is(steps.filter((step) => step === "coalesce forward").length, grown.length);
});

test("a header that was overwritten is found before anything is changed, in whichever segment", () => {
  for (const segment of [0, 1]) {
    for (const [word, part] of [
      [0, 0.1],
      [1, 0.9],
    ] as const) {
      const of = motley(new Random(testSeed("broken")), 300, "live");
      const blocks: Block[] = [of.heap.wilderness.segments.start(segment) as Block];
      const end = of.heap.wilderness.endOf(segment);
      while (nextOf(of.m, blocks.at(-1)!) < end && bytesOf(of, blocks.at(-1)!) !== FENCE_BYTES)
        blocks.push(nextOf(of.m, blocks.at(-1)!));
      of.m[blocks[Math.floor(blocks.length * part)]! + word] = 0x41414141;
      const before = snapshot(of);
      throwsHeapError(() => consolidate(of.heap.pool), "ERR_HEAP_CORRUPT", /was overwritten/);
      same(of, before);
    }
  }
});

test("a mark that another thread left is no broken header, and stays", () => {
  const of = fakeHeap();
  const other = anotherThread(of, 2);
  of.os.threads.current = 1;
  const [, low, marked, high] = row(of, 64, 256, 64, 256, 64);
  assert.ok(sendBack(other.heap, of.heap.window.pointerOf(marked!)));
  const mark = of.m[marked! + 1];
  for (const b of [low!, high!]) join(of, b);
  consolidate(of.heap.pool);
  assert.is(of.m[marked! + 1], mark);
  other.heap.outbox.flush();
  of.heap.drain();
  consolidate(of.heap.pool);
  assert.is(bytesOf(of, low!), 256 + 64 + 256);
  verify(of);
});

test("blocks of a list that was dropped are found again", () => {
  const of = fakeHeap();
  const pointers = Array.from({ length: 50 }, () => of.heap.allocate(200));
  take(of, 64);
  for (const pointer of pointers) free(of, pointer);
  const first = of.heap.window.blockOf(pointers.at(-1)!);
  of.m[first + 1] = first - 4; // a link to the middle of a block
  assert.is(of.heap.popSmall(200), pointers.at(-1));
  assert.is(of.heap.popSmall(200), 0, "the link is not followed");
  throwsHeapError(
    () => of.heap.allocate(200),
    "ERR_HEAP_CORRUPT",
    /list of freed blocks leads to .* where none begins/,
  );
  consolidate(of.heap.pool);
  verify(of);
  const top = record(of, "top");
  const again = new Set(pointers.slice(1).map(() => of.heap.popSmall(200) || of.heap.allocate(200)));
  assert.is(again.size, 49);
  assert.is(record(of, "top"), top, "handed out again");
  verify(of);
});

for (const [heap, live] of [
  ["a small", 64 * 1024],
  ["a large", 6 * 1024 * 1024],
] as const) {
  test(`it is worth it when so much of ${heap} heap was freed since the last time, and what came from small bins does not count`, () => {
    const of = fakeHeap({ trimThreshold: 2 ** 40 });
    row(of, live);
    const pointers = Array.from({ length: 128 }, () => of.heap.allocate(1000));
    take(of, 64);
    const worth = Math.max(of.heap.wilderness.extentUnits() >>> 6, LEAST_WORTH);
    let freedUnits = cachedUnits(of.m, of.heap.cache); // what is left of a batch
    for (const pointer of pointers) {
      assert.is(isWorthConsolidating(of.heap.pool), freedUnits > worth);
      if (freedUnits > worth) break;
      free(of, pointer);
      freedUnits += 1008 / 16;
    }
    assert.ok(freedUnits > worth);
  });
}

test.run();
