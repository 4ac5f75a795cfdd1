/**
 * Resizing in place: shrinking, growing up, down and both ways, and cutting off what an alignment skips.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isFree, isIntact, isPreviousFree, isPurged, nextOf } from "../../src/block/block.js";
import { cutFront, cutTail, resizeInPlace } from "../../src/heap/resize.js";
import type { Block } from "../../src/memory/memory.js";
import { recover } from "../../src/process/recover.js";
import {
  bytesOf,
  charged,
  control,
  type FakeHeap,
  fakeHeap,
  giveBack,
  join,
  limitTo,
  payload,
  record,
  row,
  same,
  snapshot,
  stepsOf,
  verify,
} from "../support/fake-heap.js";
import { MIB, PAGE } from "../support/fake-os.js";

/** Fills a block's payload with bytes that tell their place. */
function stamp(of: FakeHeap, b: Block): void {
  for (let word = b + 2; word < nextOf(of.m, b); word++) of.m[word] = (word - b) * 7919;
}

function isStamped(of: FakeHeap, b: Block, bytes: number): boolean {
  for (let i = 2; i < 2 + bytes / 4; i++) if (of.m[b + i] !== i * 7919) return false;
  return true;
}

test("a size that the block has already changes nothing", () => {
  const of = fakeHeap();
  const [, b] = row(of, 64, 1024, 64);
  const before = snapshot(of);
  for (const size of [1016, 1009, 1016 - 16]) assert.is(resizeInPlace(of.heap, b!, size), b);
  same(of, before);
});

test("shrinking cuts the tail off when a block fits in it, and joins it above", () => {
  const of = fakeHeap();
  const [, b, above] = row(of, 64, 4096, 2048, 64);
  join(of, above!);
  stamp(of, b!);
  assert.is(resizeInPlace(of.heap, b!, 500), b);
  assert.is(bytesOf(of, b!), 512);
  assert.ok(isStamped(of, b!, 500));
  assert.is(bytesOf(of, nextOf(of.m, b!)), 4096 - 512 + 2048);
  assert.is(record(of, "freeBlocks"), 1);
  verify(of);
});

test("shrinking the last block gives its tail to the wilderness", () => {
  const of = fakeHeap();
  const [, b] = row(of, 64, 4096);
  assert.is(resizeInPlace(of.heap, b!, 0), b);
  assert.is(bytesOf(of, b!), 32);
  assert.is(record(of, "top"), nextOf(of.m, b!));
  verify(of);
});

test("growing takes what it needs of a free block above", () => {
  const of = fakeHeap();
  const [, b, above, end] = row(of, 64, 512, 4096, 64);
  join(of, above!);
  stamp(of, b!);
  assert.is(resizeInPlace(of.heap, b!, 1000), b);
  assert.is(bytesOf(of, b!), 1008);
  assert.ok(isStamped(of, b!, 504));
  assert.is(bytesOf(of, nextOf(of.m, b!)), 4096 - 496);
  assert.ok(isPreviousFree(of.m, end!));
  verify(of);
});

test("growing step by step through a large free block: the lists are sound after each, and its neighbours in its bin too", () => {
  const of = fakeHeap();
  const [, b, above, , other] = row(of, 64, 512, 20_000, 64, 19_680, 64);
  join(of, above!);
  join(of, other!); // in the same bin at first
  stamp(of, b!);
  const free = record(of, "freeUnits");
  for (let bytes = 528; bytes <= 19_000; bytes += bytes < 2000 ? 16 : 2608) {
    assert.is(resizeInPlace(of.heap, b!, bytes - 8), b);
    assert.is(bytesOf(of, b!), bytes);
    assert.is(record(of, "freeUnits"), free - (bytes - 512) / 16);
    verify(of);
  }
  assert.ok(isStamped(of, b!, 504));
});

test("a block that grows by less than an eighth gets an eighth more, up to a page, and then grows in place", () => {
  for (const have of [2048, 8192, 65_536]) {
    const of = fakeHeap();
    const [, b, above] = row(of, 64, have, 20_000, 64);
    join(of, above!);
    const slack = Math.min(have / 8, 4096);
    assert.is(resizeInPlace(of.heap, b!, have - 8 + 16), b);
    assert.is(bytesOf(of, b!), have + 16 + slack);
    const before = snapshot(of);
    for (const more of [17, slack, slack + 16]) assert.is(resizeInPlace(of.heap, b!, have - 8 + more), b);
    same(of, before);
    verify(of);
  }
});

test("one that grows by more than that, or is small, gets what it needs", () => {
  for (const [have, more] of [
    [8192, 1040],
    [2032, 16],
  ] as const) {
    const of = fakeHeap();
    const [, b, above] = row(of, 64, have, 20_000, 64);
    join(of, above!);
    assert.is(resizeInPlace(of.heap, b!, have - 8 + more), b);
    assert.is(bytesOf(of, b!), have + more);
  }
});

