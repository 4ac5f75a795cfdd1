/**
 * The wilderness at the end of a segment: growing it, closing it with a free block and a fence, and going on in the next.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  FENCE_BYTES,
  isFree,
  isPreviousFree,
  isPurged,
  MIN_BLOCK,
  nextOf,
  sizeOf,
} from "../../src/block/block.js";
import { smallBinHead } from "../../src/heap/small-bins.js";
import { CHUNK_WORDS } from "../../src/memory/control.js";
import type { Block } from "../../src/memory/memory.js";
import {
  bytesOf,
  control,
  type FakeHeap,
  fakeHeap,
  footprintPages,
  join,
  limitTo,
  record,
  row,
  setControl,
  take,
  takeBlock,
  verify,
} from "../support/fake-heap.js";
import { MIB, PAGE } from "../support/fake-os.js";

const RANGE = { reserve: 8 * MIB };

/** Bytes that the active segment still has, a fence's place left out. */
function room(of: FakeHeap): number {
  const { segments } = of.heap.wilderness;
  const bytes = (segments.end(record(of, "segment")) - record(of, "top")) * 4;
  return Math.floor((bytes - FENCE_BYTES) / 16) * 16;
}

/** Takes the whole of the range from the break but `left` bytes. */
function fill(of: FakeHeap, left: number): Block[] {
  const blocks: Block[] = [];
  const { segments } = of.heap.wilderness;
  while (segments.end(0) < 8 * CHUNK_WORDS) blocks.push(...row(of, MIB / 2));
  while (room(of) - left >= MIB) blocks.push(...row(of, MIB / 2));
  blocks.push(...row(of, room(of) - left));
  assert.is(room(of), left);
  return blocks;
}

test("a segment grows chunk by chunk through the range, without another segment", () => {
  const of = fakeHeap(RANGE);
  fill(of, 4096);
  assert.is(of.heap.wilderness.segments.count, 1);
  assert.is(of.os.count("map"), 0);
  verify(of);
});

test("at its end a segment is closed with a free block and a fence, and the next one begins", () => {
  const of = fakeHeap(RANGE);
  fill(of, 4096);
  const rest = record(of, "top") as Block;
  const b = take(of, 8192);
  const { segments } = of.heap.wilderness;
  assert.is(segments.count, 2);
  assert.ok(isFree(of.m, rest));
  const fence = nextOf(of.m, rest);
  assert.is(sizeOf(of.m, fence), FENCE_BYTES);
  assert.ok(isPreviousFree(of.m, fence));
  assert.is(record(of, "segment"), 1);
  assert.is(b, segments.start(1), "the first block of the new segment");
  verify(of);
});

test("the free block in front of the fence is used and joined like any other", () => {
  const of = fakeHeap(RANGE);
  const blocks = fill(of, 4096);
  const rest = record(of, "top") as Block;
  take(of, 8192);
  const bytes = bytesOf(of, rest);
  assert.is(take(of, bytes), rest);
  verify(of);
  join(of, rest);
  join(of, blocks.at(-1)!);
  assert.is(record(of, "freeBlocks"), 1);
  verify(of);
});

test("a rest too small for a block is left to the fence alone", () => {
  for (const [left, free] of [
    [0, 0],
    [16, 1],
  ] as const) {
    const of = fakeHeap(RANGE);
    fill(of, left);
    const top = record(of, "top") as Block;
    take(of, 8192);
    assert.is(sizeOf(of.m, top), free === 0 ? FENCE_BYTES : MIN_BLOCK);
    assert.is(record(of, "freeBlocks"), 0);
    const head = smallBinHead(of.m, of.heap.pool.smallBins, MIN_BLOCK / 16);
    assert.is(head, free === 0 ? 0 : top, "in the small bin, for nothing is coalesced with it");
    verify(of);
  }
});

test("the untouched part of a closed segment is not charged", () => {
  const of = fakeHeap(RANGE);
  fill(of, MIB / 2);
  const before = footprintPages(of);
  const rest = record(of, "top") as Block;
  take(of, MIB);
  assert.ok(isPurged(of.m, rest));
  assert.ok(footprintPages(of) <= before + MIB / PAGE + 4, `${footprintPages(of)} pages after ${before}`);
  verify(of);
});

test("closing a segment asks nothing of the kernel: what was never touched counts as given back", () => {
  const of = fakeHeap(RANGE);
  fill(of, MIB / 2);
  const calls = of.os.count("discard");
  take(of, MIB);
  assert.is(of.os.count("discard"), calls);
  verify(of);
});

test("blocks in several segments are freed to their own", () => {
  const of = fakeHeap(RANGE);
  const first = fill(of, 0);
  const second = take(of, MIB);
  const third = take(of, MIB);
  for (const b of [second, ...first, third]) join(of, b);
  verify(of);
  assert.is(record(of, "blocks"), 1, "one free block in the closed segment, nothing in the active one");
});

test("a mapped segment grows in place, or the next one is opened past what is in the way", () => {
  const of = fakeHeap({ reserve: 0 });
  take(of, MIB);
  assert.is(of.heap.wilderness.segments.count, 1);
  const end = of.heap.wilderness.segments.end(0) / CHUNK_WORDS;
  of.os.map(of.heap.window.base + end * MIB, PAGE);
  const b = take(of, MIB);
  assert.is(of.heap.wilderness.segments.count, 2);
  assert.is(Math.floor(b / CHUNK_WORDS), end + 1);
  verify(of);
});

test("no more address space: 0, and the heap goes on with what it has", () => {
  const of = fakeHeap(RANGE);
  fill(of, 8192);
  of.os.refused.add("map");
  const before = record(of, "top");
  assert.is(of.heap.wilderness.grow(MIB), 0);
  assert.is(record(of, "top"), before);
  assert.is(of.heap.wilderness.segments.count, 1);
  verify(of);
  assert.is.not(takeBlock(of.heap, 8192), 0);
  assert.is(takeBlock(of.heap, 64), 0);
  verify(of);
});

test("a block that no segment could hold is refused without closing the active one", () => {
  const of = fakeHeap(RANGE);
  take(of, 64);
  assert.is(of.heap.wilderness.grow(100 * MIB), 0);
  assert.is(of.heap.wilderness.segments.count, 1);
  verify(of);
});

test("a limit that forbids the block forbids opening a segment for it", () => {
  const of = fakeHeap(RANGE);
  fill(of, 4096);
  limitTo(of, 10);
  assert.is(takeBlock(of.heap, MIB), 0);
  assert.is(of.heap.wilderness.segments.count, 1);
  verify(of);
});

test("whatever a limit near the need decides, the heap stays sound and below it", () => {
  for (let spare = 0; spare < 6; spare++) {
    for (const size of [8 * PAGE - 16, 8 * PAGE, 8 * PAGE + 16]) {
      const of = fakeHeap(RANGE);
      fill(of, 4096);
      limitTo(of, 7 + spare);
      const b = of.heap.wilderness.grow(size);
      verify(of);
      assert.ok(footprintPages(of) <= control(of, "limitPages"), `${spare} pages to spare, ${size} bytes`);
      assert.is(b !== 0 && bytesOf(of, b) !== size, false);
    }
  }
});

test("a window that is full gives 0", () => {
  const of = fakeHeap({ reserve: 0 });
  let b = 0;
  do b = takeBlock(of.heap, 4 * MIB);
  while (b !== 0);
  assert.ok(record(of, "blocks") >= 14);
  setControl(of, "limitPages", 0x7fffffff);
  assert.is(takeBlock(of.heap, 4 * MIB), 0);
  verify(of);
});

test.run();
