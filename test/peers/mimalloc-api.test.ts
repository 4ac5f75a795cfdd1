/**
 * What mimalloc's test-api.c asks of an allocator, asked of this one.
 *
 * Without counterpart here, and left out: heaps that are made and destroyed, alignment at an offset, realpath, the
 * C++ allocators, and the zeroing of aligned and of grown blocks. Where the original looks for NULL and errno, an
 * error with a code is expected.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { alignedAlloc, calloc, check, free, malloc, NULL, realloc, usableSize } from "../../src/index.js";
import { LARGEST, refused, usableFor } from "./expect.js";

const MIB = 2 ** 20;
const WIDE_ALIGNMENT = 16 * MIB;

test("malloc(0) gives a block of its own that can be freed", () => {
  const first = malloc(0);
  const second = malloc(0);
  usableFor(first, 1);
  usableFor(second, 1);
  assert.is.not(first, second);
  free(first);
  free(second);
});

test("a size past every address space is out of memory", () => {
  refused(() => malloc(LARGEST), "ERR_OUT_OF_MEMORY");
  refused(() => malloc(2 ** 52), "ERR_OUT_OF_MEMORY");
});

test("free(NULL) does nothing", () => {
  const before = malloc(8);
  assert.is(free(NULL), undefined);
  check();
  free(before);
});

test("calloc refuses a product that overflows", () => {
  refused(() => calloc(0x7f12_3456_7890, LARGEST), "ERR_INVALID_ARG", "ERR_OUT_OF_MEMORY");
  refused(() => calloc(2 ** 27, 2 ** 27), "ERR_INVALID_ARG", "ERR_OUT_OF_MEMORY");
});

test("calloc of no elements takes no more than the smallest block", () => {
  const smallest = malloc(1);
  const none = calloc(0, 1000);
  assert.is(usableSize(none), usableSize(smallest));
  assert.ok(usableSize(none) <= 32);
  free(none);
  free(smallest);
});

test("a block of just over 64 MiB", () => {
  const large = malloc(64 * MIB + 8);
  usableFor(large, 64 * MIB + 8);
  free(large);
});

test("alignment must be a power of two; the size may be anything", () => {
  const word = alignedAlloc(8, 32);
  usableFor(word, 32, 8);
  free(word);
  for (const alignment of [0, 3, 24, -8, 8.5, Number.NaN]) {
    refused(() => alignedAlloc(alignment, 32), "ERR_INVALID_ARG");
  }
  const empty = alignedAlloc(8, 0);
  usableFor(empty, 1, 8);
  free(empty);
  refused(() => alignedAlloc(8, LARGEST), "ERR_OUT_OF_MEMORY");
});

test("small aligned blocks", () => {
  for (const [alignment, size] of [
    [32, 32],
    [32, 48],
    [16, 8],
    [0x100, 0x100],
  ] as const) {
    const blocks = Array.from({ length: 8 }, () => alignedAlloc(alignment, size));
    for (const pointer of blocks) usableFor(pointer, size, alignment);
    assert.is(new Set(blocks).size, 8);
    for (const pointer of blocks.reverse()) free(pointer);
  }
});

test("an aligned block does not keep what its alignment cost", () => {
  const pointer = alignedAlloc(4096, 4097);
  usableFor(pointer, 4097, 4096);
  assert.ok(usableSize(pointer) < 10_000, `${usableSize(pointer)} bytes`);
  free(pointer);
});

test("blocks of thirteen times their alignment", () => {
  for (let alignment = 1; alignment <= MIB; alignment *= 2) {
    const blocks = Array.from({ length: 8 }, () => alignedAlloc(alignment, alignment * 13));
    for (const pointer of blocks) usableFor(pointer, alignment * 13, alignment);
    for (const pointer of blocks) free(pointer);
  }
  check();
});

test("alignments from 16 to 256 MiB for a small block", () => {
  for (let factor = 1; factor <= 16; factor *= 2) {
    const pointer = alignedAlloc(factor * WIDE_ALIGNMENT, 1024);
    usableFor(pointer, 1024, factor * WIDE_ALIGNMENT);
    free(pointer);
  }
  check();
});

test("every alignment up to 128 MiB with sizes from 0 to 128 MiB alive together", () => {
  const sizes = [8, 512, MIB, 16 * MIB, 16 * MIB + 1, 32 * MIB, 128 * MIB, 0];
  for (let alignment = 1; alignment < 2 ** 28; alignment *= 2) {
    const blocks = sizes.map((size) => alignedAlloc(alignment, size));
    for (const [i, pointer] of blocks.entries()) usableFor(pointer, sizes[i]!, alignment);
    assert.is(new Set(blocks).size, sizes.length);
    for (const pointer of blocks) free(pointer);
  }
  check();
});

test("blocks of growing alignment and odd size, freed in reverse", () => {
  const blocks = [];
  for (let alignment = 1; alignment <= 1024; alignment *= 2) {
    const pointer = alignedAlloc(alignment, 43 + alignment);
    usableFor(pointer, 43 + alignment, alignment);
    blocks.push(pointer);
  }
  for (const pointer of blocks.reverse()) free(pointer);
  check();
});

test("every size up to 2 KiB with every alignment up to the size", () => {
  for (let size = 1; size <= 2048; size++) {
    for (let alignment = 1; alignment <= size; alignment *= 2) {
      const blocks = [
        alignedAlloc(alignment, size),
        alignedAlloc(alignment, size),
        alignedAlloc(alignment, size),
      ];
      for (const pointer of blocks) {
        if (pointer % alignment !== 0 || usableSize(pointer) < size) usableFor(pointer, size, alignment);
      }
      for (const pointer of blocks) free(pointer);
    }
  }
  check();
});

test("realloc of NULL allocates, and size 0 leaves a live block", () => {
  const fresh = realloc(NULL, 4);
  usableFor(fresh, 4);
  free(fresh);
  const empty = realloc(NULL, 0);
  usableFor(empty, 1);
  free(empty);
  const shrunk = realloc(malloc(4), 0);
  usableFor(shrunk, 1);
  free(shrunk);
});

test("the usable size stays what it was until realloc or free", () => {
  for (let size = 1; size <= 32 * MIB; size *= 2) {
    const pointer = malloc(size);
    const usable = usableSize(pointer);
    assert.ok(usable >= size);
    const neighbour = malloc(size);
    assert.is(usableSize(pointer), usable);
    const grown = realloc(pointer, size + 1024);
    const after = usableSize(grown);
    assert.ok(after >= size + 1024);
    free(neighbour);
    assert.is(usableSize(grown), after);
    free(grown);
  }
});

test.run();
