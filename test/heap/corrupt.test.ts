/**
 * Headers, footers and links that something overwrote: every operation that meets them throws ERR_HEAP_CORRUPT and
 * leaves the heap as it was, so that it is sound again once the word is put back.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isFree, isIntactLive, nextOf } from "../../src/block/block.js";
import { HeapError } from "../../src/errors.js";
import { resizeInPlace } from "../../src/heap/resize.js";
import type { Block } from "../../src/memory/memory.js";
import {
  bytesOf,
  type FakeHeap,
  fakeHeap,
  free,
  join,
  payload,
  row,
  same,
  snapshot,
  take,
  takeBlock,
  verify,
} from "../support/fake-heap.js";
import { throwsHeapError } from "../support/throws.js";

/** Puts a wrong word at `at`, expects `work` to refuse, puts the word back: the heap must be what it was. */
function refuses(of: FakeHeap, at: number, value: number, work: () => unknown, message = /./): void {
  const before = snapshot(of);
  const word = of.m[at]!;
  of.m[at] = value;
  throwsHeapError(work, "ERR_HEAP_CORRUPT", message);
  of.m[at] = word;
  verify(of);
  same(of, before);
}

/** Frees a block as free() does when the fast path has no room for it. */
function freeing(of: FakeHeap, b: Block): () => void {
  return () => of.heap.freeBlock(b);
}

test("freeing below an overwritten header, either word of it", () => {
  const of = fakeHeap();
  const [, b, above] = row(of, 64, 12288, 12288, 64);
  for (const word of [above!, above! + 1]) {
    refuses(of, word, 0x41414141, freeing(of, b!), /header of the block .* was overwritten/);
  }
});

test("freeing below an overwritten header of a free block", () => {
  const of = fakeHeap();
  const [, b, above] = row(of, 64, 12288, 12288, 64);
  join(of, above!);
  refuses(of, above!, 8192 | 2, freeing(of, b!), /header of the block .* was overwritten/);
});

for (const [what, footer] of [
  ["is zero", () => 0],
  ["is negative", () => -12288],
  ["leads below the window", () => 0x7ffffff0],
  ["leads into the record", (b: number) => (b - 262_144 - 64) * 4],
  ["leads to no header", () => 512],
  ["leads to a live block", () => 12288 + 64],
] as const) {
  test(`freeing above a free block whose footer ${what}`, () => {
    const of = fakeHeap();
    const [, below, b] = row(of, 64, 12288, 12288, 64);
    join(of, below!);
    refuses(
      of,
      b! - 1,
      footer(b!),
      freeing(of, b!),
      /free block at .* was written to|header of the .*block .* was overwritten/,
    );
  });
}

test("freeing above a free block whose header no longer says so", () => {
  const of = fakeHeap();
  const [, below, b] = row(of, 64, 12288, 12288, 64);
  join(of, below!);
  refuses(
    of,
    below!,
    12288,
    freeing(of, b!),
    /free block at .* was written to|header of the .*block .* was overwritten/,
  );
  refuses(
    of,
    below! + 1,
    77,
    freeing(of, b!),
    /free block at .* was written to|header of the .*block .* was overwritten/,
  );
});

test("a footer that leads to a free block further down is not believed", () => {
  const of = fakeHeap();
  const [, other, live, below, b] = row(of, 64, 12288, 64, 12288, 12288, 64);
  join(of, other!);
  join(of, below!);
  refuses(
    of,
    b! - 1,
    (b! - other!) * 4,
    freeing(of, b!),
    /free block at .* was written to|header of the .*block .* was overwritten/,
  );
  assert.ok(isIntactLive(of.m, live!, of.heap.secret));
});

for (const [what, which] of [
  ["below", 1],
  ["above", 3],
] as const) {
  test(`freeing between free blocks when the links of the one ${what} were overwritten`, () => {
    const of = fakeHeap();
    const blocks = row(of, 64, 2048, 12288, 8192, 64);
    join(of, blocks[1]!);
    join(of, blocks[3]!);
    for (const link of [2, 3]) {
      refuses(of, blocks[which]! + link, 99, freeing(of, blocks[2]!), /free block at .* was written to/);
    }
  });
}

test("freeing the last block when the links of the free one below were overwritten", () => {
  const of = fakeHeap();
  const [, below, last] = row(of, 64, 2048, 12288);
  join(of, below!);
  refuses(of, below! + 2, 99, freeing(of, last!), /free block at .* was written to/);
});

test("allocating from a block whose links were overwritten", () => {
  for (const size of [4096, 64, 4096 - 64]) {
    const of = fakeHeap();
    const [, run] = row(of, 64, 4096, 64);
    join(of, run!);
    refuses(of, run! + 3, 99, () => takeBlock(of.heap, size), /free block at .* was written to/);
  }
});

test("carving from a run whose links were overwritten", () => {
  for (const [link, size] of [
    [3, 1000],
    [2, 20],
  ] as const) {
    const of = fakeHeap();
    const [, run] = row(of, 64, 4096, 64);
    join(of, run!);
    const word = of.m[run! + link]!;
    of.m[run! + link] = 99;
    try {
      of.heap.allocate(size); // a batch may be cut from the run's end without looking at its links
    } catch (error) {
      assert.instance(error, HeapError);
    }
    of.m[run! + link] = word;
    verify(of);
  }
});

