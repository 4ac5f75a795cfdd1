/**
 * Pointers to blocks that were freed, wherever freed memory goes: a second free, a realloc and a look at them are
 * refused. Where the header is gone as well, the pointer is merely invalid.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  alignedAlloc,
  check,
  configure,
  free,
  malloc,
  type Pointer,
  realloc,
  stats,
  trim,
  view,
  walk,
} from "../../src/index.js";
import { refusesPointer } from "./refusal.js";

configure({ mmapThreshold: 128 * 1024 }); // some of these are about mappings

const DOUBLE = "ERR_DOUBLE_FREE";
const INVALID = "ERR_INVALID_POINTER";

/** Blocks side by side: the heap is emptied first, and a last block keeps them off the wilderness. */
function row(...sizes: number[]): Pointer[] {
  trim();
  const blocks = sizes.map((size) => malloc(size));
  for (let i = 1; i < blocks.length; i++) assert.ok(blocks[i]! > blocks[i - 1]!, "the blocks ascend");
  return blocks;
}

function stateAt(pointer: Pointer): string | undefined {
  for (const block of walk()) if (block.pointer === pointer) return block.state;
  return undefined;
}

function freeAll(...pointers: Pointer[]): void {
  for (const pointer of pointers) free(pointer);
  trim();
  check();
  assert.is(stats().blocks, 0);
}

test("in the cache", () => {
  const [block, last] = row(100, 100) as [Pointer, Pointer];
  free(block);
  assert.is(stateAt(block), "cached");
  refusesPointer(block, "a cached block", DOUBLE);
  freeAll(last);
});

test("joined out of a full cache", () => {
  const blocks = row(...Array.from({ length: 300 }, () => 200));
  for (const pointer of blocks.slice(0, -1)) free(pointer);
  for (const pointer of blocks.slice(0, -1)) refusesPointer(pointer, "a joined small block", DOUBLE);
  freeAll(blocks.at(-1)!);
});

test("in a bin", () => {
  const [first, block, last] = row(20_000, 20_000, 20_000) as [Pointer, Pointer, Pointer];
  free(block);
  assert.is(stateAt(block), "free");
  refusesPointer(block, "a binned block", DOUBLE);
  check();
  freeAll(first, last);
});

test("merged into the block below", () => {
  const [below, block, last] = row(20_000, 30_000, 20_000) as [Pointer, Pointer, Pointer];
  free(below);
  free(block);
  assert.is(stateAt(block), undefined);
  refusesPointer(block, "a block merged backward", DOUBLE);
  refusesPointer(below, "the block it was merged into", DOUBLE);
  freeAll(last);
});

test("merged with the block above", () => {
  const [block, above, last] = row(20_000, 30_000, 20_000) as [Pointer, Pointer, Pointer];
  free(above);
  free(block);
  assert.is(stateAt(above), undefined);
  refusesPointer(block, "a block merged forward", DOUBLE);
  refusesPointer(above, "the block it swallowed", DOUBLE);
  freeAll(last);
});

test("merged on both sides", () => {
  const [below, block, above, last] = row(20_000, 30_000, 40_000, 20_000) as [
    Pointer,
    Pointer,
    Pointer,
    Pointer,
  ];
  free(below);
  free(above);
  free(block);
  for (const pointer of [below, block, above]) refusesPointer(pointer, "one of three merged blocks", DOUBLE);
  freeAll(last);
});

test("at the wilderness", () => {
  const [first, block] = row(20_000, 30_000) as [Pointer, Pointer];
  free(block);
  assert.is(stateAt(block), undefined);
  refusesPointer(block, "a block that is wilderness again", DOUBLE);
  free(first);
  refusesPointer(first, "the first block of all", DOUBLE);
  freeAll();
});

test("unmapped", () => {
  const blocks = [malloc(200_000), malloc(1_000_000), malloc(300_000), alignedAlloc(65_536, 400_000)];
  for (const block of blocks) {
    free(block);
    refusesPointer(block, "an unmapped block", DOUBLE);
  }
  freeAll();
});

test("moved by the kernel", () => {
  const block = malloc(400_000);
  const inTheWay = malloc(400_000);
  const moved = realloc(block, 4_000_000);
  assert.is.not(moved, block);
  refusesPointer(block, "where a mapping was", DOUBLE);
  freeAll(moved, inTheWay);
});

test("moved by realloc", () => {
  for (const [from, to] of [
    [100, 5000],
    [2000, 50_000],
    [50_000, 500_000],
    [500_000, 100],
  ] as const) {
    const [block, last] = [malloc(from), malloc(2000)];
    const moved = realloc(block, to);
    assert.is.not(moved, block);
    refusesPointer(block, `a block of ${from} bytes that moved`, DOUBLE);
    freeAll(moved, last);
  }
});

test("freed through realloc, twice", () => {
  const [block, last] = row(20_000, 20_000) as [Pointer, Pointer];
  const moved = realloc(block, 50_000);
  const movedAgain = realloc(moved, 200_000);
  refusesPointer(block, "the first place", DOUBLE);
  refusesPointer(moved, "the second place", DOUBLE);
  freeAll(movedAgain, last);
});

test("swallowed by a block that grew backward", () => {
  const [below, block, last] = row(40_000, 1500, 2000) as [Pointer, Pointer, Pointer];
  free(below);
  const grown = realloc(block, 40_500);
  assert.is(grown, below);
  refusesPointer(block, "where the block began before", INVALID);
  view(grown).fill(0);
  refusesPointer(block, "where the block began before", INVALID);
  freeAll(grown, last);
});

test("swallowed by a block that grew forward", () => {
  const [block, above, last] = row(1500, 40_000, 2000) as [Pointer, Pointer, Pointer];
  free(above);
  assert.is(realloc(block, 40_500), block);
  refusesPointer(above, "the free block it grew over", INVALID);
  freeAll(block, last);
});

test("cut off by a block that shrank", () => {
  const [block, last] = row(50_000, 2000) as [Pointer, Pointer];
  assert.is(realloc(block, 1000), block);
  const tail = [...walk()].find((found) => found.state === "free")!.pointer;
  refusesPointer(tail, "the tail", DOUBLE);
  freeAll(block, last);
});

test("trimmed away", () => {
  const blocks = row(...Array.from({ length: 20 }, () => 50_000));
  const freed = blocks.slice(2, 18);
  for (const pointer of freed) free(pointer);
  assert.ok(trim() > 16 * 45_000);
  for (const pointer of freed) refusesPointer(pointer, "a block whose pages are gone", DOUBLE, INVALID);
  freeAll(...blocks.filter((pointer) => !freed.includes(pointer)));
  for (const pointer of blocks) refusesPointer(pointer, "a block in trimmed wilderness", DOUBLE, INVALID);
});

test("in memory that another block has now, before and after that one is written", () => {
  const small = row(...Array.from({ length: 50 }, () => 10_000));
  for (const pointer of small) free(pointer);
  const large = malloc(100_000);
  const inside = small.filter((pointer) => pointer > large && pointer < large + 100_000);
  assert.ok(inside.length > 5);
  for (const pointer of inside) refusesPointer(pointer, "a block that is part of another", INVALID);
  view(large).fill(0xff);
  for (const pointer of inside) refusesPointer(pointer, "a block that is part of another", INVALID);
  freeAll(large);
});

test.run();
