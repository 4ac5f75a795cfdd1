/**
 * Giving memory back: which pages, when by itself, and how it is accounted.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isPurged } from "../../src/block/block.js";
import { HeapError } from "../../src/errors.js";
import { POLICY_RUN, purge, purgeIsDue } from "../../src/heap/purge.js";
import { CHUNK_BYTES } from "../../src/memory/control.js";
import type { Block } from "../../src/memory/memory.js";
import {
  charged,
  control,
  type FakeHeap,
  fakeHeap,
  footprintPages,
  giveBack,
  join,
  record,
  row,
  setControl,
  stepsOf,
  take,
  verify,
} from "../support/fake-heap.js";
import { MIB, PAGE } from "../support/fake-os.js";

/** A heap with free runs of these sizes between live blocks. */
function withRuns(...sizes: number[]): { of: FakeHeap; runs: Block[] } {
  const of = fakeHeap({ trimThreshold: 2 ** 40 });
  const blocks = row(of, 64, ...sizes.flatMap((bytes) => [bytes, 64]));
  const runs = blocks.filter((_, i) => i % 2 === 1);
  for (const b of runs) join(of, b);
  return { of, runs };
}

function wordsOf(of: FakeHeap, b: Block, bytes: number): Int32Array {
  return of.m.subarray(b, b + bytes / 4);
}

test("the pages inside a free block are given back: they read as zero, its header, links and footer stay", () => {
  const { of, runs } = withRuns(10 * PAGE);
  const [run] = runs;
  const words = wordsOf(of, run!, 10 * PAGE);
  words.fill(-1, 4, words.length - 1);
  const before = charged(of);
  assert.is(giveBack(of, run!), 9);
  assert.ok(isPurged(of.m, run!));
  assert.is(words.filter((word) => word === 0).length >= (9 * PAGE) / 4, true);
  assert.is(charged(of), before - 9);
  assert.is(record(of, "purgedPages"), 9);
  verify(of);
});

test("a block without a whole page inside, or which the kernel does not take, stays as it is", () => {
  const small = withRuns(PAGE);
  assert.is(giveBack(small.of, small.runs[0]!), 0);
  assert.is(small.of.os.count("discard"), 0);
  const { of, runs } = withRuns(10 * PAGE);
  of.os.refused.add("discard");
  const before = charged(of);
  assert.is(giveBack(of, runs[0]!), 0);
  assert.not.ok(isPurged(of.m, runs[0]!));
  assert.is(charged(of), before);
  verify(of);
});

test("purging looks at blocks in bins, not at what a bent link leads to", () => {
  const of = fakeHeap({ trimThreshold: 2 ** 40 });
  const [, other, , run, live] = row(of, 64, 40 * PAGE, 64, 40 * PAGE, 40 * PAGE, 64);
  join(of, other!);
  join(of, run!);
  wordsOf(of, live!, 40 * PAGE).fill(7, 2);
  of.m[run! + 2] = live!;
  try {
    purge(of.heap.wilderness, PAGE);
  } catch (error) {
    assert.instance(error, HeapError);
  }
  assert.ok(
    wordsOf(of, live!, 40 * PAGE)
      .subarray(2)
      .every((word) => word === 7),
    "a live block's pages stay",
  );
});

test("purge takes free blocks of at least the size given, and none twice", () => {
  const { of, runs } = withRuns(4 * PAGE, POLICY_RUN, 40 * PAGE);
  assert.is(purge(of.heap.wilderness, POLICY_RUN), 15 + 39);
  assert.equal(
    runs.map((b) => isPurged(of.m, b)),
    [false, true, true],
  );
  assert.is(record(of, "purges"), 1);
  const calls = of.os.count("discard");
  assert.is(purge(of.heap.wilderness, POLICY_RUN), 0);
  assert.is(of.os.count("discard"), calls);
  assert.is(record(of, "purges"), 1, "nothing was given back");
  assert.is(purge(of.heap.wilderness, PAGE), 3);
  verify(of);
});

test("the touched part of the wilderness is given back, and is clean again", () => {
  const of = fakeHeap({ trimThreshold: 2 ** 40 });
  const [, last] = row(of, 64, MIB);
  wordsOf(of, last!, MIB).fill(-1, 2);
  join(of, last!);
  const before = footprintPages(of);
  const bytes = purge(of.heap.wilderness, PAGE) * PAGE;
  assert.ok(bytes >= MIB - PAGE && bytes <= MIB, `${bytes}`);
  assert.ok(footprintPages(of) <= before - bytes / PAGE + 1);
  assert.is(record(of, "commit"), record(of, "high"));
  verify(of);
  const again = take(of, MIB);
  const clean = Math.max(of.heap.wilderness.cleanFrom - again, 0);
  assert.ok(clean * 4 <= PAGE, "all but the first page");
  assert.ok(
    wordsOf(of, again, MIB)
      .subarray(Math.max(clean, 2))
      .every((word) => word === 0),
  );
  verify(of);
});

test("a wilderness that was not touched, or is refused, is left alone", () => {
  const of = fakeHeap();
  assert.is(purge(of.heap.wilderness, PAGE), 0);
  assert.is(of.os.count("discard"), 0);
  join(of, take(of, MIB));
  of.os.refused.add("discard");
  const commit = record(of, "commit");
  assert.is(purge(of.heap.wilderness, PAGE), 0);
  assert.is(record(of, "commit"), commit);
  verify(of);
});

test("a tracer hears what is given back", () => {
  const { of } = withRuns(10 * PAGE, 20 * PAGE);
  join(of, take(of, MIB));
  const steps = stepsOf(of, () => purge(of.heap.wilderness, PAGE));
  assert.equal(steps, ["purge", "purge", "purge"]);
});

