/**
 * A thread takes a heap again after idle(), and is cut off in the middle, before any store: it lets go of all that it holds, and
 * it and others go on.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { AdoptedHeaps } from "../../src/process/adopt.js";
import { contextFor, entryOf } from "../../src/process/claims.js";
import { noHooks } from "../../src/shared/hooks.js";
import { anotherThread, type FakeHeap, fakeHeap, verify } from "../support/fake-heap.js";
import { Killed, Killer } from "../support/killer.js";

const [FIRST, SECOND, THIRD] = [1, 2, 3];
/** The first stores are each tried; of the long rows that make bins, one in so many. */
const EACH = 60;
const STRIDE = 97;

/** Cuts a rejoin of the second thread off before its store number `at`; false when it has fewer. */
function cutOff(of: FakeHeap, at: number): boolean {
  const killer = new Killer(at);
  const window = killer.window(of.heap.window);
  const context = contextFor(window, killer.os(of.os), noHooks(), entryOf(of.heap));
  try {
    new AdoptedHeaps(context).rejoin();
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
  }
  return killer.dead;
}

for (const orphan of [true, false]) {
  test(`what it takes is ${orphan ? "the heap that it gave up" : "a new heap"}`, () => {
    for (let at = 0; ; at += at < EACH ? 1 : STRIDE) {
      const first = fakeHeap();
      const second = anotherThread(first, SECOND);
      const pointer = second.heap.allocate(1000);
      assert.ok(second.heap.others!.abandonAll(second.heap));
      if (!orphan) anotherThread(first, THIRD); // has taken it
      second.os.threads.current = SECOND;
      if (!cutOff(first, at)) break;
      if (second.heap.isInterrupted) second.heap.recover(); // as a microtask does
      anotherThread(first, THIRD + 1);
      first.os.threads.current = FIRST;
      first.heap.others!.trim();
      verify(first);
      first.os.threads.current = SECOND;
      second.heap.enter(); // takes a heap again
      second.heap.open();
      second.heap.freeBlock(second.heap.liveBlock(second.heap.allocate(20_000)));
      verify(second);
      assert.is.not(second.heap.liveBlockOfAny(pointer), 0, "its block lives");
    }
  });
}

test("a thread that goes on at once takes a heap again", () => {
  const first = fakeHeap();
  const second = anotherThread(first, SECOND);
  second.heap.others!.abandonAll(second.heap);
  assert.ok(cutOff(first, 3));
  second.heap.enter();
  second.heap.open();
  verify(second);
});

test.run();
