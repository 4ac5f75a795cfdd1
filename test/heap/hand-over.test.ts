/**
 * A thread gives its heap up and comes back, in the same heap or another.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Control } from "../../src/memory/control.js";
import { claim, claimedByMe, claimOf, findOrphan, findVacant, isKept } from "../../src/shared/heaps.js";
import { Lock } from "../../src/shared/lock.js";
import { adopt } from "../support/adopt.js";
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
  const taken = adopt(of.heap);
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

/** What a thread has in the middle of coming back, in the order in which it gets it. */
const gets: Array<(of: FakeHeap, entry: number) => void> = [
  ({ heap, os }) => os.threads.lockMutex(heap.window.addressOf(Control.adoption)),
  ({ heap, os }, entry) => claim(heap.window, os.threads, entry),
  ({ heap, os, m }, entry) => new Lock(heap.window, os.threads, claimOf(m, entry)).acquire(),
];

for (const find of [findOrphan, findVacant]) {
  for (let count = 1; count <= gets.length; count++) {
    test(`cut off while it comes back, after step ${count}, ${find.name}: it comes back, and nobody waits for it`, () => {
      const of = fakeHeap();
      const { record } = of.heap;
      abandon(of);
      const entry = find(of.heap.window, of.os.threads);
      for (const get of gets.slice(0, count)) get(of, entry);
      assert.ok(of.heap.isInterrupted, "so a microtask recovers it");
      of.heap.recover();
      assert.is(of.heap.record, record);
      assert.not(of.heap.isInterrupted);
      const mine = claimedByMe(of.m, of.os.threads);
      assert.is(mine.length, 1, "it keeps no entry that it does not use");
      assert.not(isKept(of.m, mine[0]!), "it can give the heap up again");
      verify(anotherThread(of, 2));
    });
  }
}

test("cut off while it comes back, and another copy of the library has the thread's heap: neither waits for itself", () => {
  for (const goesOn of ["the one", "the other"]) {
    const of = fakeHeap();
    abandon(of);
    const copy = anotherThread(of, of.os.threads.current);
    const pointer = copy.heap.allocate(100);
    gets[0]!(of, 0);
    if (goesOn === "the one") of.heap.recover();
    copy.heap.enter();
    copy.heap.others!.trim();
    copy.heap.open();
    of.heap.enter();
    of.heap.open();
    assert.is(of.heap.record, copy.heap.record);
    assert.ok(copy.heap.freeSmall(pointer));
    verify(copy);
  }
});

test("a heap that two copies of the library use is not given up", () => {
  const of = fakeHeap();
  const copy = anotherThread(of, of.os.threads.current);
  assert.is(copy.heap.record, of.heap.record);
  assert.not(abandon(of));
  assert.not(of.heap.isAbandoned);
});

test.run();
