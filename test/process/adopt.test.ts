/**
 * Heaps of ended threads: who takes them over, what for, and how two copies of the library in a thread agree on it.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { HeapError } from "../../src/errors.js";
import type { ThreadHeap } from "../../src/heap/heap.js";
import { Rec } from "../../src/heap/record.js";
import { checkHeap } from "../../src/heap/verify.js";
import { checkShared } from "../../src/inspect/check-shared.js";
import { heapsOf } from "../../src/inspect/walk.js";
import { CHUNK_BYTES, Control, MAX_HEAPS } from "../../src/memory/control.js";
import type { Pointer } from "../../src/memory/memory.js";
import { AdoptedHeaps } from "../../src/process/adopt.js";
import { claim, entryOf, findOrphan, HEAP_RECORD } from "../../src/shared/heaps.js";
import { adopt } from "../support/adopt.js";
import { anotherThread, fakeHeap, limitTo } from "../support/fake-heap.js";
import type { FakeOptions } from "../support/fake-os.js";
import { throwsHeapError } from "../support/throws.js";

const SIZE = 100_000;

function sound(heap: ThreadHeap): void {
  for (const of of heapsOf(heap)) checkHeap(of);
  checkShared(heap);
}

function isIn(heap: ThreadHeap, pointer: Pointer): boolean {
  return heap.liveBlock(pointer) !== 0;
}

/** A thread that lives, and the heap of one that ended with `blocks` blocks, of which half are free. */
function afterADeath(blocks = 8, options: FakeOptions = {}) {
  const alive = fakeHeap({}, options);
  const ended = anotherThread(alive, 2);
  const pointers = Array.from({ length: blocks }, () => ended.heap.allocate(SIZE));
  for (let i = 0; i < pointers.length; i += 2) ended.heap.freeBlock(ended.heap.liveBlock(pointers[i]!));
  const left = pointers.filter((_, i) => i % 2 === 1);
  alive.os.threads.kill(2);
  alive.os.threads.current = 1;
  return { alive, heap: alive.heap, ended: ended.heap, left };
}

/** Allocates until a block lies in another heap than the thread's own; all that were made. */
function allocateUntilAdopted(heap: ThreadHeap): Pointer[] {
  const made: Pointer[] = [];
  for (let tries = 0; tries < 1000; tries++) {
    const pointer = heap.allocate(SIZE);
    assert.is.not(pointer, 0);
    made.push(pointer);
    if (!isIn(heap, pointer)) return made;
  }
  throw new Error("no block came from elsewhere");
}

test("before a heap takes more address space it takes over an ended thread's heap, and keeps using it", () => {
  const { heap, ended, left } = afterADeath();
  const segments = heap.wilderness.segments.count;
  const made = allocateUntilAdopted(heap);
  assert.is(heap.wilderness.segments.count, segments, "no new segment");
  const first = made.at(-1)!;
  assert.ok(isIn(ended, first) && !left.includes(first));
  const second = heap.allocate(SIZE);
  assert.ok(isIn(ended, second), "it is asked again");
  assert.is(heap.others!.heaps.length, 1);
  for (const pointer of [...made, second]) {
    const own = heap.liveBlock(pointer);
    if (own !== 0) heap.freeBlock(own);
    else heap.others!.heapOf(heap.liveBlockOfAny(pointer))!.freeBlock(heap.liveBlockOfAny(pointer));
  }
  sound(heap);
});

test("while the heap that was taken over has free blocks, this one tries nothing else for more", () => {
  const { heap, ended } = afterADeath(40);
  const made = [...allocateUntilAdopted(heap)];
  const { wilderness } = heap;
  const carve = wilderness.carveWithin.bind(wilderness);
  let tried = 0;
  wilderness.carveWithin = (bytes) => {
    tried++;
    return carve(bytes);
  };
  for (let i = 0; i < 10; i++) made.push(heap.allocate(SIZE));
  assert.ok(made.slice(-10).every((pointer) => isIn(ended, pointer)));
  assert.is(tried, 0);
  heap.others!.abandon(heap.others!.heaps[0]!);
  made.push(heap.allocate(SIZE));
  assert.ok(tried > 0, "it is not asked once it is an orphan");
  wilderness.carveWithin = carve;
  sound(heap);
});

test("a full heap that was taken over is not walked for what its thread takes besides", () => {
  const { heap, ended } = afterADeath(40);
  let consolidated = 0;
  const made = allocateUntilAdopted(heap);
  while (isIn(ended, made.at(-1)!)) made.push(heap.allocate(SIZE));
  const adopted = heap.others!.heaps[0]!;
  const { consolidate } = adopted;
  adopted.consolidate = () => {
    consolidated++;
    consolidate.call(adopted);
  };
  const commits = new Set<number>();
  for (let i = 0; i < 40; i++) {
    made.push(heap.allocate(SIZE));
    commits.add(heap.words[heap.record + Rec.commit]!);
  }
  assert.ok(commits.size > 3, "it took more again and again");
  assert.is(heap.others!.heaps[0], adopted, "and had the other to ask");
  assert.is(consolidated, 0);
  for (const pointer of made) if (isIn(ended, pointer)) adopted.freeBlock(adopted.liveBlock(pointer));
  sound(heap);
});

