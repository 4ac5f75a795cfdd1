/**
 * Large blocks resized by the kernel, and the table of mappings when it is crowded.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { FREED, UNKNOWN } from "../../src/large/mappings.js";
import { MAPPING_ENTRIES, MAPPING_WORDS, MAPPINGS } from "../../src/memory/control.js";
import type { Pointer } from "../../src/memory/memory.js";
import { joinProcess } from "../../src/process/adopt.js";
import { noHooks } from "../../src/shared/hooks.js";
import {
  charged,
  control,
  type FakeHeap,
  fakeHeap,
  limitTo,
  setControl,
  verify,
} from "../support/fake-heap.js";
import { MIB, PAGE } from "../support/fake-os.js";
import { Killed, Killer } from "../support/killer.js";

function allocate(of: FakeHeap, size: number, alignment = 16): Pointer {
  const pointer = of.heap.large.allocate(size, alignment);
  assert.is.not(pointer, 0, `no room for ${size} bytes`);
  return pointer;
}

function free(of: FakeHeap, pointer: Pointer): void {
  of.heap.large.free(pointer);
}

function resize(of: FakeHeap, pointer: Pointer, size: number): Pointer {
  return of.heap.large.resize(pointer, size) as Pointer;
}

function usable(of: FakeHeap, pointer: Pointer): number {
  return of.heap.large.sizeOf(pointer);
}

function bytes(of: FakeHeap, pointer: Pointer, length: number): Uint8Array {
  const from = pointer - of.heap.window.base;
  return of.heap.window.bytes.subarray(from, from + length);
}

test("a size that fits the same pages changes nothing", () => {
  const of = fakeHeap();
  const pointer = allocate(of, 10_000);
  assert.is(resize(of, pointer, 12_000), pointer);
  assert.is(control(of, "mremaps"), 0);
});

test("a block grows where it is while nothing is above, and the next one goes above that", () => {
  const of = fakeHeap();
  const pointer = allocate(of, 100_000);
  bytes(of, pointer, 100_000).fill(7);
  assert.is(resize(of, pointer, MIB), pointer);
  assert.ok(usable(of, pointer) >= MIB);
  assert.ok(bytes(of, pointer, 100_000).every((byte) => byte === 7));
  assert.is(control(of, "mremaps"), 1);
  verify(of);
  const searches = of.os.count("mappings");
  assert.ok(allocate(of, 100_000) > pointer + MIB);
  assert.is(of.os.count("mappings"), searches);
});

test("shrinking gives the upper pages back, and their place", () => {
  const of = fakeHeap();
  const pointer = allocate(of, MIB);
  const before = charged(of);
  assert.is(resize(of, pointer, 100_000), pointer);
  assert.is(charged(of), before - 257 + 25);
  assert.not.ok(of.os.isMapped(pointer + 200_000 - (200_000 % PAGE) - 16, PAGE));
  verify(of);
  assert.ok(allocate(of, 100_000) < pointer + MIB);
});

test("a block whose neighbour is in the way moves, contents and all", () => {
  const of = fakeHeap();
  const [pointer] = [allocate(of, 100_000), allocate(of, 100_000)];
  bytes(of, pointer!, 100_000).fill(9);
  const moved = resize(of, pointer!, 300_000);
  assert.ok(moved !== 0 && moved !== pointer);
  assert.ok(bytes(of, moved, 100_000).every((byte) => byte === 9));
  assert.ok(
    bytes(of, moved, 300_000)
      .subarray(102_400 - 16)
      .every((byte) => byte === 0),
  );
  assert.is(of.heap.large.sizeOf(pointer!), FREED);
  assert.is(control(of, "largeCount"), 2);
  verify(of);
  assert.is(resize(of, moved, 100_000), moved);
  free(of, moved);
  verify(of);
});

test("a block at the end of the window moves to where there is room", () => {
  const of = fakeHeap();
  const first = allocate(of, 10 * MIB);
  const last = allocate(of, 20 * MIB);
  free(of, first);
  const small = allocate(of, PAGE);
  assert.is(resize(of, last, 22 * MIB), 0, "no gap is that large");
  verify(of);
  assert.ok(usable(of, last) >= 20 * MIB);
  free(of, small);
  assert.is(resize(of, last, 2 * MIB), last);
  assert.ok(of.os.isMapped(last - 16, 2 * MIB));
});

test("an aligned block keeps the distance from its mapping's start", () => {
  const of = fakeHeap();
  const [pointer] = [allocate(of, 10_000, 65536), allocate(of, 10_000, 65536)];
  const moved = resize(of, pointer!, 400_000);
  assert.is.not(moved, 0);
  assert.ok(usable(of, moved) >= 400_000);
  verify(of);
});

for (const [why, refuse] of [
  ["the limit forbids it", (of: FakeHeap) => limitTo(of, 10)],
  ["no place is left", (of: FakeHeap) => of.os.refused.add("resizeInPlace").add("map")],
  ["the kernel does not move it", (of: FakeHeap) => of.os.refused.add("resizeInPlace").add("move")],
] as const) {
  test(`growing when ${why}: 0, and the block is as it was`, () => {
    const of = fakeHeap();
    const pointer = allocate(of, 100_000);
    bytes(of, pointer, 100_000).fill(3);
    const before = charged(of);
    const mapped = of.os.mappings();
    refuse(of);
    assert.is(resize(of, pointer, 300_000), 0);
    assert.is(charged(of), before);
    assert.equal(of.os.mappings(), mapped, "nothing is left mapped for it");
    assert.ok(bytes(of, pointer, 100_000).every((byte) => byte === 3));
    verify(of);
  });
}

/** Appends entries to the table, as if of blocks of that many pages, 0 for freed ones, up to `used` of them. */
function crowd(of: FakeHeap, used: number, pages = 0): void {
  for (let i = control(of, "mappingsUsed"); i < used; i++) {
    const at = control(of, "mappings") + 2 * i;
    of.m[at] = 0x4000_0000 + i;
    of.m[at + 1] = pages;
  }
  setControl(of, "mappingsUsed", used);
}