test("a large block keeps what it has when it shrinks by up to an eighth, and gives more than that back", () => {
  const of = fakeHeap();
  const [, b] = row(of, 64, 8192, 64);
  assert.is(resizeInPlace(of.heap, b!, 8192 - 8 - 1024), b);
  assert.is(bytesOf(of, b!), 8192);
  assert.is(resizeInPlace(of.heap, b!, 8192 - 8 - 1040), b);
  assert.is(bytesOf(of, b!), 8192 - 1040);
  verify(of);
});

test("the slack is left out where there is no room for it", () => {
  const of = fakeHeap();
  const [, b, above] = row(of, 64, 16_384, 1040, 64);
  join(of, above!);
  assert.is(resizeInPlace(of.heap, b!, 16_384 - 8 + 16), b);
  assert.is(bytesOf(of, b!), 16_384 + 1040); // all of it: less than a block would be left
  verify(of);
});

test("the last block does without slack where it cannot be paid for", () => {
  const of = fakeHeap();
  row(of, 8192);
  const room = (record(of, "commit") - record(of, "top")) * 4;
  const [, b] = row(of, (room - 8192 - 512) & -16, 8192);
  limitTo(of, 0);
  assert.is(resizeInPlace(of.heap, b!, 8192 - 8 + 16), b);
  assert.is(bytesOf(of, b!), 8192 + 16);
  verify(of);
});

test("growing over a block that was freed and written to is an error, and changes nothing", () => {
  const of = fakeHeap();
  const [, b, above] = row(of, 64, 512, 20_000, 64);
  join(of, above!);
  of.m[above! + 2] = 7; // its link
  assert.throws(() => resizeInPlace(of.heap, b!, 1000), /was written to/);
  assert.is(bytesOf(of, b!), 512);
});

test("growing takes a free block above whole when too little would be left", () => {
  for (const size of [512 + 2048 - 8, 512 + 2032 - 8]) {
    const of = fakeHeap();
    const [, b, above, end] = row(of, 64, 512, 2048, 64);
    join(of, above!);
    assert.is(resizeInPlace(of.heap, b!, size), b);
    assert.is(bytesOf(of, b!), 2560);
    assert.not.ok(isPreviousFree(of.m, end!));
    verify(of);
  }
});

test("the last block grows into the wilderness, and over chunks into a longer segment", () => {
  const of = fakeHeap();
  const [, b] = row(of, 64, 512);
  stamp(of, b!);
  assert.is(resizeInPlace(of.heap, b!, 5 * MIB), b);
  assert.is(bytesOf(of, b!), 5 * MIB + 16);
  assert.ok(isStamped(of, b!, 504));
  verify(of);
});

test("a block with live neighbours, or too little beside it, must move", () => {
  const of = fakeHeap();
  const [, lone, , small, b, above] = row(of, 64, 512, 64, 64, 512, 64, 64);
  join(of, small!);
  join(of, above!);
  const before = snapshot(of);
  assert.is(resizeInPlace(of.heap, lone!, 600), 0);
  assert.is(resizeInPlace(of.heap, b!, 700), 0);
  same(of, before);
});

test("growing down moves the contents to the lower start, overlapping or not", () => {
  for (const [below, have] of [
    [1040, 4096],
    [4096, 512],
  ] as const) {
    const of = fakeHeap();
    const [, lower, b, end] = row(of, 64, below, have, 64);
    join(of, lower!);
    stamp(of, b!);
    const old = payload(of, b!);
    assert.is(resizeInPlace(of.heap, b!, have + 32), lower);
    assert.ok(isStamped(of, lower!, have - 8), `${below}, ${have}`);
    assert.is(of.heap.liveBlock(old), 0, "no header is left where the block was");
    assert.ok(bytesOf(of, lower!) >= have + 40);
    assert.is(isPreviousFree(of.m, end!), below + have - bytesOf(of, lower!) > 1024);
    verify(of);
  }
});

test("growing down that is broken off before the contents moved leaves the block where it was", () => {
  for (const above of [false, true]) {
    const of = fakeHeap();
    const [, lower, b, upper] = row(of, 64, 1040, 4096, 2048, 64);
    join(of, lower!);
    if (above) join(of, upper!);
    stamp(of, b!);
    of.heap.window.copy = () => {
      throw new RangeError("no stack is left");
    };
    assert.throws(() => resizeInPlace(of.heap, b!, above ? 6200 : 4128), /no stack/);
    assert.is(of.heap.liveBlock(payload(of, b!)), b);
    assert.is(nextOf(of.m, lower!), b);
    assert.ok(isIntact(of.m, lower!, of.heap.secret));
    assert.ok(recover(of.heap.pool));
    assert.ok(isStamped(of, b!, 4088));
    verify(of);
  }
});

