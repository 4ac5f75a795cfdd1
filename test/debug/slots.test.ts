/**
 * Blocks with pages of their own: wrong accesses by this library throw and name the block with the lines that allocated and freed it;
 * what is written beside a block in its own pages is found later; and all else is as with other blocks.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import "../../src/index.js";
import "./programs/guard-each.js";
import "../../src/debug/index.js";
import { profile } from "../../src/debug/index.js";
import { HEADER_BYTES, SlotNote } from "../../src/debug/slot-note.js";
import { SlotPool } from "../../src/debug/slots.js";
import {
  Arena,
  alignedAlloc,
  alignedRealloc,
  atomic,
  buffer,
  calloc,
  check,
  compare,
  copy,
  fill,
  free,
  goodSize,
  Heap,
  HeapError,
  internals,
  malloc,
  NULL,
  offset,
  owns,
  type Pointer,
  read,
  readCString,
  realloc,
  recalloc,
  stats,
  struct,
  typed,
  usableSize,
  view,
  walk,
  write,
} from "../../src/index.js";
import { Random, testSeed } from "../support/seed.js";
import { refused } from "../support/throws.js";

const SLOTS = 32;
const PAGE = internals.slots.pageSize;
const raw = new Uint8Array(internals.buffer);

function allocateHere(size: number): Pointer {
  return malloc(size);
}

function freeHere(pointer: Pointer): void {
  free(pointer);
}

/** Whether a block has pages of its own. */
function isApart(pointer: Pointer): boolean {
  return [...walk()].some((block) => block.pointer === pointer && block.state === "mapped");
}

/** One that lies at the start of its pages, or at their end. */
function at(side: "start" | "end", size: number): Pointer {
  for (let i = 0; i < 100; i++) {
    const block = allocateHere(size);
    if ((block % PAGE === 0) === (side === "start")) return block;
    free(block);
  }
  throw new Error(`no block at the ${side} in 100`);
}