test("when memory is out, what is free in pieces in a heap that was taken over is coalesced", () => {
  const { alive, heap, ended } = afterADeath(8);
  allocateUntilAdopted(heap);
  limitTo(alive, 0);
  const made: Pointer[] = [];
  for (let pointer = heap.allocate(5000); pointer !== 0; pointer = heap.allocate(5000)) made.push(pointer);
  const adopted = heap.others!.heaps[0]!;
  const theirs = made.filter((pointer) => isIn(ended, pointer)).sort((a, b) => a - b);
  const first = theirs.findIndex((pointer, i) => theirs[i + 3] === pointer + 3 * 5008);
  assert.is.not(first, -1, "four in a row");
  for (const pointer of theirs.slice(first, first + 4)) adopted.freeBlock(adopted.liveBlock(pointer));
  const pointer = heap.allocate(20_000);
  assert.is(pointer, theirs[first]);
  sound(heap);
});

test("the same where the second word of a mutex tells its holder, as with musl", () => {
  const { heap, ended } = afterADeath(8, { mutexWord: 1 });
  assert.ok(isIn(ended, allocateUntilAdopted(heap).at(-1)!));
  sound(heap);
});

test("when the ended thread's heap has no room either, there is a new segment", () => {
  const { heap } = afterADeath();
  const segments = heap.wilderness.segments.count;
  for (let i = 0; i < 100; i++) assert.is.not(heap.allocate(SIZE), 0);
  assert.ok(heap.wilderness.segments.count > segments);
  sound(heap);
});

test("small blocks come from it too", () => {
  const { heap, ended } = afterADeath();
  allocateUntilAdopted(heap);
  const adopted = heap.others!.heaps[0]!;
  const pointer = adopted.allocateWithin(40);
  assert.ok(isIn(ended, pointer));
  assert.is(adopted.allocateWithin(2 ** 30), 0, "never more than a segment");
  sound(heap);
});

test("a heap given up is the next thread's", () => {
  const { alive, heap, ended } = afterADeath();
  const adopted = adopt(heap)!;
  assert.is(adopted.record, ended.record);
  assert.is(adopt(heap), null, "there is no other");
  heap.others!.abandon(adopted);
  assert.is(heap.others!.heaps.length, 0);
  assert.is(anotherThread(alive, 3).heap.record, ended.record);
});

test("of two threads that want it one gets it", () => {
  const { alive, heap, ended } = afterADeath();
  const other = anotherThread(alive, 3); // starting, it takes the heap
  assert.is(other.heap.record, ended.record);
  alive.os.threads.current = 1;
  assert.is(adopt(heap), null);
});

test("a second copy of the library in a thread has the same heap, and sees what the first took over", () => {
  const { alive, heap, left } = afterADeath();
  const copy = anotherThread(alive, 1).heap;
  assert.is(copy.record, heap.record);
  const adopted = adopt(heap)!;
  const b = copy.liveBlockOfAny(left[0]!);
  assert.is(copy.others!.heapOf(b)!.record, adopted.record);
  assert.is(copy.others!.heapOf(b)!.record, adopted.record, "and knows it from then on");
  assert.is(copy.others!.heaps.length, 1);
  heap.others!.abandon(adopted);
  assert.is(copy.others!.heaps.length, 0, "given up in the other copy");
  assert.is(copy.others!.heapOf(b), null);
});

test("a heap whose headers were overwritten is nobody's any more", () => {
  const { alive, heap, ended, left } = afterADeath();
  for (const pointer of left) ended.words[ended.window.blockOf(pointer)] = -1;
  const found = /block at 0x[0-9a-f]+, in the heap of a thread that ended, was overwritten; /;
  throwsHeapError(() => checkShared(heap), "ERR_HEAP_CORRUPT", found);
  assert.is(adopt(heap), null);
  assert.is(findOrphan(heap.window, alive.os.threads), 0);
  throwsHeapError(() => checkShared(heap), "ERR_HEAP_CORRUPT", found);
  assert.is.not(anotherThread(alive, 3).heap.record, ended.record);
});

test("more threads than there is memory for: an error, and room again when one ends", () => {
  const alive = fakeHeap();
  let thread = 2;
  const isFull = () => {
    try {
      anotherThread(alive, thread++);
      return false;
    } catch (error) {
      assert.instance(error, HeapError);
      assert.match((error as Error).message, new RegExp(`a heap of ${CHUNK_BYTES} bytes`));
      return true;
    }
  };
  for (let tries = 0; !isFull(); tries++) assert.ok(tries < 1000, "memory never ran out");
  assert.ok(thread > 4);
  alive.os.threads.kill(2);
  assert.not(isFull(), "the ended thread's heap");
});

test("as many threads as can have a heap, and one more: an error, until one of them ends", () => {
  const alive = fakeHeap();
  const { heap, os, m } = alive;
  for (let index = 1; index < MAX_HEAPS; index++) {
    os.threads.current = 1000 + index;
    claim(heap.window, os.threads, entryOf(index));
    m[entryOf(index) + HEAP_RECORD] = 1;
  }
  m[Control.heaps] = MAX_HEAPS;
  throwsHeapError(() => anotherThread(alive, 5), "ERR_OUT_OF_MEMORY", /^1024 threads have a heap already/);
  m[entryOf(7) + HEAP_RECORD] = 0; // one that died before it had a heap
  os.threads.kill(1007);
  assert.is.not(anotherThread(alive, 5).heap.record, heap.record);
});

test("a mutex that cannot be had is an error", () => {
  const { alive, heap } = afterADeath();
  alive.os.threads.lockMutex = () => false;
  throwsHeapError(() => adopt(heap), "ERR_HEAP_CORRUPT", /could not lock the mutex/);
  assert.instance(heap.others, AdoptedHeaps);
});

test.run();
