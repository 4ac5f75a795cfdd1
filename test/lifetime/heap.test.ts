/**
 * Heaps as objects: their blocks are blocks like others, their limit is theirs alone, and everything ends with them.
 */
import { inspect } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { heap as thread } from "../../src/api/attached.js";
import {
  alignedRealloc,
  buffer,
  check,
  free,
  Heap,
  type HeapError,
  type HeapOptions,
  idle,
  malloc,
  NULL,
  nativeAllocator,
  owns,
  type Pointer,
  realloc,
  recalloc,
  stats,
  trim,
  usableSize,
  view,
} from "../../src/index.js";
import { callable, ENOMEM, koffi } from "../native/c.js";
import { refused } from "../peers/expect.js";
import { Random, testSeed } from "../support/seed.js";
import { gone, walked } from "./heap-blocks.js";

const KIB = 1024;
const MIB = 1024 * KIB;
const WRONG = 0x123450 as Pointer;

function fillUp(heap: Heap, size: number): Pointer[] {
  const made: Pointer[] = [];
  try {
    for (;;) made.push(heap.malloc(size));
  } catch (error) {
    assert.is((error as HeapError).code, "ERR_OUT_OF_MEMORY");
    assert.match(
      (error as HeapError).message,
      new RegExp(`in the heap "${heap.name}".*its limit is ${heap.limit}`),
    );
  }
  return made;
}

test("random work on several heaps at once: blocks stay whole, and in their heap", () => {
  const random = new Random(testSeed("heaps"));
  const heaps = ["a", "b", "c"].map((name) => new Heap({ name }));
  const live: { pointer: Pointer; size: number; byte: number; of: Heap }[] = [];
  for (let round = 0; round < 4000; round++) {
    const index = random.int(0, Math.max(0, live.length - 1));
    if (live.length < 100 || (live.length < 1000 && random.chance(0.5))) {
      const of = random.pick(heaps);
      const size = random.chance(0.01) ? random.int(100 * KIB, 500 * KIB) : random.spread(1, 20_000);
      const pointer = random.chance(0.8)
        ? of.malloc(size)
        : random.chance(0.5)
          ? of.calloc(1, size)
          : of.alignedAlloc(256, size);
      const byte = round & 255;
      buffer(pointer, size).fill(byte);
      live.push({ pointer, size, byte, of });
      continue;
    }
    const block = live[index]!;
    const bytes = buffer(block.pointer, block.size);
    assert.ok(bytes[0] === block.byte && bytes.at(-1) === block.byte);
    if (random.chance(0.3)) {
      const size = random.spread(1, 40_000);
      const resized = random.chance(0.5)
        ? realloc(block.pointer, size)
        : block.of.realloc(block.pointer, size);
      assert.ok(
        buffer(resized, Math.min(size, block.size)).equals(
          Buffer.alloc(Math.min(size, block.size), block.byte),
        ),
      );
      buffer(resized, size).fill(block.byte);
      live[index] = { ...block, pointer: resized, size };
      continue;
    }
    if (random.chance(0.5)) free(block.pointer);
    else block.of.free(block.pointer);
    live[index] = live.at(-1)!;
    live.pop();
    if (round % 2000 === 0) check();
  }
  check();
  for (const of of heaps) {
    const own = live.filter((block) => block.of === of);
    assert.is(of.stats().blocks, own.length);
    assert.is(
      of.stats().allocated,
      own.reduce((sum, { pointer }) => sum + usableSize(pointer), 0),
    );
    assert.is(walked(of.name).live, own.length);
    of.destroy();
    for (const { pointer } of own) gone(() => free(pointer));
  }
  check();
  assert.is(stats().heaps, 0);
});

test("calloc clears what was used before, recalloc and alignedRealloc stay in the heap", () => {
  using heap = new Heap({ name: "zeroes" });
  for (const size of [100, 5000, 50_000, 500_000]) {
    const dirty = heap.malloc(size);
    buffer(dirty).fill(0xee);
    heap.free(dirty);
    const clean = heap.calloc(1, size);
    assert.ok(buffer(clean).equals(Buffer.alloc(usableSize(clean))), `${size}`);
    const more = recalloc(clean, 2 * size);
    assert.ok(buffer(more).equals(Buffer.alloc(usableSize(more))), `${size}`);
    const aligned = alignedRealloc(more, 4096, 3 * size);
    assert.is(aligned % 4096, 0);
    assert.is(heap.stats().blocks, 1);
    heap.free(BigInt(aligned));
  }
  check();
});

