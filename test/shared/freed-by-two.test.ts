/**
 * A block that two threads free at once: it is handed out once, whoever was faster.
 *
 * The moment of the race is made by hand: the owner acts inside the other thread's compareExchange.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  isCached,
  isIntactLive,
  isLink,
  linkOf,
  markAt,
  markCached,
  markOf,
  sizeOf,
} from "../../src/block/block.js";
import { push } from "../../src/heap/cache.js";
import { Rec } from "../../src/heap/record.js";
import { checkHeap } from "../../src/heap/verify.js";
import { Control, ownerOfWord } from "../../src/memory/control.js";
import type { Block, Pointer, Window } from "../../src/memory/memory.js";
import { joinProcess } from "../../src/process/adopt.js";
import { noHooks } from "../../src/shared/hooks.js";
import { freedForOthers, Outbox } from "../../src/shared/remote.js";
import { anotherThread, type FakeHeap, fakeHeap, sendBack, takeBlock, verify } from "../support/fake-heap.js";
import { Killer } from "../support/killer.js";

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

function largePair(): Pair {
  const both = pair();
  const pointer = both.owner.heap.allocate(30_000);
  return { ...both, pointer, b: both.owner.heap.window.blockOf(pointer) };
}

/** Frees the block in the other thread; `meanwhile` happens just before the exchange that marks it. */
function freeFromOther({ other, b }: Pair, meanwhile: () => void): boolean {
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
    freeFromOther(both, () => assert.ok(owner.heap.freeSmall(pointer))),
    false,
  );
  assert.ok(isCached(owner.m, b) && isLink(linkOf(owner.m, b)), "its link is whole");
  other.heap.outbox.flush();
  assert.is(owner.heap.allocate(40), pointer);
  verify(owner);
});

test("the owner frees it and it is joined: the other is told", () => {
  const both = pair();
  const { owner, other, pointer, b } = both;
  const neighbour = takeBlock(owner.heap, 2048);
  assert.not(
    freeFromOther(both, () => {
      assert.ok(owner.heap.freeSmall(pointer));
      owner.heap.consolidate();
    }),
  );
  other.heap.outbox.flush();
  owner.heap.drain();
  owner.heap.release(neighbour);
  assert.is(markAt(owner.m, b, owner.heap.secret), 0);
  verify(owner);
});

test("the owner of a made heap gathers a block as soon as it is marked: the other has freed it", () => {
  const owner = fakeHeap();
  const made = owner.heap.others!.make("made", 0);
  const other = anotherThread(owner, OTHER);
  owner.os.threads.current = OWNER;
  const pointer = made.allocate(40);
  const b = made.window.blockOf(pointer);
  const { window } = other.heap;
  const exchange = window.compareExchange.bind(window);
  let due = true;
  window.compareExchange = (word, expected, value) => {
    const done = exchange(word, expected, value);
    if (due) {
      due = false;
      made.consolidate();
    }
    return done;
  };
  assert.ok(other.heap.outbox.put(b, made.record));
  assert.is(made.liveBlock(pointer), 0);
  assert.is(owner.m[made.record + Rec.markedBlocks], 0);
  assert.is(owner.m[made.record + Rec.markedUnits], 0);
  verify({ ...owner, heap: made });
});

/** Looks before each store of a thread. */
class Witness extends Killer {
  look: (() => void) | null = null;

  constructor() {
    super(Number.POSITIVE_INFINITY);
  }

  override store(): boolean {
    this.look?.();
    return super.store();
  }
}

for (const size of [40, 30_000]) {
  test(`a block of ${size} bytes is freed twice, the second time while its owner takes it back: that is told`, () => {
    const of = fakeHeap();
    const [other, third] = [anotherThread(of, 2), anotherThread(of, 3)];
    const witness = new Witness();
    of.os.threads.current = 4;
    const owner = joinProcess(witness.window(of.heap.window), of.os, noHooks());
    const pointer = owner.allocate(size);
    assert.ok(sendBack(other.heap, pointer));
    other.heap.outbox.flush();
    let looks = 0;
    witness.look = () => {
      looks++;
      assert.not.ok(sendBack(third.heap, pointer), `before store ${looks}`);
    };
    owner.drain();
    witness.look = null;
    assert.ok(looks > 5);
    checkHeap(owner);
  });
}

