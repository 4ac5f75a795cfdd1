/**
 * The fast path that counts does to the heap, word for word, what the one does that it stands for; it counts what it gives out, and
 * fails when something is due.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { MAX_SMALL, ThreadHeap } from "../../src/heap/heap.js";
import {
  addCounter,
  count,
  counted,
  countedFor,
  known,
  placeOf,
  removeCounter,
  whenReused,
  wind,
} from "../../src/heap/sampling.js";
import type { Pointer } from "../../src/memory/memory.js";
import { fakeHeap } from "../support/fake-heap.js";
import { Random, testSeed } from "../support/seed.js";

const FAR = 2 ** 40;

for (const isSampled of [false, true])
  test(`${isSampled ? "that which tells of samples" : "that which only counts"} gives out the same blocks and leaves the same words`, () => {
    const random = new Random(testSeed("sampling"));
    const { heap, m } = fakeHeap();
    count([heap], true, isSampled);
    const plain = ThreadHeap.prototype.popSmall;
    /** The block that a path gives out, and the words that it may have changed. */
    const outcome = (path: (this: ThreadHeap, size: number) => Pointer, size: number) => {
      const pointer = path.call(heap, size);
      const b = pointer === 0 ? 0 : heap.window.blockOf(pointer);
      const list = heap.lists + (countedFor(size) >>> 2);
      return [pointer, ...m.subarray(list, list + 4), ...(b === 0 ? [] : m.subarray(b, b + 4))];
    };
    const live: Pointer[] = [];
    for (let i = 0; i < 20_000; i++) {
      if (live.length < 300 && random.int(0, 2) > 0) {
        const size = random.int(0, 1) === 0 ? random.int(0, 200) : random.int(0, MAX_SMALL);
        const wanted = outcome(plain, size);
        const pointer = wanted[0] as Pointer;
        if (pointer !== 0) assert.ok(heap.freeSmall(pointer)); // as it was, for the last one freed is the first
        const before = counted();
        assert.equal(outcome(heap.popSmall, size), wanted);
        assert.is(counted() - before, pointer === 0 ? 0 : countedFor(size));
        live.push(pointer || heap.allocate(size));
      } else if (live.length > 0) {
        const [pointer] = live.splice(random.int(0, live.length - 1), 1);
        if (!heap.freeSmall(pointer!)) heap.freeBlock(heap.liveBlock(pointer!));
      }
    }
    count([heap], false, false);
    assert.is(Object.getPrototypeOf(heap), ThreadHeap.prototype);
  });

test("it fails when the counter that is due first has too little left, until that is wound up again", () => {
  const { heap } = fakeHeap();
  for (let i = 0; i < 20; i++) heap.freeBlock(heap.liveBlock(heap.allocate(i * 16)));
  count([heap], true, true);
  const [near, far] = [{ left: 200 }, { left: FAR }];
  addCounter(far);
  addCounter(near);
  const bytes = countedFor(64);
  const most = Math.floor(200 / bytes);
  const blocks: Pointer[] = [];
  for (let i = 0; i < most; i++) {
    const block = heap.popSmall(64);
    assert.is.not(block, 0);
    heap.freeSmall(block);
    blocks.push(block);
  }
  assert.is(heap.popSmall(64), 0);
  wind();
  assert.equal([near.left, far.left], [200 - most * bytes, FAR - most * bytes]);
  near.left = 1000;
  wind();
  assert.is(heap.popSmall(64), blocks[0]);
  removeCounter(near);
  removeCounter(far);
  count([heap], false, false);
});

test("it tells of addresses where a sampled block may have been", () => {
  const { heap } = fakeHeap();
  const told: number[] = [];
  count([heap], true, true);
  whenReused((pointer) => told.push(pointer));
  const block = heap.allocate(64);
  heap.freeSmall(block);
  assert.is(heap.popSmall(64), block);
  assert.equal(told, []);
  known[placeOf(block)]!++;
  heap.freeSmall(block);
  assert.is(heap.popSmall(64), block);
  assert.equal(told, [block]);
  whenReused(() => {});
  count([heap], false, false);
});

test.run();
