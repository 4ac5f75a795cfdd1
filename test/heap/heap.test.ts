/**
 * One thread's heap: the fast paths, the cache behind them, the ways out when memory is short, and tracing.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isCached, MAX_BLOCK } from "../../src/block/block.js";
import { countOf, MAX_CACHED } from "../../src/heap/cache.js";
import { MAX_SMALL } from "../../src/heap/heap.js";
import type { Pointer } from "../../src/memory/memory.js";
import {
  anotherThread,
  bytesOf,
  type FakeHeap,
  fakeHeap,
  footprintPages,
  free,
  payload,
  record,
  row,
  stepsOf,
  take,
  verify,
} from "../support/fake-heap.js";
import { throwsHeapError } from "../support/throws.js";

function usable(of: FakeHeap, pointer: Pointer): number {
  const b = of.heap.liveBlock(pointer);
  assert.is.not(b, 0, "live");
  return bytesOf(of, b) - 8;
}

test("every small size: the block is live, aligned, large enough, and comes back first once freed", () => {
  const of = fakeHeap();
  for (let size = 0; size <= MAX_SMALL; size++) {
    const pointer = of.heap.allocate(size);
    assert.is(pointer % 16, 0);
    assert.ok(usable(of, pointer) >= size && usable(of, pointer) < size + 32);
    assert.ok(of.heap.freeSmall(pointer), "the fast path takes it");
    assert.is(of.heap.popSmall(size), pointer);
    assert.ok(of.heap.freeSmall(pointer));
  }
  verify(of);
});

test("an empty cache gives nothing, and a batch is carved in the order of memory", () => {
  const of = fakeHeap();
  assert.is(of.heap.popSmall(100), 0);
  const first = of.heap.allocate(100);
  for (let i = 1; i < 8; i++) assert.is(of.heap.popSmall(100), first + i * 112);
  assert.is(of.heap.popSmall(2000 % 1000), of.heap.popSmall(1008), "other sizes have none");
  verify(of);
});

test("freeSmall refuses what is not a live small block of this heap, and changes nothing", () => {
  const of = fakeHeap();
  const [big] = row(of, MAX_CACHED + 16);
  const small = of.heap.allocate(64);
  const large = of.heap.large.allocate(200_000, 16);
  const { base, span } = of.heap.window;
  for (const wild of [
    small + 8,
    small + 16,
    small - 16,
    base + 8,
    base + span,
    base - 16,
    0,
    -1,
    Number.NaN,
    0.5,
    large,
  ]) {
    assert.not.ok(of.heap.freeSmall(wild), `${wild}`);
    assert.is(of.heap.liveBlock(wild), 0, `${wild}`);
  }
  for (const wild of ["1", null, undefined, {}, 1n])
    assert.not.ok(of.heap.freeSmall(wild as unknown as number));
  assert.not.ok(of.heap.freeSmall(payload(of, big!)), "too large for the cache");
  assert.is(of.heap.liveBlock(payload(of, big!)), big);
  free(of, small);
  assert.not.ok(of.heap.freeSmall(small), "freed already");
  assert.is(of.heap.liveBlock(small), 0);
  verify(of);
});

test("a second free is refused, from whichever list the block lies in", () => {
  const of = fakeHeap();
  const pointers = Array.from({ length: 40 }, (_, i) => of.heap.allocate((i % 4) * 200));
  take(of, 64);
  for (const pointer of pointers) free(of, pointer);
  const refused = () => {
    for (const pointer of pointers) {
      assert.not.ok(of.heap.freeSmall(pointer));
      assert.is(of.heap.liveBlock(pointer), 0);
      assert.is(of.heap.liveBlockOfAny(pointer), 0);
    }
  };
  refused();
  of.heap.consolidate();
  refused();
  verify(of);
});

test("a link that leads astray is not followed by the fast path, nor by malloc, which says so once", () => {
  for (const stray of [-6, 0x3ffffffe, 2, 0x20000102]) {
    const of = fakeHeap();
    const [low, high] = [of.heap.allocate(100), of.heap.allocate(100)];
    free(of, low);
    free(of, high);
    of.m[of.heap.window.blockOf(high) + 1] = stray;
    assert.is(of.heap.popSmall(100), high);
    assert.is(of.heap.popSmall(100), 0);
    throwsHeapError(
      () => of.heap.allocate(100),
      "ERR_HEAP_CORRUPT",
      /list of freed blocks leads to .* where none begins/,
    );
    assert.is.not(of.heap.allocate(100), 0);
    of.heap.consolidate();
    verify(of);
  }
});

test("a fence and a block whose checksum is right but which is too small are not live blocks", () => {
  const of = fakeHeap();
  const [, b] = row(of, 64, 4096, 64);
  const at = b! + 400;
  of.m[at] = 16;
  of.m[at + 1] = at ^ 16 ^ of.heap.secret;
  assert.is(of.heap.liveBlock(of.heap.window.base + at * 4 + 8), 0);
});

test("what other threads freed comes back when its list is empty, in the order in which they freed it", () => {
  const of = fakeHeap();
  const other = anotherThread(of, 2);
  of.os.threads.current = 1;
  const pointers = Array.from({ length: 300 }, () => of.heap.allocate(40));
  const [away, own] = [pointers.slice(0, 100), pointers.slice(100)];
  for (const pointer of own) free(of, pointer);
  for (const pointer of away)
    assert.ok(other.heap.outbox.put(of.heap.window.blockOf(pointer), of.heap.record));
  other.heap.outbox.flush();
  const again = Array.from({ length: 330 }, () => of.heap.popSmall(40) || of.heap.allocate(40));
  // A batch may have had more blocks than were asked for; those lie below what was freed here.
  const firstAway = again.findIndex((pointer) => away.includes(pointer));
  assert.ok(own.every((pointer) => again.indexOf(pointer) < firstAway));
  const back = again.filter((pointer) => away.includes(pointer));
  const inOrder = back.filter(
    (pointer, i) => i === 0 || away.indexOf(pointer) === away.indexOf(back[i - 1]!) + 1,
  );
  assert.is(back.length, away.length);
  assert.ok(inOrder.length > away.length * 0.9, `${inOrder.length} of ${away.length} follow one another`);
  verify(of);
});

test("however many are freed, they are handed out again before new memory is carved", () => {
  const of = fakeHeap();
  const pointers = Array.from({ length: 3000 }, () => of.heap.allocate(40));
  const top = record(of, "top");
  for (const pointer of pointers) free(of, pointer);
  verify(of);
  const again = new Set(pointers.map(() => of.heap.popSmall(40) || of.heap.allocate(40)));
  assert.is(again.size, pointers.length, "no block twice");
  assert.is(record(of, "top"), top);
  verify(of);
});

test("consolidation makes wilderness of all that was freed, whatever its sizes", () => {
  for (const count of [100, 3000]) {
    const of = fakeHeap({ trimThreshold: 2 ** 40 });
    const keep = take(of, 64 * 1024);
    const pointers = Array.from({ length: count }, (_, i) => of.heap.allocate((i % 60) * 16));
    for (const pointer of pointers) free(of, pointer);
    verify(of);
    of.heap.consolidate();
    verify(of);
    assert.is(record(of, "blocks"), 1, "all is wilderness again");
    assert.is(bytesOf(of, keep), 64 * 1024);
  }
});

test("when more than half of a heap is cached, free() consolidates it, and memory goes back", () => {
  const of = fakeHeap({ trimThreshold: 64 * 1024 });
  const pointers = Array.from({ length: 16_000 }, () => of.heap.allocate(200));
  const full = footprintPages(of);
  for (const pointer of pointers) free(of, pointer);
  assert.ok(footprintPages(of) < full / 2, `${footprintPages(of)} of ${full} pages are left`);
  assert.ok(record(of, "purges") > 0);
  verify(of);
});

test("a list that fills up while most of the heap is in use is only granted more", () => {
  const of = fakeHeap();
  row(of, 1024 * 1024);
  const pointers = Array.from({ length: 1000 }, () => of.heap.allocate(200));
  for (const pointer of pointers) free(of, pointer);
  assert.is(record(of, "coalescedForward") + record(of, "coalescedBackward"), 0);
  assert.is(countOf(of.m, of.heap.cache, 13) * 208 > 3 * 65_536, true);
  verify(of);
});

test("a block whose own freeing sets the consolidation off is cached after it, once", () => {
  const of = fakeHeap({ trimThreshold: 0 });
  const pointers = Array.from({ length: 16_000 }, () => of.heap.allocate(200));
  take(of, 64);
  let consolidated = 0;
  for (const pointer of pointers) {
    const merges = record(of, "coalescedForward");
    free(of, pointer);
    if (record(of, "coalescedForward") === merges) continue;
    consolidated++;
    assert.is(of.heap.popSmall(200), pointer);
    verify(of);
    free(of, pointer);
  }
  assert.ok(consolidated > 0);
  verify(of);
});

test("what is cached is coalesced before more is committed", () => {
  const of = fakeHeap({ trimThreshold: 2 ** 40 });
  const pointers = Array.from({ length: 1000 }, () => of.heap.allocate(1000));
  const commit = record(of, "commit");
  for (const pointer of pointers) free(of, pointer);
  const b = take(of, 512 * 1024);
  assert.is(record(of, "commit"), commit);
  assert.is(bytesOf(of, b), 512 * 1024);
  verify(of);
});

test("above the threshold a block is a mapping, and in the heap when mapping is refused", () => {
  const of = fakeHeap();
  const mapped = of.heap.allocate(128 * 1024 + 1);
  assert.ok(of.heap.large.sizeOf(mapped) >= 0);
  assert.is(of.heap.liveBlock(of.heap.allocate(128 * 1024)) === 0, false);
  of.os.refused.add("map");
  const inHeap = of.heap.allocate(300_000);
  assert.ok(usable(of, inHeap) >= 300_000);
  assert.is(of.heap.allocate(MAX_BLOCK), 0, "no block of the heap is that large");
  verify(of);
});

test("the threshold is a setting; 0 maps all but small blocks", () => {
  const of = fakeHeap({ mmapThreshold: 0 });
  assert.ok(of.heap.large.sizeOf(of.heap.allocate(MAX_SMALL + 1)) >= 0);
  assert.is.not(of.heap.liveBlock(of.heap.allocate(MAX_SMALL)), 0);
});

test("freeBlock coalesces what is too large for the cache, and pushes what is not", () => {
  const of = fakeHeap();
  const [first, big, small] = row(of, 64, MAX_CACHED + 16, MAX_CACHED, 64);
  of.heap.freeBlock(big!);
  assert.is(record(of, "freeBlocks"), 1);
  of.heap.freeBlock(small!);
  assert.ok(isCached(of.m, small!));
  assert.is(of.heap.popSmall(MAX_SMALL), payload(of, small!));
  assert.is.not(first, 0);
});

test("while a tracer hangs in, the fast paths are closed and every step is told", () => {
  const of = fakeHeap();
  const pointer = of.heap.allocate(100);
  free(of, pointer);
  row(of, 2048); // else all of it becomes wilderness
  const steps = stepsOf(of, () => {
    assert.is(of.heap.popSmall(100), 0);
    assert.not.ok(of.heap.freeSmall(of.heap.allocate(100)));
    of.heap.consolidate();
  });
  assert.ok(steps.length > 0);
  assert.is.not(of.heap.popSmall(100) || of.heap.allocate(100), 0);
  verify(of);
});

test.run();