test("growing down and up at once takes all three", () => {
  const of = fakeHeap();
  const [, below, b, above, end] = row(of, 64, 2048, 2048, 2048, 64);
  join(of, below!);
  join(of, above!);
  stamp(of, b!);
  assert.is(resizeInPlace(of.heap, b!, 6100), below);
  assert.is(bytesOf(of, below!), 6144);
  assert.ok(isStamped(of, below!, 2040));
  assert.not.ok(isPreviousFree(of.m, end!));
  assert.is(record(of, "freeBlocks"), 0);
  verify(of);
});

test("the last block grows down when the wilderness cannot give more", () => {
  const of = fakeHeap();
  const [, below, b] = row(of, 64, 64 * 1024, 512);
  join(of, below!);
  stamp(of, b!);
  limitTo(of, 0);
  assert.is(resizeInPlace(of.heap, b!, 64 * 1024), below);
  assert.ok(isStamped(of, below!, 504));
  verify(of);
});

// Above, the pages that the block then covers count; below, all of them, for the block begins at their start.
for (const [where, index, pages] of [
  ["above", 3, 2],
  ["below", 1, 63],
] as const) {
  test(`at the limit a block ${where} whose pages were given back is not grown over; with room it is`, () => {
    const of = fakeHeap();
    const blocks = row(of, 64, 64 * PAGE, 512, 64 * PAGE, 64);
    join(of, blocks[index]!);
    giveBack(of, blocks[index]!);
    limitTo(of, pages - 1);
    assert.is(resizeInPlace(of.heap, blocks[2]!, 2 * PAGE), 0);
    assert.ok(isPurged(of.m, blocks[index]!));
    verify(of);
    limitTo(of, pages);
    assert.is.not(resizeInPlace(of.heap, blocks[2]!, 2 * PAGE), 0);
    assert.ok(charged(of) <= control(of, "limitPages"));
    verify(of);
  });
}

test("growing both ways over given-back pages does not go above the limit", () => {
  const of = fakeHeap();
  const [, below, b, above] = row(of, 64, 64 * PAGE, 512, 64 * PAGE, 64);
  for (const run of [below!, above!]) {
    join(of, run);
    giveBack(of, run);
  }
  limitTo(of, 70);
  assert.is(resizeInPlace(of.heap, b!, 128 * PAGE), 0);
  assert.ok(charged(of) <= control(of, "limitPages"));
  verify(of);
});

test("cutTail leaves a block alone that has too little to cut", () => {
  const of = fakeHeap();
  const [, b] = row(of, 64, 512, 64);
  const before = snapshot(of);
  cutTail(of.heap, b!, 512);
  cutTail(of.heap, b!, 496);
  same(of, before);
});

test("cutFront frees the lower part and gives the upper one; at the block itself it does nothing", () => {
  const of = fakeHeap();
  const [first, b, end] = row(of, 64, 4096, 64);
  assert.is(cutFront(of.heap, b!, b!), b);
  const at = (b! + 512) as Block;
  assert.is(cutFront(of.heap, b!, at), at);
  assert.ok(isFree(of.m, b!) && isPreviousFree(of.m, at));
  assert.is(bytesOf(of, b!), 2048);
  assert.is(bytesOf(of, at), 2048);
  assert.is(of.heap.liveBlock(payload(of, at)), at);
  verify(of);
  join(of, first!);
  join(of, at);
  join(of, end!);
  of.heap.consolidate();
  assert.is(record(of, "blocks"), 0);
  verify(of);
});

test("the last block moves into a free block that fits rather than have more committed", () => {
  for (const fits of [true, false]) {
    const of = fakeHeap();
    const [, free] = row(of, 64, fits ? 8192 : 4096, 64);
    join(of, free!);
    const { wilderness } = of.heap;
    let last = wilderness.carveWithin(4096);
    while (wilderness.isCommitted(4096)) last = wilderness.carve(4096);
    const commit = record(of, "commit");
    assert.is(resizeInPlace(of.heap, last, 8000), fits ? 0 : last);
    assert.is(record(of, "commit") > commit, !fits);
    verify(of);
  }
});

test("a tracer hears what growing and shrinking did", () => {
  const of = fakeHeap();
  const [, below, b, above] = row(of, 64, 2048, 2048, 2048, 64);
  join(of, below!);
  join(of, above!);
  const steps = stepsOf(of, () => {
    const grown = resizeInPlace(of.heap, b!, 6100);
    resizeInPlace(of.heap, grown, 100);
  });
  assert.equal(steps, ["coalesce forward", "coalesce backward", "split"]);
});

test.run();