test("tenants with limits: one that takes all it can leaves the others theirs", () => {
  const tenants = [1, 2, 3].map((number) => new Heap({ name: `tenant ${number}`, limit: 4 * MIB }));
  for (const greedy of tenants) {
    const blocks = fillUp(greedy, 1000);
    assert.ok(blocks.length > 3900, `${blocks.length} blocks`);
    assert.ok(greedy.stats().footprint <= greedy.limit);
    refused(() => greedy.calloc(1, 100_000), "ERR_OUT_OF_MEMORY");
    refused(() => greedy.alignedAlloc(4096, 100_000), "ERR_OUT_OF_MEMORY");
    refused(() => realloc(blocks[0]!, 100_000), "ERR_OUT_OF_MEMORY");
    assert.is(usableSize(blocks[0]!), 1000, "and is as it was");
    for (const other of tenants) if (other !== greedy) other.free(other.malloc(MIB));
    free(malloc(10 * MIB));
    for (const block of blocks) free(block);
    greedy.free(greedy.malloc(2 * MIB)); // what it freed it has again
  }
  check();
  for (const tenant of tenants) tenant.destroy();
});

test("destroy gives everything back, and refuses the pointers; using does the same", () => {
  trim();
  const before = stats();
  let kept = NULL;
  {
    using heap = new Heap();
    const blocks = Array.from({ length: 5000 }, () => heap.malloc(2000));
    for (const block of blocks) view(block).fill(1);
    kept = blocks[2500]!;
    assert.ok(stats().footprint > before.footprint + 9 * MIB);
    assert.is(stats().heaps, before.heaps + 1);
  }
  const after = stats();
  assert.ok(
    after.footprint < before.footprint + 200 * KIB,
    `${after.footprint} and ${before.footprint} before`,
  );
  assert.is(after.heaps, before.heaps);
  assert.is(after.allocated, before.allocated);
  assert.not(owns(kept));
  for (const use of [free, usableSize, (p: Pointer) => realloc(p, 10)]) gone(() => use(kept));
  check();
});

test("after its end every function says so, and a second end does nothing", () => {
  const heap = new Heap({ name: "gone" });
  const block = heap.malloc(10);
  heap.destroy();
  heap.destroy();
  const uses = [
    () => heap.malloc(10),
    () => heap.malloc(100_000),
    () => heap.calloc(1, 10),
    () => heap.alignedAlloc(64, 10),
    () => heap.realloc(block, 10),
    () => heap.realloc(NULL, 10),
    () => heap.free(block),
    () => heap.stats(),
  ];
  for (const use of uses) refused(use, "ERR_DISPOSED");
  assert.match(inspect(heap), /Heap \{ name: 'gone', limit: Infinity, destroyed: true \}/);
  heap.free(NULL);
});

test("a wrong pointer is looked into within an update: who is cut off there, with the lock, is recovered", () => {
  using heap = new Heap();
  const { large } = thread;
  const sizeOf = large.sizeOf.bind(large);
  const within: boolean[] = [];
  large.sizeOf = (pointer) => {
    within.push(thread.isInterrupted);
    return sizeOf(pointer);
  };
  for (const call of [() => heap.free(WRONG), () => heap.realloc(WRONG, 10), () => free(WRONG)])
    refused(call, "ERR_INVALID_POINTER");
  large.sizeOf = sizeOf;
  assert.ok(within.length >= 3 && within.every(Boolean));
});

test("a block of another heap, a wrong pointer, arguments that make no sense", () => {
  using heap = new Heap({ name: "strict" });
  using other = new Heap({ name: "other" });
  const own = heap.malloc(100);
  const foreign = [malloc(100), malloc(300_000), other.malloc(100)];
  for (const pointer of foreign) {
    for (const call of [() => heap.free(pointer), () => heap.realloc(pointer, 10)]) {
      assert.match(
        refused(call, "ERR_INVALID_POINTER").message,
        /: the block at .* is not of the heap "strict"/,
      );
    }
    free(pointer);
    refused(() => heap.free(pointer), "ERR_DOUBLE_FREE");
  }
  gone(() => heap.free((own + 16) as Pointer));
  heap.free(own);
  refused(() => heap.free(own), "ERR_DOUBLE_FREE");
  refused(() => free(own), "ERR_DOUBLE_FREE");
  for (const size of [-1, 0.5, "10", 10n, undefined, {}]) {
    refused(() => heap.malloc(size as number), "ERR_INVALID_ARG");
    refused(() => heap.calloc(size as number, 8), "ERR_INVALID_ARG");
    refused(() => heap.alignedAlloc(64, size as number), "ERR_INVALID_ARG");
  }
  refused(() => heap.alignedAlloc(3, 10), "ERR_INVALID_ARG");
  refused(() => heap.malloc(2 ** 30), "ERR_OUT_OF_MEMORY");
  const wrong: unknown[] = [
    null,
    5,
    { name: 5 },
    { limit: "1" },
    { limit: 1000 },
    { limit: 0.5 },
    { limit: -1 },
    { limit: Number.NaN },
    { limit: 128 * KIB - 1 },
    { limit: 2 ** 53 },
    { limit: 2 ** 60 },
    { size: 1 },
  ];
  for (const options of wrong) refused(() => new Heap(options as HeapOptions), "ERR_INVALID_ARG");
  const { message } = refused(() => new Heap({ limit: 2 ** 60 }), "ERR_INVALID_ARG");
  assert.match(message, /from 131072 to 2\^53 - 1, or Infinity; got 1152921504606847000$/);
  check();
});

