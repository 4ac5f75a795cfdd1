/**
 * A thread gives its heap up and comes back, in the same heap or another.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { anotherThread, type FakeHeap, fakeHeap, verify } from "../support/fake-heap.js";

function abandon(of: FakeHeap): boolean {
  of.heap.enter();
  of.heap.open();
  return of.heap.others!.abandonAll(of.heap);
}

test("while it is away no fast path finds anything, and no block is its own", () => {
  const of = fakeHeap();
  const pointer = of.heap.allocate(100);
  of.heap.freeSmall(of.heap.allocate(100));
  assert.ok(abandon(of));
  assert.ok(of.heap.isAbandoned);
  assert.is(of.heap.popSmall(100), 0);
  assert.not(of.heap.freeSmall(pointer));
  assert.is(of.heap.liveBlock(pointer), 0);
});

test("it comes back to the same heap when nobody took that", () => {
  const of = fakeHeap();
  const { record } = of.heap;
  const pointer = of.heap.allocate(100);
  abandon(of);
  of.heap.enter();
  of.heap.open();
  assert.is(of.heap.record, record);
  assert.ok(of.heap.freeSmall(pointer));
  verify(of);
});

test("another thread that needs memory takes the heap over, and the one that comes back gets another", () => {
  const of = fakeHeap();
  const owner = anotherThread(of, 2);
  const { record } = owner.heap;
  const pointers = Array.from({ length: 100 }, () => owner.heap.allocate(3000));
  abandon(owner);
  of.os.threads.current = 1;
  const taken = of.heap.others!.adopt();
  assert.is(taken?.record, record);
  for (const pointer of pointers) assert.ok(taken!.freeBlock(taken!.liveBlock(pointer)));
  of.os.threads.current = 2;
  owner.heap.enter();
  const own = owner.heap.allocate(3000);
  owner.heap.open();
  assert.is.not(owner.heap.record, record);
  assert.is.not(own, 0);
  verify(owner);
});

test("a heap that two copies of the library use is not given up", () => {
  const of = fakeHeap();
  const copy = anotherThread(of, of.os.threads.current);
  assert.is(copy.heap.record, of.heap.record);
  assert.not(abandon(of));
  assert.not(of.heap.isAbandoned);
});

test.run();
