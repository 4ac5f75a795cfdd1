/**
 * Slack: pages that a mapped block gets when it grows bit by bit, to grow into.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Pointer } from "../../src/memory/memory.js";
import { charged, control, type FakeHeap, fakeHeap, limitTo, verify } from "../support/fake-heap.js";
import { MIB, PAGE } from "../support/fake-os.js";

function grown(of: FakeHeap): Pointer {
  const pointer = of.heap.large.allocate(MIB, 16);
  const moved = of.heap.large.resize(pointer, MIB + PAGE) as Pointer;
  assert.ok(moved > 0);
  return moved;
}

function usable(of: FakeHeap, pointer: Pointer): number {
  return of.heap.large.sizeOf(pointer);
}

test("a block to which 64 bytes are appended again and again is resized a few times only", () => {
  const of = fakeHeap();
  let pointer = of.heap.large.allocate(MIB, 16);
  for (let size = MIB; size <= 2 * MIB; size += 64) {
    pointer = (of.heap.large.resizeWithin(pointer, size) || of.heap.large.resize(pointer, size)) as Pointer;
    assert.ok(usable(of, pointer) >= size);
    assert.ok(usable(of, pointer) < size + PAGE, "slack is not the user's");
  }
  assert.ok(control(of, "mremaps") <= 8, `${control(of, "mremaps")} times`);
  verify(of);
});

test("slack is at most an eighth, and counts as charged", () => {
  const of = fakeHeap();
  const before = charged(of);
  grown(of);
  const pages = charged(of) - before;
  assert.ok(pages > 258 && pages <= 258 * 1.125, `${pages} pages`);
  assert.is(control(of, "largeSlack"), pages - 258);
  verify(of);
});

test("a block that grows by much gets none, and one that shrinks loses it", () => {
  const of = fakeHeap();
  const pointer = of.heap.large.allocate(MIB, 16);
  const twice = of.heap.large.resize(pointer, 2 * MIB);
  assert.is(control(of, "largeSlack"), 0);
  const more = of.heap.large.resize(twice, 2 * MIB + PAGE);
  assert.ok(control(of, "largeSlack") > 0);
  of.heap.large.resize(more, MIB);
  assert.is(control(of, "largeSlack"), 0);
  verify(of);
});

test("unmapSlack() gives all of it back, and the block keeps its size", () => {
  const of = fakeHeap();
  const pointer = grown(of);
  const size = usable(of, pointer);
  const slack = control(of, "largeSlack");
  assert.is(of.heap.large.unmapSlack(), slack);
  assert.is(usable(of, pointer), size);
  assert.is(of.heap.large.resizeWithin(pointer, size + 1), 0, "there is no more to grow into");
  assert.is(of.heap.large.unmapSlack(), 0);
  verify(of);
});

test("at the limit slack makes room, and a block grows without it", () => {
  const of = fakeHeap();
  let pointer = grown(of);
  limitTo(of, 0);
  const have = usable(of, pointer);
  const [larger] = [of.heap.allocateLarge(20 * PAGE, 16)];
  assert.is.not(larger, 0, "from the slack of the other block");
  assert.is(control(of, "largeSlack"), 0);
  of.heap.large.free(larger);
  pointer = of.heap.resizeLarge(pointer, have, have + 1) as Pointer;
  assert.ok(pointer > 0);
  verify(of);
});

test("freeing a block frees its slack", () => {
  const of = fakeHeap();
  const before = charged(of);
  of.heap.large.free(grown(of));
  assert.is(charged(of), before);
  assert.is(control(of, "largeSlack"), 0);
  verify(of);
});

test("a note of slack that was overwritten is not believed", () => {
  const of = fakeHeap();
  const pointer = of.heap.large.allocate(MIB, 16);
  const size = usable(of, pointer);
  for (const wrong of [-1, 10_000, 2 ** 31 - 1]) {
    of.heap.window.store(pointer - 16, wrong);
    assert.is(usable(of, pointer), size);
  }
  of.heap.window.store(pointer - 16, 0);
  verify(of);
});

test.run();
