/**
 * What glibc's tst-realloc.c asks of realloc, asked of this one.
 *
 * Two promises differ by design and are asserted as ours: a failure is an error with a code instead of NULL and
 * errno, and realloc(p, 0) leaves a minimal live block where glibc frees.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { calloc, check, free, malloc, NULL, realloc, usableSize, view } from "../../src/index.js";
import { holds, LARGEST, refused, usableFor } from "./expect.js";

test("realloc of NULL is malloc", () => {
  refused(() => realloc(NULL, LARGEST), "ERR_OUT_OF_MEMORY");
  refused(() => realloc(NULL, -1), "ERR_INVALID_ARG");
  const pointer = realloc(NULL, 10);
  usableFor(pointer, 10);
  free(pointer);
  const empty = realloc(NULL, 0);
  usableFor(empty, 1);
  free(empty);
});

test("growing keeps the contents", () => {
  const pointer = realloc(calloc(20, 1), 200);
  usableFor(pointer, 200);
  holds(pointer, 0, 0, 20);
  free(pointer);
});

test("shrinking keeps the contents", () => {
  const before = realloc(NULL, 100);
  view(before, 100).fill(0xff);
  const after = realloc(before, 16);
  holds(after, 0xff, 0, 16);
  free(after);
});

test("a realloc that fails leaves the block as it was", () => {
  for (const size of [16, 5000, 300_000]) {
    const pointer = malloc(size);
    const usable = usableSize(pointer);
    view(pointer, size).fill(0xa5);
    refused(() => realloc(pointer, LARGEST), "ERR_OUT_OF_MEMORY");
    for (const bad of [-1, 0.5, Number.NaN, 2 ** 53]) refused(() => realloc(pointer, bad), "ERR_INVALID_ARG");
    assert.is(usableSize(pointer), usable);
    holds(pointer, 0xa5, 0, size);
    free(pointer);
  }
  check();
});

test("realloc to 0 leaves a minimal block that is live", () => {
  const smallest = malloc(0);
  for (const size of [1, 1000, 300_000]) {
    const pointer = realloc(malloc(size), 0);
    assert.is(usableSize(pointer), usableSize(smallest));
    free(pointer);
    refused(() => free(pointer), "ERR_DOUBLE_FREE", "ERR_INVALID_POINTER");
  }
  free(smallest);
});

test("growing into what is usable already does not move the block", () => {
  for (let size = 3; size < 256 * 1024; size += 2048) {
    const pointer = realloc(NULL, size);
    const usable = usableSize(pointer);
    assert.is(realloc(pointer, usable), pointer, `${size} bytes, ${usable} usable`);
    assert.is(usableSize(pointer), usable);
    free(pointer);
  }
});

test("growing and shrinking byte by byte keeps every byte", () => {
  let pointer = malloc(0);
  for (let size = 1; size <= 3000; size++) {
    pointer = realloc(pointer, size);
    view(pointer, size)[size - 1] = size % 251;
  }
  for (let size = 3000; size >= 1; size--) {
    pointer = realloc(pointer, size);
    const bytes = view(pointer, size);
    assert.is(bytes[size - 1], size % 251, `the last of ${size} bytes`);
    assert.is(bytes[0], 1, `the first of ${size} bytes`);
  }
  free(pointer);
  check();
});

test("growing and shrinking across the threshold of own mappings keeps every byte", () => {
  const sizes = [1000, 60_000, 131_000, 131_072, 131_073, 140_000, 5_000_000, 200_000, 131_072, 90_000, 3];
  let pointer = malloc(1000);
  view(pointer, 1000).fill(0x3c);
  let kept = 1000;
  for (const size of [...sizes, ...sizes.reverse()]) {
    pointer = realloc(pointer, size);
    usableFor(pointer, size);
    holds(pointer, 0x3c, 0, Math.min(kept, size));
    view(pointer, size).fill(0x3c);
    kept = size;
  }
  free(pointer);
  check();
});

test.run();