test("two others: one is told", () => {
  const both = pair();
  const { owner, other, b } = both;
  const third = anotherThread(owner, 3);
  let first = false;
  const second = freeFromOther(both, () => {
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
  assert.ok(freeFromOther(both, () => {}));
  assert.is(
    markAt(owner.m, b, owner.heap.secret),
    markOf(1),
    "what the owner does below it does without having seen this",
  );
  markCached(owner.m, b);
  push(owner.m, owner.heap.cache, b);
  assert.is(owner.heap.popSmall(40), pointer);
  assert.is(markAt(owner.m, b, owner.heap.secret), 0);
  other.heap.outbox.flush();
  assert.throws(() => owner.heap.drain(), /another thread freed/);
  assert.is.not(owner.heap.allocate(40), pointer);
  verify(owner);
});

test("both succeed, and the mark comes back before the block is handed out: it is free once", () => {
  const both = pair();
  const { owner, other, pointer, b } = both;
  assert.ok(freeFromOther(both, () => {}));
  markCached(owner.m, b);
  push(owner.m, owner.heap.cache, b);
  other.heap.outbox.flush();
  owner.heap.drain();
  verify(owner);
  assert.is(owner.heap.popSmall(40), pointer);
  assert.is.not(owner.heap.popSmall(40), pointer);
  assert.equal(freedForOthers(other.m, other.heap.record).blocks, 1);
  assert.is(owner.m[owner.heap.record + Rec.receivedBlocks], 1, "no block is on its way");
});

test("a block too large for the cache: one of the two is told, whoever is faster", () => {
  const both = largePair();
  const { owner, other, pointer, b } = both;
  assert.not(freeFromOther(both, () => assert.ok(owner.heap.freeBlock(b))));
  other.heap.outbox.flush();
  owner.heap.drain();
  verify(owner);
  const second = largePair();
  assert.ok(freeFromOther(second, () => {}));
  assert.not(second.owner.heap.outbox.freeAtomically(second.b));
  second.other.heap.outbox.flush();
  second.owner.heap.drain();
  verify(second.owner);
  assert.is(second.owner.heap.liveBlock(second.pointer), 0);
  assert.is(owner.heap.liveBlock(pointer), 0);
});

test("a block too large for the cache takes no exchange while there is one heap, and one when there are two", () => {
  const alone = fakeHeap();
  const pointers = [30_000, 30_000, 30_000, 30_000].map((size) => alone.heap.allocate(size));
  const [first, second] = pointers.map((pointer) => alone.heap.window.blockOf(pointer));
  let exchanges = 0;
  const exchange = alone.heap.window.compareExchange.bind(alone.heap.window);
  alone.heap.window.compareExchange = (word, expected, value) => {
    exchanges++;
    return exchange(word, expected, value);
  };
  assert.ok(alone.heap.freeBlock(first!));
  assert.is(exchanges, 0);
  assert.is(alone.heap.liveBlock(pointers[0]!), 0);
  anotherThread(alone, OTHER);
  alone.os.threads.current = OWNER;
  exchanges = 0;
  assert.ok(alone.heap.freeBlock(second!));
  assert.is(exchanges, 1);
  verify(alone);
});

test("a thread comes and frees the block just when the only one frees it: one of the two is told", () => {
  const both = largePair();
  const { owner, other, pointer, b } = both;
  const neighbour = takeBlock(owner.heap, 2048);
  let looks = 0;
  const words = new Proxy(owner.m, {
    get(m, word) {
      if (word !== String(Control.heaps) || looks++ > 0) return m[Number(word)];
      assert.ok(freeFromOther(both, () => {}));
      return 1; // what the owner saw just before
    },
    set: (m, word, value) => Reflect.set(m, word, value),
  });
  const { record, secret, window } = owner.heap;
  const compareExchange = window.compareExchange.bind(window);
  const outbox = new Outbox({ words, compareExchange } as unknown as Window, record, secret);
  assert.not(outbox.freeAtomically(b));
  assert.is(looks, 2);
  other.heap.outbox.flush();
  owner.heap.drain();
  verify(owner);
  assert.is(owner.heap.allocate(30_000), pointer);
  owner.heap.release(neighbour);
  verify(owner);
});

test("an owner whose free is refused for a neighbour's sake has the block as it was", () => {
  const { owner, b } = largePair();
  const next = (b + (sizeOf(owner.m, b) >>> 2)) as Block;
  const saved = owner.m[next]!;
  takeBlock(owner.heap, 2048);
  owner.m[next] = 0x7777_7770;
  assert.throws(() => owner.heap.freeBlock(b), /overwritten/);
  assert.ok(isIntactLive(owner.m, b, owner.heap.secret));
  owner.m[next] = saved;
});

test.run();
