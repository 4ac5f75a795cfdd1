/**
 * What jemalloc's integration test rallocx.c asks of resizing, asked of realloc.
 *
 * Without counterpart here, and left out: realloc that aligns, and realloc that zeroes what it adds. jemalloc shrinks
 * to exactly the size class it came from; a piece too small to be a block stays with the block here, and so does the
 * rest of a page with a mapping, so what is asserted is how much may stay.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  calloc,
  check,
  configure,
  free,
  malloc,
  type Pointer,
  realloc,
  stats,
  usableSize,
  view,
} from "../../src/index.js";
import { holds, LARGEST, refused } from "./expect.js";

configure({ mmapThreshold: 128 * 1024 }); // how much may stay depends on it

const CYCLES = 3;
const STEPS = 1024;
const LARGEST_GROWN = 12 * 2 ** 20;
const PAGE = 4096;
/** A block that shrinks keeps its mapping down to here. */
const OWN_MAPPING = 64 * 1024;
/** More than the largest rest that cannot be a block of its own. */
const SPLINTER = 64;
/** A block in the heap keeps up to this part of what it has, and up to a page. */
const SLACK = 1 / 8;
const HEADER = 8;

/** Grows step by step, then shrinks back along the same sizes; returns the block. */
function growAndShrink(start: Pointer, next: (usable: number) => number): Pointer {
  let pointer = start;
  const usable = [usableSize(pointer)];
  while (usable.length < STEPS && usable.at(-1)! < LARGEST_GROWN) {
    const wanted = next(usable.at(-1)!);
    pointer = realloc(pointer, wanted);
    assert.ok(usableSize(pointer) >= wanted, `room for ${wanted}`);
    usable.push(usableSize(pointer));
  }
  assert.ok(usable.length > 10, "it grew in many steps");
  for (const size of usable.reverse()) {
    pointer = realloc(pointer, size);
    const have = usableSize(pointer);
    const most = size > OWN_MAPPING ? PAGE : Math.max(SPLINTER, Math.min(PAGE, (have + HEADER) * SLACK));
    assert.ok(have >= size && have - size <= most, `${size} keeps ${have - size} more`);
  }
  return pointer;
}

test("one byte more than is usable, and back again", () => {
  let pointer = malloc(1);
  for (let i = 0; i < CYCLES; i++) pointer = growAndShrink(pointer, (usable) => usable + 1);
  free(pointer);
  check();
});

test("an eighth more, up to 12 MiB, and back again", () => {
  let pointer = malloc(1);
  for (let i = 0; i < CYCLES; i++)
    pointer = growAndShrink(pointer, (usable) => Math.ceil(usable * 1.125) + 1);
  free(pointer);
  check();
});

for (const start of [1, 3 * 1024, 63 * 1024, 4095 * 1024]) {
  test(`${start} bytes grown byte by byte keep what they hold`, () => {
    let pointer = calloc(start, 1);
    let usable = usableSize(pointer);
    holds(pointer, 0, 0, start);
    view(pointer).fill(0xaa);
    let grown = 0;
    for (let more = 1; more < 2048; more++) {
      const moved = realloc(pointer, start + more);
      const now = usableSize(moved);
      assert.ok(now >= start + more);
      if (moved !== pointer || now !== usable) {
        holds(moved, 0xaa, 0, Math.min(usable, start + more));
        grown++;
      }
      view(moved).fill(0xaa, Math.min(usable, now));
      pointer = moved;
      usable = now;
    }
    assert.ok(start > 2 ** 20 || grown > 0, "it grew at least once");
    holds(pointer, 0xaa, 0, start + 2047);
    free(pointer);
    check();
  });
}

test("two mappings that push each other on through the address space keep what they hold", () => {
  const blocks = [malloc(200_000), malloc(200_000)];
  for (const [i, pointer] of blocks.entries()) view(pointer).fill(0x61 + i);
  const { allocated } = stats();
  for (let move = 0; move < 70_000; move++) {
    const one = move % 2;
    blocks[one] = realloc(realloc(blocks[one]!, 300_000), 200_000);
  }
  assert.is(stats().allocated, allocated);
  for (const [i, pointer] of blocks.entries()) {
    holds(pointer, 0x61 + i, 0, 200_000);
    free(pointer);
  }
  check();
});

test("sizes past every address space leave the block as it was", () => {
  const pointer = malloc(1);
  view(pointer, 1).fill(0x11);
  const usable = usableSize(pointer);
  for (const size of [2 ** 47, 2 ** 52, LARGEST]) refused(() => realloc(pointer, size), "ERR_OUT_OF_MEMORY");
  for (const size of [2 ** 63, 2 ** 64]) refused(() => realloc(pointer, size), "ERR_INVALID_ARG");
  assert.is(usableSize(pointer), usable);
  holds(pointer, 0x11, 0, 1);
  free(pointer);
});

test.run();
