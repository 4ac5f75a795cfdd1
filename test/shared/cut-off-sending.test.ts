/**
 * A thread that dies while it sends a chain: whoever takes its heap over finds out whether the chain was sent, also
 * while the owner of the blocks takes its list apart, or died in the middle of that.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { markOf, writeLive } from "../../src/block/block.js";
import { Rec } from "../../src/heap/record.js";
import { CHUNK_BYTES, CHUNK_WORDS, Control, ownerOfWord } from "../../src/memory/control.js";
import type { Block, Pointer } from "../../src/memory/memory.js";
import { recordOf } from "../../src/shared/heaps.js";
import { adopt } from "../support/adopt.js";
import {
  anotherThread,
  type FakeHeap,
  fakeHeap,
  free,
  payload,
  record,
  row,
  verify,
} from "../support/fake-heap.js";

const [OWNER, SENDER, HEIR] = [1, 2, 3];

const small = ({ heap }: FakeHeap) => [40, 40, 40].map((size) => heap.allocate(size));

/** A sender that died around the exchange that sends a chain of some of the owner's blocks. */
function cutOff({ sent, blocks = small }: { sent: boolean; blocks?: (owner: FakeHeap) => Pointer[] }) {
  const owner = fakeHeap();
  const sender = anotherThread(owner, SENDER);
  owner.os.threads.current = OWNER;
  const pointers = blocks(owner);
  owner.os.threads.current = SENDER;
  const { window } = sender.heap;
  for (const pointer of pointers) {
    const b = sender.heap.liveBlockOfAny(pointer);
    assert.ok(sender.heap.outbox.put(b, ownerOfWord(sender.m, b)));
  }
  const exchange = window.compareExchange;
  window.compareExchange = (word, expected, value) => {
    if (sent) exchange.call(window, word, expected, value);
    throw new Error("dies here");
  };
  assert.throws(() => sender.heap.outbox.flush(), /dies here/);
  window.compareExchange = exchange;
  owner.os.threads.kill(SENDER);
  return { owner, pointers };
}

/** Another thread starts, and so takes the dead sender's heap over. */
function inherit(owner: FakeHeap): void {
  anotherThread(owner, HEIR);
  owner.os.threads.current = OWNER;
}

/** The blocks came back, each once. */
function cameBack(owner: FakeHeap, pointers: readonly Pointer[]): void {
  owner.heap.drain();
  verify(owner);
  for (const pointer of pointers) assert.is(owner.heap.liveBlock(pointer), 0, "freed");
  const again = pointers.map(() => owner.heap.allocate(40));
  assert.equal(new Set(again), new Set(pointers));
  verify(owner);
}

test("the owner gave up the memory in which the chain was", () => {
  const others: Pointer[] = [];
  const { owner, pointers } = cutOff({
    sent: true,
    blocks: (of) => {
      const { heap, m } = of;
      const end = m[Control.breakChunks]! * CHUNK_BYTES + heap.window.base;
      do others.push(heap.allocate(100_000));
      while (others.at(-1)! < end);
      for (let i = 0; i < 15; i++) others.push(heap.allocate(100_000)); // not in the first megabyte of a segment
      return [payload(of, row(of, 5008)[0]!)];
    },
  });
  const b = owner.heap.window.blockOf(pointers[0]!);
  const header = owner.m.slice(b, b + 2);
  owner.heap.drain();
  for (const pointer of others) free(owner, pointer);
  owner.heap.relieve();
  assert.is(ownerOfWord(owner.m, b), 0);
  owner.m.set(header, b); // to see whether it is read
  inherit(owner);
  assert.is(record(owner, "inbox"), 0);
  verify(owner);
});

test("the memory was given up in which a block was that a thread was about to free", () => {
  const { owner } = cutOff({ sent: true });
  owner.heap.drain();
  const sender = owner.m[Control.heaps]! - 1;
  const from = recordOf(owner.m, sender);
  const b = (owner.m.length - CHUNK_WORDS + 2) as Block; // nothing was ever there
  owner.m[from + Rec.sending] = b;
  writeLive(owner.m, b, 5008, owner.heap.secret);
  owner.m[b + 1] = owner.m[b + 1]! ^ markOf(sender);
  const before = owner.m[Rec.inbox];
  inherit(owner);
  assert.is(owner.m[Rec.inbox], before, "no heap of nobody has an inbox");
  verify(owner);
});

for (const sent of [false, true]) {
  test(`the owner does something else; the chain was ${sent ? "" : "not "}sent`, () => {
    const { owner, pointers } = cutOff({ sent });
    inherit(owner);
    cameBack(owner, pointers);
  });

  test(`the owner takes its list apart meanwhile; the chain was ${sent ? "" : "not "}sent`, () => {
    const { owner, pointers } = cutOff({ sent });
    const drains = owner.heap.record + Rec.drains;
    owner.m[drains] = owner.m[drains]! + 1;
    let waits = 0;
    owner.os.threads.waitOn = () => {
      waits++;
      owner.heap.drain();
      if (!sent) owner.m[drains] = owner.m[drains]! + 1; // an empty list is not taken apart
    };
    inherit(owner);
    assert.is(waits, 1);
    cameBack(owner, pointers);
  });

  test(`the owner died while it took its list apart; the chain was ${sent ? "" : "not "}sent`, () => {
    const { owner, pointers } = cutOff({ sent });
    const { record } = owner.heap;
    owner.m[record + Rec.drains] = owner.m[record + Rec.drains]! + 1;
    owner.m[record + Rec.receivingNext] = owner.m[record + Rec.inbox]!;
    owner.m[record + Rec.inbox] = 0;
    owner.os.threads.kill(OWNER);
    const heir = anotherThread(owner, HEIR); // one of the two heaps
    const other = adopt(heir.heap)!; // the other
    const home = [heir.heap, other].find((heap) => heap.record === record)!;
    verify(heir);
    for (const pointer of pointers) assert.is(home.liveBlock(pointer), 0, "freed");
    home.drain();
    const again = pointers.map(() => home.allocateWithin(40));
    assert.is(new Set(again).size, 3);
    verify(heir);
  });
}

test("an owner that stands still in the middle: the chain counts as sent, and nothing is handed out twice", () => {
  const { owner, pointers } = cutOff({ sent: false });
  const drains = owner.heap.record + Rec.drains;
  owner.m[drains] = owner.m[drains]! + 1;
  let waits = 0;
  owner.os.threads.waitOn = () => waits++;
  inherit(owner);
  assert.ok(waits > 100);
  owner.heap.drain();
  verify(owner);
  for (let i = 0; i < 10; i++) assert.not(pointers.includes(owner.heap.allocate(40)));
});

test.run();
