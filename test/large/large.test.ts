/**
 * Large blocks: headers, pointers that are none, resizing by the kernel, and a window that is full.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { FREED, UNKNOWN } from "../../src/large/mappings.js";
import { MAPPINGS } from "../../src/memory/control.js";
import type { Pointer } from "../../src/memory/memory.js";
import {
  charged,
  control,
  type FakeHeap,
  fakeHeap,
  limitTo,
  setControl,
  stepsOf,
  verify,
} from "../support/fake-heap.js";
import { MIB, PAGE } from "../support/fake-os.js";
import { throwsHeapError } from "../support/throws.js";

function allocate(of: FakeHeap, size: number, alignment = 16): Pointer {
  const pointer = of.heap.large.allocate(size, alignment);
  assert.is.not(pointer, 0, `no room for ${size} bytes`);
  return pointer;
}

function free(of: FakeHeap, pointer: Pointer): void {
  assert.ok(of.heap.large.free(pointer) >= 0, "live");
}

function usable(of: FakeHeap, pointer: Pointer): number {
  return of.heap.large.sizeOf(pointer);
}

function resize(of: FakeHeap, pointer: Pointer, size: number): Pointer {
  return of.heap.large.resize(pointer, size) as Pointer;
}

function bytes(of: FakeHeap, pointer: Pointer, length: number): Uint8Array {
  return of.heap.window.bytes.subarray(pointer - of.heap.window.base, pointer - of.heap.window.base + length);
}

test("a block is zeroed, aligned, holds what was asked for, and is a mapping of whole pages", () => {
  const of = fakeHeap();
  for (const size of [1, PAGE - 16, PAGE - 15, 200_000]) {
    const pointer = allocate(of, size);
    assert.is(pointer % 16, 0);
    assert.ok(usable(of, pointer) >= size && usable(of, pointer) < size + PAGE + 16, `${size}`);
    assert.ok(bytes(of, pointer, usable(of, pointer)).every((byte) => byte === 0));
    assert.ok(of.os.isMapped(pointer - 16, usable(of, pointer) + 16));
    bytes(of, pointer, usable(of, pointer)).fill(0xaa);
  }
  assert.is(control(of, "largeCount"), 4);
  assert.is(control(of, "mmaps"), 4);
  verify(of);
});

test("freeing unmaps, and takes the pages off the account", () => {
  const of = fakeHeap();
  const before = charged(of);
  const pointer = allocate(of, 300_000);
  assert.is(charged(of), before + 74);
  free(of, pointer);
  assert.not.ok(of.os.isMapped(pointer - 16, PAGE));
  assert.is(charged(of), before);
  assert.equal([control(of, "largeCount"), control(of, "largePages"), control(of, "largeFront")], [0, 0, 0]);
  assert.is(control(of, "munmaps"), 1);
  verify(of);
});

test("where the kernel has too many mappings to unmap one, the memory goes back, and nothing else comes there", () => {
  const of = fakeHeap();
  const before = charged(of);
  const [pointer] = [allocate(of, 300_000), allocate(of, 300_000)];
  bytes(of, pointer, 300_000).fill(0xaa);
  of.os.refused.add("unmap");
  free(of, pointer);
  assert.ok(bytes(of, pointer, 300_000).every((byte) => byte === 0));
  assert.is(charged(of), before + 74);
  of.os.refused.clear();
  for (let i = 0; i < 10; i++) assert.ok(Math.abs(allocate(of, 300_000) - pointer) >= 300_000, "elsewhere");
  verify(of);
});

test("any alignment, below, at and above the page", () => {
  const of = fakeHeap();
  for (let alignment = 16; alignment <= 4 * MIB; alignment *= 2) {
    const pointer = allocate(of, 10_000, alignment);
    assert.is(pointer % alignment, 0, `${alignment}`);
    assert.ok(usable(of, pointer) >= 10_000);
    verify(of);
  }
});

test("sizeOf: a live block's bytes, FREED afterwards, UNKNOWN for all else", () => {
  const of = fakeHeap();
  const { large, window } = of.heap;
  const pointer = allocate(of, 100_000);
  assert.ok(large.sizeOf(pointer) >= 0);
  for (const wild of [
    pointer + 8,
    pointer + 16,
    pointer + PAGE,
    pointer - 16,
    window.base,
    window.base - 16,
    window.base + window.span + 16,
    0,
    Number.NaN,
    pointer + 0.5,
  ]) {
    assert.is(large.sizeOf(wild), UNKNOWN, `${wild}`);
  }
  free(of, pointer);
  assert.is(large.sizeOf(pointer), FREED);
});

test("an overwritten header makes the pointer unknown, word by word", () => {
  const of = fakeHeap();
  const pointer = allocate(of, 100_000);
  for (const word of [pointer - 8, pointer - 4]) {
    const value = of.heap.window.load(word);
    of.heap.window.store(word, value + 1);
    assert.is(of.heap.large.sizeOf(pointer), UNKNOWN);
    of.heap.window.store(word, value);
  }
  assert.ok(of.heap.large.sizeOf(pointer) >= 0);
});

test("the table finds every block's payload again, and none in a broken one", () => {
  const of = fakeHeap();
  const pointers = [16, 64, 4096, 65536].map((alignment) => allocate(of, 5000, alignment));
  const found = of.heap.large.mappings().map(([start, length]) => of.heap.large.payloadIn(start, length));
  assert.equal(
    found,
    [...pointers].sort((one, other) => one - other),
  );
  of.heap.window.store(pointers[0]! - 8, 0);
  const [start, length] = of.heap.large.mappings().find(([from]) => from === pointers[0]! - 16)!;
  assert.is(of.heap.large.payloadIn(start, length), 0);
});

test("check() finds an entry of the table that is there twice", () => {
  const of = fakeHeap();
  for (const size of [5000, 70_000, 300_000]) allocate(of, size);
  verify(of);
  of.m[MAPPINGS + 2] = of.m[MAPPINGS]!;
  throwsHeapError(() => verify(of), "ERR_HEAP_CORRUPT", /table of large blocks is out of order/);
});

test("over the limit or refused by the kernel: 0, and nothing is charged", () => {
  const of = fakeHeap();
  limitTo(of, 10);
  assert.is(of.heap.large.allocate(10 * PAGE, 16), 0);
  const last = allocate(of, 10 * PAGE - 16);
  free(of, last);
  of.os.refused.add("map");
  const before = charged(of);
  assert.is(of.heap.large.allocate(5 * PAGE, 16), 0);
  assert.is(charged(of), before);
  assert.is(control(of, "largeCount"), 0);
  verify(of);
});

test("a full window: 0, until something in it is freed; then that place is found", () => {
  const of = fakeHeap();
  const blocks: Pointer[] = [];
  for (;;) {
    const pointer = of.heap.large.allocate(4 * MIB - 16, 16);
    if (pointer === 0) break;
    blocks.push(pointer);
  }
  assert.is(blocks.length, 7, "31 MiB");
  free(of, blocks[2]!);
  const again = allocate(of, 4 * MIB - 16);
  assert.is(again, blocks[2]);
  verify(of);
});

test("in a fragmented window the largest gap is used, and none that is too small", () => {
  const of = fakeHeap();
  const blocks = Array.from({ length: 31 }, () => allocate(of, MIB - 16));
  for (const i of [3, 10, 11, 20, 21, 22]) free(of, blocks[i]!);
  assert.is(allocate(of, MIB - 16), blocks[20], "the largest first");
  assert.is(allocate(of, 2 * MIB - 16), blocks[21], "and then the rest of it");
  assert.is(of.heap.large.allocate(3 * MIB, 16), 0);
  assert.is(allocate(of, 2 * MIB - 16), blocks[10]);
  assert.is(allocate(of, MIB - 16), blocks[3]);
  assert.is(of.heap.large.allocate(1, 16), 0);
  verify(of);
});

test("what others mapped in the window is gone around", () => {
  const of = fakeHeap();
  const first = of.heap.window.base + 33 * MIB;
  of.os.map(first + PAGE, PAGE);
  const pointer = allocate(of, MIB);
  assert.is(pointer, first + 2 * PAGE + 16);
});

test("a freed place beside the next one is used next", () => {
  const of = fakeHeap();
  const [one, two] = [allocate(of, 100_000), allocate(of, 100_000)];
  const searches = of.os.count("mappings");
  free(of, two);
  assert.is(allocate(of, 50_000), two);
  free(of, two);
  free(of, one);
  assert.is(allocate(of, 300_000), one);
  assert.is(of.os.count("mappings"), searches, "without looking through the mappings");
});

test("what is freed at the end of the gap makes the gap longer", () => {
  const of = fakeHeap();
  const blocks = Array.from({ length: 31 }, () => allocate(of, MIB - 16));
  free(of, blocks[4]!);
  allocate(of, PAGE); // looks for a gap, and is in that one now
  free(of, blocks[5]!);
  const searches = of.os.count("mappings");
  allocate(of, MIB);
  assert.is(of.os.count("mappings"), searches);
  verify(of);
});

test("a tracer hears of mapping, resizing and unmapping", () => {
  const of = fakeHeap();
  const steps = stepsOf(of, () => {
    const pointer = resize(of, allocate(of, 100_000), 200_000);
    free(of, pointer);
  });
  assert.equal(steps, ["mmap", "mremap", "munmap"]);
});

test("a block that fills its table entry's limit is refused while the table is full of live ones", () => {
  const of = fakeHeap();
  for (let entry = 0; entry < 49151; entry++) {
    of.m[MAPPINGS + 2 * entry] = 0x4000_0000 + entry;
    of.m[MAPPINGS + 2 * entry + 1] = 1;
  }
  setControl(of, "mappingsUsed", 49151);
  const last = allocate(of, PAGE);
  assert.is(control(of, "mappingsUsed"), 49152);
  assert.is(of.heap.large.allocate(PAGE, 16), 0);
  assert.is(of.os.count("map"), 1, "the last one's alone");
  free(of, last);
  assert.is.not(of.heap.large.allocate(PAGE, 16), 0);
});

test.run();
