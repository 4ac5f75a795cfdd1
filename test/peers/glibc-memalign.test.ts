/**
 * What glibc's tst-memalign.c and tst-memalign-2.c ask of aligned allocation, asked of this one: arguments and sizes
 * out of range, and that memory given back by aligned blocks, and what their alignment cost, is used again.
 *
 * Differs by design: an impossible alignment is an error with a code. The original's thread variant differs only in
 * where it runs and is left out here.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { alignedAlloc, check, free, malloc, type Pointer, stats, usableSize } from "../../src/index.js";
import { LARGEST, refused, usableFor } from "./expect.js";

const PAGE = 4096;

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

for (const [alignment, size] of [
  [32, 24],
  [64, 24],
  [128, 128],
  [128, 500],
] as const) {
  test(`a freed block of ${size} bytes aligned to ${alignment} is the next one given out`, () => {
    const first = alignedAlloc(alignment, size);
    usableFor(first, size, alignment);
    const usable = usableSize(first);
    free(first);
    const second = alignedAlloc(alignment, usable);
    usableFor(second, usable, alignment);
    free(second);
    assert.is(second, first);
  });
}

test("an aligned block comes from among freed ones that happen to be aligned", () => {
  const blocks = Array.from({ length: 10 }, (_, i) => (i === 4 ? alignedAlloc(64, 256) : malloc(256)));
  for (const pointer of blocks) free(pointer);
  const pointer = alignedAlloc(64, 256);
  usableFor(pointer, 256, 64);
  assert.ok(pointer >= Math.min(...blocks) && pointer < Math.max(...blocks) + 256, "memory was used again");
  free(pointer);
});

test("most places of large aligned blocks are used again for the same sizes", () => {
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
  const again = first.filter((pointer) => second.includes(pointer)).length;
  assert.ok(again > sizes.length / 2, `${again} of ${sizes.length} places were used again`);
  for (const pointer of [...second, ...walls]) free(pointer);
  check();
});

test("taking and freeing aligned blocks over and over needs no more memory", () => {
  const round = () => {
    for (let alignment = 32; alignment <= 8192; alignment *= 2) {
      const blocks = [24, 100, 1000, 10_000].map((size) => alignedAlloc(alignment, size));
      for (const pointer of blocks) free(pointer);
    }
  };
  for (let i = 0; i < 20; i++) round();
  const before = stats();
  for (let i = 0; i < 2000; i++) round();
  const after = stats();
  assert.is(after.allocated, before.allocated);
  assert.ok(
    after.footprint <= before.footprint,
    `footprint grew from ${before.footprint} to ${after.footprint}`,
  );
  check();
});

test.run();