test("any limit from the least to 2^53 - 1 is taken, in whole pages", () => {
  const { pageSize } = thread.wilderness;
  for (const limit of [128 * KIB, MIB + 0.5, MIB + 1, 2 ** 43, 2 ** 52, Number.MAX_SAFE_INTEGER]) {
    using heap = new Heap({ limit });
    assert.is(heap.limit, Math.floor(limit / pageSize) * pageSize);
    heap.free(heap.malloc(10));
  }
});

test("the largest block", () => {
  using heap = new Heap();
  assert.is(usableSize(heap.malloc(2 ** 29 - 8)), 2 ** 29 - 8);
  const { message } = refused(() => heap.malloc(2 ** 29 - 7), "ERR_OUT_OF_MEMORY");
  assert.match(message, /its blocks are 536870904 bytes at most/);
});

test("for a C library: its blocks lie in the heap, and NULL when that is full or gone", () => {
  const heap = new Heap({ name: "library", limit: MIB });
  using allocator = nativeAllocator({ heap });
  const allocate = callable(allocator.malloc, "uintptr_t", "size_t");
  const resize = callable(allocator.realloc, "uintptr_t", "uintptr_t", "size_t");
  const release = callable(allocator.free, "void", "uintptr_t");
  let block = allocate(100);
  assert.is(heap.stats().blocks, 1);
  block = resize(block, 200_000);
  block = resize(block, 50_000);
  assert.is(heap.stats().blocks, 1);
  assert.ok(heap.stats().allocated >= 50_000);
  assert.is(resize(block, 2 * MIB), 0);
  assert.is(koffi.errno(), ENOMEM);
  assert.match(allocator.lastError!.message, /in the heap "library"/);
  release(block);
  assert.is(heap.stats().blocks, 0);
  assert.is(allocator.blocks, 0);
  heap.destroy();
  assert.is(allocate(10), 0);
  const { message } = refused(() => nativeAllocator({ heap }), "ERR_DISPOSED");
  assert.match(message, /^nativeAllocator: the heap "library" was destroyed/);
  refused(() => nativeAllocator({ heap: {} as Heap }), "ERR_INVALID_ARG");
  check();
});

test("idle() gives back what is free in it, and keeps the thread's heaps while there is one", () => {
  const { orphans } = stats();
  const heap = new Heap({ name: "waits" });
  const kept = heap.malloc(100);
  const own = malloc(100);
  const blocks = Array.from({ length: 100 }, () => heap.malloc(20_000));
  for (const block of blocks) view(block).fill(1);
  for (const block of blocks) heap.free(block);
  assert.ok(idle() > MIB);
  assert.is(stats().orphans, orphans, "nothing was handed over");
  assert.is(heap.stats().blocks, 1);
  heap.free(kept);
  heap.destroy();
  idle();
  assert.ok(stats().orphans > orphans, "it is, once there is none");
  using again = new Heap({ name: "after" }); // takes a heap for the thread first
  free(own);
  assert.is(again.stats().blocks, 0);
  const block = again.malloc(100);
  idle();
  again.free(block);
  free(malloc(100));
  check();
});

test("after its end a pointer of it is told as one", () => {
  const heap = new Heap();
  const pointers = [10, 1000, 50_000].map((size) => heap.malloc(size));
  heap.destroy();
  for (const pointer of pointers) {
    for (const use of [free, usableSize, (p: Pointer) => realloc(p, 10), (p: Pointer) => view(p)])
      assert.throws(() => use(pointer), /it lies in a Heap that was destroyed/);
  }
});

test("hundreds of heaps, one after the other and many at once", () => {
  const { segments, orphans } = stats();
  for (let i = 0; i < 200; i++) {
    using heap = new Heap();
    heap.malloc(1000);
  }
  assert.ok(stats().segments <= segments + 1, "they use the same addresses");
  const many = Array.from({ length: 100 }, () => new Heap());
  for (const heap of many) heap.malloc(5000);
  assert.is(stats().heaps, 100);
  for (const heap of many) heap.destroy();
  assert.is(stats().heaps, 0);
  assert.is(stats().orphans, orphans, "they are no thread's");
  check();
});

test.run();