test("shrinking below an overwritten header", () => {
  const of = fakeHeap();
  const [, b, above] = row(of, 64, 4096, 4096, 64);
  refuses(
    of,
    above!,
    0x41414141,
    () => resizeInPlace(of.heap, b!, 64),
    /header of the block .* was overwritten/,
  );
});

test("growing over a free block whose header was overwritten", () => {
  const of = fakeHeap();
  const [, b, above, live] = row(of, 64, 2048, 2048, 4096, 64);
  join(of, above!);
  refuses(of, above!, 4096 | 2, () => resizeInPlace(of.heap, b!, 4000));
  assert.is(bytesOf(of, live!), 4096);
});

test("growing over a free block whose links were overwritten", () => {
  const of = fakeHeap();
  const [, b, above] = row(of, 64, 2048, 2048, 64);
  join(of, above!);
  refuses(of, above! + 2, 99, () => resizeInPlace(of.heap, b!, 4000), /free block at .* was written to/);
});

test("growing down over a free block whose footer or links were overwritten", () => {
  const of = fakeHeap();
  const [, below, b] = row(of, 64, 2048, 2048, 64);
  join(of, below!);
  refuses(
    of,
    b! - 1,
    64,
    () => resizeInPlace(of.heap, b!, 4000),
    /free block at .* was written to|header of the .*block .* was overwritten/,
  );
  refuses(of, below! + 3, 99, () => resizeInPlace(of.heap, b!, 4000), /free block at .* was written to/);
});

test("growing down and up when the links of the one below were overwritten", () => {
  const of = fakeHeap();
  const [, below, b, above] = row(of, 64, 2048, 2048, 4096, 64);
  join(of, below!);
  join(of, above!);
  refuses(of, below! + 3, 99, () => resizeInPlace(of.heap, b!, 6500), /free block at .* was written to/);
});

for (const [how, freed, size, message] of [
  ["up", [2], 5000, /header of the block .* was overwritten/],
  ["down and up", [0, 2], 9000, /header of the block .* was overwritten/],
] as const) {
  test(`growing ${how} below an overwritten header`, () => {
    const of = fakeHeap();
    const blocks = row(of, 4096, 1024, 4096, 512, 64);
    for (const i of freed) join(of, blocks[i]!);
    for (const word of [blocks[3]!, blocks[3]! + 1]) {
      refuses(of, word, of.m[word]! ^ 0x100, () => resizeInPlace(of.heap, blocks[1]!, size), message);
    }
  });
}

test("consolidating next to a live block whose header was overwritten changes nothing", () => {
  for (const count of [2, 2000]) {
    const of = fakeHeap({ trimThreshold: 2 ** 40 });
    const pointers = Array.from({ length: count }, () => of.heap.allocate(200));
    const victim = take(of, 4096);
    take(of, 64);
    for (const pointer of pointers) free(of, pointer);
    refuses(
      of,
      victim,
      of.m[victim]! ^ 0x100,
      () => of.heap.consolidate(),
      /header of the block .* overwritten/,
    );
    of.heap.consolidate();
    verify(of);
  }
});

test("a freed block whose link was overwritten costs its list once, and everything else goes on", () => {
  const of = fakeHeap();
  const pointers = Array.from({ length: 100 }, () => of.heap.allocate(200));
  take(of, 64);
  for (const pointer of pointers) free(of, pointer);
  const b = of.heap.window.blockOf(pointers[50]!);
  of.m[b + 1] = 0x01414142;
  let refused = 0;
  for (let i = 0; i < 100; i++) {
    try {
      if (of.heap.popSmall(200) === 0) of.heap.allocate(200);
    } catch {
      refused++;
    }
  }
  assert.is(refused, 1);
  assert.is.not(of.heap.allocate(300), 0);
  of.heap.consolidate();
  verify(of);
});

test("what is written into the payload of cached blocks does no harm", () => {
  const of = fakeHeap();
  const pointers = Array.from({ length: 400 }, () => of.heap.allocate(40));
  take(of, 64);
  for (const pointer of pointers) free(of, pointer);
  for (const pointer of pointers)
    of.m.fill(0x41414141, of.heap.window.blockOf(pointer) + 2, of.heap.window.blockOf(pointer) + 12);
  verify(of);
  for (let i = 0; i < 200; i++) assert.is.not(of.heap.popSmall(40), 0);
  of.heap.consolidate();
  verify(of);
});

test("a freed block's header that was overwritten is not handed out from a free run below it", () => {
  const of = fakeHeap();
  const [, b, above] = row(of, 64, 4096, 64, 64);
  join(of, b!);
  assert.ok(isFree(of.m, b!));
  const taken = take(of, 4096);
  assert.is(taken, b);
  assert.is(nextOf(of.m, taken), above);
  assert.is(of.heap.liveBlock(payload(of, taken)), taken);
  verify(of);
});

test.run();
