/**
 * What glibc's tst-memalign.c and tst-memalign-2.c ask of aligned allocation, asked of this one: arguments and sizes
 * out of range, and that memory given back by aligned blocks, and what their alignment cost, is used again.
 *
 * Differs by design: an impossible alignment is an error with a code. The original's thread variant differs only in
 * where it runs and is left out here. glibc gives the very block out that was freed last; here a freed block is kept
 * for malloc first, so what is asserted is that the same work done again needs no more memory.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { alignedAlloc, check, free, malloc, type Pointer, stats } from "../../src/index.js";
import { LARGEST, refused, usableFor } from "./expect.js";

const PAGE = 4096;
/** Alignment and size. */
const SHAPES = [
  [32, 24],
  [64, 24],
  [128, 128],
  [128, 500],
  [PAGE, 100],
] as const;

test("impossible sizes and alignments", () => {
  refused(() => alignedAlloc(8, LARGEST), "ERR_OUT_OF_MEMORY");
  refused(() => alignedAlloc(PAGE, LARGEST + 1 - PAGE), "ERR_OUT_OF_MEMORY");
  for (const alignment of [0, 65, -1, LARGEST, 2 ** 52, 2 ** 63]) {
    refused(() => alignedAlloc(alignment, PAGE), "ERR_INVALID_ARG");
  }
});

test("size 0, alignment 1, and an alignment larger than the size", () => {
  for (const [alignment, size] of [
    [8, 0],
    [1, 64],
    [64, 64],
    [0x100, 10],
  ] as const) {
    const pointer = alignedAlloc(alignment, size);
    usableFor(pointer, Math.max(size, 1), alignment);
    free(pointer);
  }
});

/** Runs `round` many times; the heap may grow while its caches fill, and not for every round. */
function staysSmall(round: () => void): void {
  for (let i = 0; i < 100; i++) round();
  const before = stats();
  for (let i = 0; i < 20_000; i++) round();
  const after = stats();
  assert.is(after.allocated, before.allocated);
  const growth = after.footprint - before.footprint;
  assert.ok(growth <= 64 * PAGE, `footprint grew by ${growth}`);
  check();
}

for (const [alignment, size] of SHAPES) {
  test(`a freed block of ${size} bytes aligned to ${alignment} is used again`, () => {
    staysSmall(() => {
      const pointer = alignedAlloc(alignment, size);
      if (pointer % alignment !== 0) usableFor(pointer, size, alignment);
      free(pointer);
    });
  });
}

test("an aligned block among others of its size, all freed and taken again, takes no more memory each time", () => {
  staysSmall(() => {
    const blocks = Array.from({ length: 10 }, (_, i) => (i === 4 ? alignedAlloc(64, 256) : malloc(256)));
    for (const pointer of blocks) free(pointer);
    const pointer = alignedAlloc(64, 256);
    if (pointer % 64 !== 0) usableFor(pointer, 256, 64);
    free(pointer);
  });
});

test("aligned blocks of many shapes, alive together, take no more memory each time", () => {
  staysSmall(() => {
    const blocks: Pointer[] = [];
    for (let alignment = 32; alignment <= 8192; alignment *= 4) {
      for (const size of [24, 100, 1000, 10_000]) blocks.push(alignedAlloc(alignment, size));
    }
    for (const pointer of blocks) free(pointer);
  });
});

test("most large aligned blocks take memory that such blocks gave back, though walls keep it from joining", () => {
  const sizes = [23450, 23450, 23550, 23550, 23650, 23650, 33650, 33650];
  const walls: Pointer[] = [];
  const first = sizes.map((size) => {
    const pointer = alignedAlloc(64, size);
    usableFor(pointer, size, 64);
    walls.push(malloc(512));
    return pointer;
  });
  for (const pointer of first) free(pointer);
  walls.push(malloc(60_000));
  const second = sizes.map((size) => alignedAlloc(64, size));
  for (const [i, pointer] of second.entries()) usableFor(pointer, sizes[i]!, 64);
  const reached = Math.max(...first, ...walls);
  const again = second.filter((pointer) => pointer < reached).length;
  assert.ok(again > sizes.length / 2, `${again} of ${sizes.length} blocks lie in memory that was freed`);
  for (const pointer of [...second, ...walls]) free(pointer);
  check();
});

test.run();
