/**
 * A block that two threads free at once: it is handed out once, whoever was faster.
 *
 * The moment of the race is made by hand: the owner acts inside the other thread's compareExchange.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { markAt, markCached, markOf } from "../../src/core/block.js";
import { push } from "../../src/core/cache.js";
import { ownerOfWord } from "../../src/core/control.js";
import type { Block, Pointer } from "../../src/core/memory.js";
import { anotherThread, type FakeHeap, fakeHeap, verify } from "../support/fake-heap.js";

const [OWNER, OTHER] = [1, 2];

interface Pair {
  readonly owner: FakeHeap;
  readonly other: FakeHeap;
  readonly pointer: Pointer;
  readonly b: Block;
}

/** Two threads, and a block of the first. */
function pair(): Pair {
  const owner = fakeHeap();
  const other = anotherThread(owner, OTHER);
  owner.os.threads.current = OWNER;
  const pointer = owner.heap.allocate(40);
  return { owner, other, pointer, b: owner.heap.window.blockOf(pointer) };
}

/** Frees the block in the other thread; `meanwhile` happens just before the exchange that marks it. */
function freeElsewhere({ other, b }: Pair, meanwhile: () => void): boolean {
  const { window } = other.heap;
  const exchange = window.compareExchange.bind(window);
  let due = true;
  window.compareExchange = (word, expected, value) => {
    if (due) {
      due = false;
      meanwhile();
    }
    return exchange(word, expected, value);
  };
  try {
    return other.heap.outbox.put(b, ownerOfWord(other.m, b));
  } finally {
    window.compareExchange = exchange;
  }
}

test("the owner frees it between the other's look and its mark: the other is told", () => {
  const both = pair();
  const { owner, other, pointer, b } = both;
  assert.is(
    freeElsewhere(both, () => assert.ok(owner.heap.freeSmall(pointer))),
    false,
  );
  assert.is(owner.m[b + 1], b ^ 48 ^ owner.heap.secret, "the mark is gone");
  other.heap.outbox.flush();
  assert.is(owner.heap.allocate(40), pointer);
  verify(owner);
});

test("the owner frees it and it is joined: the other is told", () => {
  const both = pair();
  const { owner, other, pointer, b } = both;
  const neighbour = owner.heap.takeBlock(2048);
  assert.not(
    freeElsewhere(both, () => {
      assert.ok(owner.heap.freeSmall(pointer));
      owner.heap.joinCache();
    }),
  );
  other.heap.outbox.flush();
  owner.heap.drain();
  owner.heap.release(neighbour);
  assert.is(markAt(owner.m, b, owner.heap.secret), 0);
  verify(owner);
});

test("two others: one is told", () => {
  const both = pair();
  const { owner, other, b } = both;
  const third = anotherThread(owner, 3);
  let first = false;
  const second = freeElsewhere(both, () => {
    first = third.heap.outbox.put(b, ownerOfWord(third.m, b));
  });
  assert.equal([first, second], [true, false]);
  other.heap.outbox.flush();
  third.heap.outbox.flush();
  owner.heap.drain();
  verify(owner);
});

test("while the owner's store is not visible both succeed, and the block is handed out once", () => {
  const both = pair();
  const { owner, other, pointer, b } = both;
  assert.ok(freeElsewhere(both, () => {}));
  assert.is(
    markAt(owner.m, b, owner.heap.secret),
    markOf(1),
    "what the owner does below it does without having seen this",
  );
  markCached(owner.m, b);
  assert.ok(push(owner.m, owner.heap.cache, 3, b));
  assert.is(owner.heap.popSmall(40), pointer);
  assert.is(markAt(owner.m, b, owner.heap.secret), 0);
  other.heap.outbox.flush();
  assert.throws(() => owner.heap.drain(), /another thread freed/);
  assert.is.not(owner.heap.allocate(40), pointer);
  verify(owner);
});

test.run();