test("a full table forgets freed blocks, and keeps every live one", () => {
  const of = fakeHeap();
  const pointers = [1, 5000, 70_000, 300_000].map((size) => allocate(of, size));
  const gone = allocate(of, 100_000);
  free(of, gone);
  crowd(of, MAPPING_ENTRIES);
  const last = allocate(of, 5 * MIB);
  assert.is(control(of, "mappingsUsed"), 5);
  assert.is(control(of, "mappings"), MAPPINGS + MAPPING_WORDS, "the other table is in use");
  for (const pointer of [...pointers, last]) assert.ok(of.heap.large.sizeOf(pointer) >= 0);
  assert.is(of.heap.large.sizeOf((last + 8 * MIB) as Pointer), UNKNOWN);
  verify(of);
});

test("what the kernel refused to unmap is unmapped with the next block that is freed, also after the table was full", () => {
  const of = fakeHeap();
  const [first, second, third] = [1, 2, 3].map(() => allocate(of, 300_000)) as [Pointer, Pointer, Pointer];
  of.os.refused.add("unmap");
  free(of, first);
  free(of, second);
  assert.is(of.heap.large.sizeOf(first), FREED);
  verify(of);
  crowd(of, MAPPING_ENTRIES);
  const fourth = allocate(of, 1);
  assert.is(control(of, "mappings"), MAPPINGS + MAPPING_WORDS, "the other table is in use");
  of.os.refused.clear();
  for (const pointer of [third, fourth]) free(of, pointer);
  for (const pointer of [first, second, third]) assert.not(of.os.isMapped(pointer - 16, PAGE));
  const unmaps = of.os.count("unmap");
  free(of, allocate(of, 300_000));
  assert.is(of.os.count("unmap"), unmaps + 1, "none is unmapped twice");
  assert.is(allocate(of, 31 * MIB - 16), first, "all of the address space is free again");
  verify(of);
});

