/**
 * Large blocks where segments were: in chunks that stay mapped, when nothing else is left.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CHUNK_BYTES } from "../../src/memory/control.js";
import type { Pointer } from "../../src/memory/memory.js";
import { isKept, isVacant, vacantChunks } from "../../src/space/vacant.js";
import { type FakeHeap, fakeHeap, footprintPages, free, verify } from "../support/fake-heap.js";
import { MIB, PAGE } from "../support/fake-os.js";

/** A heap whose window of 64 MiB is full of free blocks, which are given up when something large is asked for. */
function filled(): FakeHeap {
  const of = fakeHeap();
  const small: Pointer[] = [];
  for (let p = of.heap.allocate(100_000); p !== 0; p = of.heap.allocate(100_000)) small.push(p);
  for (const pointer of small) free(of, pointer);
  of.heap.relieve();
  assert.ok(vacantChunks(of.m) > 55);
  return of;
}

function map(of: FakeHeap, bytes: number, alignment = 16): Pointer {
  const pointer = of.heap.large.allocate(bytes, alignment);
  assert.is.not(pointer, 0, `room for ${bytes} bytes`);
  assert.ok(bytesAt(of, pointer, bytes).every((byte) => byte === 0));
  assert.is(pointer % alignment, 0);
  return pointer;
}

function bytesAt(of: FakeHeap, pointer: number, bytes: number): Uint8Array {
  return new Uint8Array(of.heap.window.buffer, pointer - of.heap.window.base, bytes);
}

function chunkOf(of: FakeHeap, pointer: number): number {
  return Math.floor((pointer - of.heap.window.base) / CHUNK_BYTES);
}

test("a block takes whole vacant chunks, and they are vacant again when it is freed", () => {
  const of = filled();
  const before = vacantChunks(of.m);
  const [mapped, pages] = [of.os.mappings(), footprintPages(of)];
  const pointer = map(of, 3 * MIB + 100);
  assert.is(vacantChunks(of.m), before - 4);
  assert.equal(of.os.mappings(), mapped);
  assert.is(footprintPages(of), pages + (3 * MIB) / PAGE + 1);
  bytesAt(of, pointer, 3 * MIB).fill(7);
  verify(of);
  assert.ok(of.heap.large.free(pointer) >= 0);
  assert.is(vacantChunks(of.m), before);
  assert.is(footprintPages(of), pages);
  assert.is(of.os.count("unmap"), 0);
  assert.ok(of.heap.large.free(pointer) < 0, "freed");
  map(of, 4 * MIB - 100);
  verify(of);
});

test("no chunk is taken twice: by blocks, nor by segments", () => {
  const of = filled();
  const blocks: Pointer[] = [];
  for (let p = of.heap.large.allocate(2 * MIB, 16); p !== 0; p = of.heap.large.allocate(2 * MIB, 16)) {
    bytesAt(of, p, 2 * MIB).fill(blocks.push(p));
  }
  for (let p = of.heap.allocate(100_000); p !== 0; p = of.heap.allocate(100_000))
    bytesAt(of, p, 100_000).fill(255);
  for (const [i, pointer] of blocks.entries()) {
    assert.ok(
      bytesAt(of, pointer, 2 * MIB).every((byte) => byte === i + 1),
      `block ${i}`,
    );
  }
  assert.ok(blocks.length > 15);
  verify(of);
});

test("aligned blocks", () => {
  const of = filled();
  for (const alignment of [PAGE, 64 * 1024, 4 * MIB]) {
    const pointer = map(of, MIB, alignment);
    assert.ok(isKept(of.m, chunkOf(of, pointer)));
    bytesAt(of, pointer, MIB).fill(7);
    verify(of);
    if (alignment !== PAGE) of.heap.large.free(pointer);
  }
  map(of, 20 * MIB);
  verify(of);
});

test("one that shrinks gives up the chunks at its end", () => {
  const of = filled();
  const pointer = map(of, 4 * MIB);
  const before = vacantChunks(of.m);
  bytesAt(of, pointer, 4 * MIB).fill(7);
  assert.is(of.heap.large.resize(pointer, MIB + 100), pointer);
  assert.is(vacantChunks(of.m), before + 3);
  assert.ok(bytesAt(of, pointer, MIB + 100).every((byte) => byte === 7));
  verify(of);
  assert.is(of.heap.large.resize(pointer, 100_000), pointer);
  assert.ok(of.heap.large.free(pointer) >= 0);
  map(of, 4 * MIB);
  verify(of);
});

test("one that grows is copied to another place, and its chunks are vacant then", () => {
  const of = filled();
  const pointer = map(of, MIB);
  bytesAt(of, pointer, MIB).fill(7);
  const moved = of.heap.large.resize(pointer, 5 * MIB) as Pointer;
  assert.is.not(moved, pointer);
  assert.ok(bytesAt(of, moved, MIB).every((byte) => byte === 7));
  assert.ok(bytesAt(of, moved + MIB + PAGE, 4 * MIB - PAGE).every((byte) => byte === 0));
  assert.ok(isVacant(of.m, chunkOf(of, pointer)));
  assert.is(of.os.count("move") + of.os.count("resizeInPlace"), 0);
  assert.is(of.heap.large.resize(moved, 6 * MIB, false), 0, "where it may not move it stays");
  verify(of);
});

test("where pages are locked in memory a freed one is cleared", () => {
  const of = filled();
  const pointer = map(of, MIB);
  bytesAt(of, pointer, MIB).fill(7);
  of.os.refused.add("discard");
  of.heap.large.free(pointer);
  map(of, MIB);
  verify(of);
});

test.run();