test("it is due when more than the threshold lies idle and more than is in use", () => {
  const { of } = withRuns(2 * MIB);
  setControl(of, "trimPages", MIB / PAGE);
  assert.ok(record(of, "sincePurge") * 16 >= 2 * MIB);
  assert.ok(purgeIsDue(of.heap.wilderness));
  assert.is(record(of, "sincePurge"), 0);
  assert.not.ok(purgeIsDue(of.heap.wilderness), "not looked at again before more came free");
});

test("with the first page that is given back the whole range has small pages, once, and not before", () => {
  const { of, runs } = withRuns(10 * PAGE, 10 * PAGE);
  assert.equal(of.os.smallPages, []);
  giveBack(of, runs[0]!);
  const { base } = of.heap.window;
  const range = [base, base + control(of, "breakChunks") * CHUNK_BYTES];
  assert.equal(of.os.smallPages, [range]);
  giveBack(of, runs[1]!);
  of.heap.trim();
  assert.equal(of.os.smallPages, [range]);
});

test("so have mapped segments, those that are mapped later too", () => {
  const of = fakeHeap({}, { mayMoveBreak: false });
  const blocks = row(of, 64, 10 * PAGE, 64);
  join(of, blocks[1]!);
  of.os.refused.add("discard");
  giveBack(of, blocks[1]!);
  const segment = of.heap.window.addressOf(of.heap.record);
  assert.equal(of.os.smallPages, [[segment, segment + CHUNK_BYTES]]);
  take(of, 3 * CHUNK_BYTES);
  const [, ...later] = of.os.smallPages;
  assert.ok(later.length > 0);
  for (const [start, end] of later)
    assert.ok(of.os.isMapped(start, end - start) && end - start >= 2 * CHUNK_BYTES);
  verify(of);
});

test("it is not due below the threshold", () => {
  const { of } = withRuns(MIB);
  setControl(of, "trimPages", (2 * MIB) / PAGE);
  assert.not.ok(purgeIsDue(of.heap.wilderness));
});

test("it is not due while more is in use than idle, large blocks left out", () => {
  const of = fakeHeap({ trimThreshold: MIB / 2 });
  const [, run, , other] = row(of, 64, MIB, 2 * MIB, 2 * MIB, 64);
  assert.is.not(of.heap.large.allocate(8 * MIB, 16), 0);
  join(of, run!);
  assert.is(record(of, "purgedPages"), 0, "1 MiB idle, 4 MiB in use");
  join(of, other!);
  assert.ok(record(of, "purgedPages") > 0, "3 MiB idle, 2 MiB in use, 8 MiB mapped");
  verify(of);
});

test("the heap gives memory back by itself once it is due, and keeps what it fills again and again", () => {
  const of = fakeHeap({ trimThreshold: MIB });
  const blocks = row(of, 64, ...Array.from({ length: 40 }, () => PAGE * 32), 64);
  const full = footprintPages(of);
  for (const b of blocks.slice(1, -1)) join(of, b);
  assert.ok(footprintPages(of) < full / 2, `${footprintPages(of)} of ${full} pages are left`);
  assert.ok(record(of, "purges") > 0);
  verify(of);
  const small = fakeHeap({ trimThreshold: 16 * MIB });
  for (let round = 0; round < 20; round++) {
    const [b] = row(small, MIB);
    join(small, b!);
  }
  assert.is(record(small, "purges"), 0);
});

/** A heap with 4 runs of 1 MiB that lie idle, beside as much that is in use. */
function idling(trimThreshold: number): FakeHeap {
  const of = fakeHeap({ trimThreshold });
  const blocks = row(of, 64, ...Array.from({ length: 8 }, () => MIB), 64);
  for (let i = 1; i < 8; i += 2) join(of, blocks[i]!);
  return of;
}

test("before a mapping that raises the peak, about as much that lies idle is given back", () => {
  const of = idling(32 * MIB);
  const before = footprintPages(of);
  assert.is.not(of.heap.allocate(MIB + MIB / 2), 0);
  assert.ok(footprintPages(of) <= before, `${footprintPages(of)} pages, ${before} before`);
  assert.is(record(of, "purges"), 1);
  assert.ok(record(of, "purgedPages") <= (2 * MIB) / PAGE, "no more than two runs for one and a half");
  verify(of);
});

test("a mapping that stays below the peak, or for which too little lies idle, costs no pages", () => {
  const of = idling(32 * MIB);
  const before = record(of, "purgedPages");
  of.heap.large.free(of.heap.large.allocate(8 * MIB, 16));
  assert.is.not(of.heap.allocate(2 * MIB), 0);
  assert.is(record(of, "purgedPages"), before);
  for (const [threshold, bytes] of [
    [32 * MIB, 5 * MIB],
    [2 ** 40, MIB],
  ] as const) {
    const other = idling(threshold);
    assert.is.not(other.heap.allocate(bytes), 0);
    assert.is(record(other, "purgedPages"), 0);
  }
});

test("what trim() returns is what the footprint falls by, also when blocks come to lie below the top", () => {
  const of = fakeHeap({ trimThreshold: 2 ** 40 });
  const { heap } = of;
  const large = Array.from({ length: 9 }, () => heap.allocate(100_000));
  const small = Array.from({ length: 60 }, () => heap.allocate(1000));
  for (const pointers of [large, small]) {
    for (const pointer of pointers) if (!heap.freeSmall(pointer)) heap.freeBlock(heap.liveBlock(pointer));
    const before = footprintPages(of);
    const given = heap.trim();
    assert.ok(given > 0);
    assert.is(footprintPages(of), before - given / PAGE);
    verify(of);
  }
});

test.run();