/** Bytes that are mapped in the whole process. */
function mapped(of: FakeHeap): number {
  return of.os.mappings().reduce((sum, [start, end]) => sum + end - start, 0);
}

test("a mapping to which the kernel moved no block, and which it refused to unmap, is unmapped later", () => {
  const of = fakeHeap();
  const before = mapped(of);
  const pointer = allocate(of, 300_000);
  for (const call of ["resizeInPlace", "move", "unmap"] as const) of.os.refused.add(call);
  assert.is(resize(of, pointer, 600_000), 0);
  verify(of);
  of.os.refused.clear();
  free(of, pointer);
  assert.is(mapped(of), before);
  verify(of);
});

test("a mapping whose thread died before it was entered, and which the kernel refused to unmap, is unmapped later", () => {
  const [joined, allocated] = storesToAllocate(fakeHeap({}, SMALL), new Killer(Number.POSITIVE_INFINITY));
  assert.ok(allocated > joined);
  for (let at = joined; at < allocated; at++) {
    const of = fakeHeap({}, SMALL);
    const before = mapped(of);
    assert.throws(
      () => storesToAllocate(of, new Killer(at)),
      (error: unknown) => error instanceof Killed,
    );
    of.os.threads.kill(VICTIM);
    of.os.threads.current = 1;
    of.os.refused.add("unmap");
    free(of, allocate(of, 100_000)); // recovers
    verify(of);
    of.os.refused.clear();
    for (const [start] of of.heap.large.mappings()) free(of, (start + 16) as Pointer); // lost if it died at the end
    free(of, allocate(of, 100_000));
    assert.is(mapped(of), before, `died before store ${at}`);
    verify(of);
  }
});

const SMALL = { viewLimit: 16 * MIB };
const VICTIM = 2;

/** Has a thread that may die join and allocate: its stores until it had joined, and at the end. */
function storesToAllocate(of: FakeHeap, killer: Killer): [number, number] {
  of.os.threads.current = VICTIM;
  const { large } = joinProcess(killer.window(of.heap.window), killer.os(of.os), noHooks());
  const joined = killer.stores;
  large.allocate(300_000, 16);
  return [joined, killer.stores];
}

test("full again, the first table is used again, with nothing left of what it held", () => {
  const of = fakeHeap();
  const pointers = [1, 5000].map((size) => allocate(of, size));
  for (const mappings of [MAPPINGS + MAPPING_WORDS, MAPPINGS, MAPPINGS + MAPPING_WORDS]) {
    crowd(of, MAPPING_ENTRIES);
    pointers.push(allocate(of, 100_000));
    assert.is(control(of, "mappings"), mappings);
    assert.is(control(of, "mappingsUsed"), pointers.length);
    for (const pointer of pointers) assert.ok(usable(of, pointer) > 0);
    verify(of);
  }
});

test("blocks that only move never fill the table either", () => {
  const of = fakeHeap();
  const blocks = [allocate(of, 100_000), allocate(of, 100_000)];
  crowd(of, MAPPING_ENTRIES - 1);
  for (let round = 0; round < 20; round++) {
    const i = round % 2;
    const grown = resize(of, blocks[i]!, 200_000);
    assert.is.not(grown, 0);
    blocks[i] = resize(of, grown, 100_000);
    assert.ok(control(of, "mappingsUsed") <= MAPPING_ENTRIES, `round ${round}`);
    verify(of);
  }
});

test("a resize while the table is full of live blocks is refused", () => {
  const of = fakeHeap();
  const pointer = allocate(of, 100_000);
  crowd(of, MAPPING_ENTRIES, 1);
  assert.is(resize(of, pointer, 300_000), 0);
  assert.is(usable(of, pointer), 25 * PAGE - 16, "as it was");
  for (let i = 1; i < MAPPING_ENTRIES; i++) of.m[control(of, "mappings") + 2 * i + 1] = 0;
  assert.is(resize(of, pointer, 300_000), pointer);
  assert.is(control(of, "mappingsUsed"), 1);
  verify(of);
});

test.run();