const LINES = /allocated by malloc in the main thread, 2\d\d\d-.*Z\n +at allocateHere \(.*slots.*\.[jt]s:\d+/;
const BOTH =
  /at allocateHere[\s\S]*\n +freed by free in the main thread, .*\n +at freeHere \(.*slots.*\.[jt]s:\d+/;

for (const size of [0, 1, 16, 24, 100, 4096, 5000, 9208, 12_288]) {
  for (const side of ["start", "end"] as const) {
    if (side === "end" && size > 0 && size % PAGE === 0) continue; // it lies at both
    test(`a block of ${size} bytes at the ${side} of its pages can be used to its last byte, and no further`, () => {
      const block = at(side, size);
      assert.is(usableSize(block), size);
      assert.is(block % 16, 0);
      if (size > 0) {
        write.u8(block, 7, size - 1);
        assert.is(read.u8(block, size - 1), 7);
        fill(block, 1, size);
        assert.is(view(block).length, size);
      }
      const past = new RegExp(
        `past the end of the block of ${size} bytes at 0x${block.toString(16)}\\n +${LINES.source}`,
      );
      refused("ERR_OUT_OF_BOUNDS", () => read.u8(block, size), /^read.u8: 1 byte at/, /begin 0 bytes/, past);
      refused("ERR_OUT_OF_BOUNDS", () => write.u8(offset(block, size), 1), past);
      refused("ERR_OUT_OF_BOUNDS", () => write.f64(block, 1, size + 64), past);
      refused("ERR_OUT_OF_BOUNDS", () => atomic.i32.load(block, size + (8 - (size % 4))), past);
      refused("ERR_OUT_OF_BOUNDS", () => view(block, size + 1), past);
      refused("ERR_OUT_OF_BOUNDS", () => buffer(block, size + 1), past);
      refused("ERR_OUT_OF_BOUNDS", () => typed(Uint8Array, block, size + 1), past);
      refused("ERR_OUT_OF_BOUNDS", () => fill(block, 0, size + 1), past);
      refused("ERR_OUT_OF_BOUNDS", () => copy(malloc(20_000), block, size + 1), past);
      refused("ERR_OUT_OF_BOUNDS", () => compare(block, block, size + 1), past);
      refused("ERR_OUT_OF_BOUNDS", () => read.u8(block, -1), /begin 1 bytes before the block/, LINES);
      freeHere(block);
      assert.not.ok(owns(block));
      for (const use of [
        () => read.u8(block),
        () => write.u8(block, 1, Math.max(0, size - 1)),
        () => view(block, 1),
        () => fill(block, 0, 1),
      ])
        refused("ERR_USE_AFTER_FREE", use, /which was freed/, BOTH);
      refused("ERR_DOUBLE_FREE", () => free(block), BOTH);
      refused("ERR_DOUBLE_FREE", () => realloc(block, 5), BOTH);
      refused("ERR_DOUBLE_FREE", () => usableSize(block), BOTH);
    });
  }
}

test("records are looked at with each field, and strings to their NUL", () => {
  const Pair = struct({ a: "u32", b: "u32" });
  const small = malloc(4);
  assert.ok(isApart(small));
  refused("ERR_OUT_OF_BOUNDS", () => Pair.at(small), /^at: 8 bytes/);
  const pair = Pair.alloc({ a: 1, b: 2 });
  assert.ok(isApart(pair.pointer));
  assert.is(pair.b, 2);
  free(pair.pointer);
  refused("ERR_USE_AFTER_FREE", () => pair.b, /freed by free/);
  refused("ERR_USE_AFTER_FREE", () => (pair.a = 1));
  const array = Pair.array(3);
  array.at(2).b = 7;
  assert.is(array.at(2).b, 7);
  free(array.pointer);
  refused("ERR_USE_AFTER_FREE", () => array.at(2).b);
  const text = malloc(3);
  fill(text, 65, 3);
  assert.is(readCString(text), "AAA");
  refused("ERR_OUT_OF_BOUNDS", () => readCString(text, 100));
  free(text);
  free(small);
});

test("an access inside the slots that is no block's names the next one", () => {
  const block = at("start", 100);
  refused(
    "ERR_OUT_OF_BOUNDS",
    () => read.u8(offset(block, 2 * PAGE)),
    /past the end of the block of 100 bytes/,
  );
  assert.is(read.u8(offset(block, 50), 49), read.u8(block, 99));
  refused("ERR_OUT_OF_BOUNDS", () => read.u32(offset(block, 50), 48), /end 2 bytes past the end/);
  free(block);
  refused("ERR_INVALID_POINTER", () => free(offset(block, 16)));
});

test("what C writes beside a block in its pages is found when it is freed, and by check()", () => {
  for (const side of ["start", "end"] as const) {
    for (const find of [
      (block: Pointer) => free(block),
      () => check(),
      (block: Pointer) => realloc(block, 5000),
    ]) {
      const block = at(side, 24);
      const place = block + (side === "start" ? 24 : -3) - internals.base;
      const was = raw[place]!;
      raw[place] = 1;
      const where = side === "start" ? "at its byte 24" : "3 bytes before it";
      refused(
        "ERR_HEAP_CORRUPT",
        () => find(block),
        new RegExp(`was overrun: something wrote ${where}`),
        LINES,
      );
      assert.ok(owns(block), "it stays");
      raw[place] = was;
      free(block);
    }
  }
  check();
});

test("a slot is used again when all others were used since", () => {
  const note = new SlotNote(
    new Uint8Array(internals.buffer, internals.slots.pool() - internals.base, HEADER_BYTES),
  );
  const slots = Array.from({ length: 3 * SLOTS }, () => {
    const block = malloc(10);
    free(block);
    return note.slotAt(block);
  });
  assert.is(new Set(slots).size, SLOTS);
  for (let i = SLOTS; i < slots.length; i++) assert.is(slots[i], slots[i - SLOTS]);
});

test("when all slots have a block, others are as ever; stats() and walk() know them all", () => {
  const before = stats();
  const sizes = Array.from({ length: 3 * SLOTS }, (_, i) => 40 + 16 * (i % 5));
  const blocks = sizes.map((size) => malloc(size));
  const walked = new Map([...walk()].map(({ pointer, size, state }) => [pointer, { size, state }]));
  const apart = blocks.filter((block) => walked.get(block)!.state === "mapped");
  assert.is(apart.length, SLOTS);
  const sum = blocks.reduce((bytes, block) => bytes + walked.get(block)!.size, 0);
  const { allocated, blocks: count } = stats();
  assert.equal([allocated - before.allocated, count - before.blocks], [sum, blocks.length]);
  for (const block of blocks) free(block);
  assert.equal([stats().allocated, stats().blocks], [before.allocated, before.blocks]);
  check();
});

test("blocks of a Heap, aligned and large ones have no pages of their own, and work", () => {
  const made = new Heap({ limit: 1 << 20 });
  const inHeap = made.malloc(100);
  const aligned = alignedAlloc(256, 100);
  const large = malloc(20_000);
  for (const block of [inHeap, aligned, large]) {
    fill(block, 1, 100);
    assert.not.ok(isApart(block) && usableSize(block) === 100);
  }
  const block = malloc(100);
  refused("ERR_INVALID_POINTER", () => made.free(block));
  assert.ok(owns(block));
  free(block);
  free(aligned);
  free(large);
  made.destroy();
  assert.is(goodSize(100), 100);
});

test("all ways to allocate and to resize keep contents", () => {
  const random = new Random(testSeed("slots"));
  const arena = new Arena();
  const ways: ((size: number) => Pointer)[] = [
    malloc,
    (size) => calloc(1, size),
    (size) => alignedAlloc(64, size),
    (size) => realloc(NULL, size),
  ];
  const resizes: ((pointer: Pointer, size: number) => Pointer)[] = [
    realloc,
    recalloc,
    (pointer, size) => alignedRealloc(pointer, 64, size),
  ];
  const sizes = [0, 1, 24, 25, 1000, 4090, 9208, 12_288, 12_289, 131_072, 400_000];
  const live: { block: Pointer; length: number; byte: number }[] = [];
  for (let round = 0; round < 1000; round++) {
    const length = sizes[random.int(0, sizes.length - 1)]! + random.int(0, 40);
    const byte = random.int(1, 255);
    if (live.length < 50 && random.int(0, 2) > 0) {
      const way = random.int(0, ways.length - 1);
      const block = ways[way]!(length);
      if (way === 1) assert.ok(view(block, length).every((each) => each === 0));
      fill(block, byte, length);
      live.push({ block, length, byte });
      continue;
    }
    if (live.length === 0) continue;
    const one = live.splice(random.int(0, live.length - 1), 1)[0]!;
    assert.ok(view(one.block, one.length).every((each) => each === one.byte));
    if (random.int(0, 1) === 0) free(one.block);
    else {
      const block = resizes[random.int(0, resizes.length - 1)]!(one.block, length);
      assert.ok(usableSize(block) >= length);
      assert.ok(view(block, Math.min(length, one.length)).every((each) => each === one.byte));
      fill(block, byte, length);
      live.push({ block, length, byte });
    }
    if (round % 100 === 0) check();
  }
  for (const { block } of live) free(block);
  write.u32(arena.malloc(100), 1);
  arena.dispose();
  check();
});

test("one block of so many is taken, by the fast path and by the slow one, also while a profile counts", () => {
  const every = 50;
  const rounds = 50_000;
  const some = new SlotPool(internals.slots.pool(), internals.slots.openPages(), every);
  internals.slots.begin(some, some.counter);
  const taken = (size: number) => {
    let count = 0;
    for (let i = 0; i < rounds; i++) {
      const block = malloc(size);
      if (some.covers(block)) count++;
      free(block);
    }
    return count;
  };
  const isNear = (count: number) => {
    const error = 6 * Math.sqrt(rounds / every);
    assert.ok(Math.abs(count - rounds / every) <= error, `${count} of ${rounds}`);
  };
  isNear(taken(64));
  isNear(taken(10_000)); // never by the fast path
  profile.start({ every: 100_000 });
  isNear(taken(64));
  const bytes = profile.stop().samples.reduce((sum, { allocatedBytes }) => sum + allocatedBytes, 0);
  const error = 6 * Math.sqrt(64 * rounds * 100_000);
  assert.ok(Math.abs(bytes - 64 * rounds) <= error, `${bytes} of ${64 * rounds}`);
  isNear(taken(64));
  const each = new SlotPool(internals.slots.pool(), internals.slots.openPages(), 1);
  internals.slots.begin(each, each.counter);
});

test("a full stack loses no more than the blocks in hand", () => {
  const blocks: Pointer[] = [];
  const fillStack = (): void => {
    try {
      fillStack();
    } catch {
      // the stack is full
    }
    try {
      const block = malloc(50);
      blocks.push(block);
      free(block);
      blocks.pop();
    } catch (error) {
      if (error instanceof HeapError) throw error;
    }
  };
  for (let round = 0; round < 5; round++) {
    fillStack();
    check();
    for (const block of blocks.splice(0)) if (owns(block)) free(block);
  }
  const more = Array.from({ length: 2 * SLOTS }, () => malloc(10));
  const apart = more.filter(isApart).length;
  assert.ok(apart >= SLOTS / 2, `${apart} of ${SLOTS}`);
  for (const block of more) free(block);
});

test.run();
