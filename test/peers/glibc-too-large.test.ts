/**
 * What glibc's tst-malloc-too-large.c asks, asked of this allocator: after a small block was allocated and freed, a
 * size that no address space holds must be refused by every function, whatever the padding for header and alignment
 * adds up to.
 *
 * Where C counts up to SIZE_MAX, the largest size here is 2^53 - 1; what lies above is no size at all and is refused
 * as an argument. x86-64 gives a process 2^47 bytes, so everything from there on is out of memory. reallocarray,
 * valloc and pvalloc have no counterpart.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { alignedAlloc, calloc, check, free, malloc, type Pointer, realloc, stats } from "../../src/index.js";
import { holds, LARGEST, refused, usableFor } from "./expect.js";

const NEAR = 2 ** 14;
const MOST_ALIGNED = 2 ** 31;

/** A free small block lies ready: an overflow would hand it out. */
function ready(): void {
  free(malloc(16));
}

function refusedByAll(size: number): void {
  ready();
  refused(() => malloc(size), "ERR_OUT_OF_MEMORY");
  const pointer = calloc(1, 16);
  ready();
  refused(() => realloc(pointer, size), "ERR_OUT_OF_MEMORY");
  holds(pointer, 0, 0, 16);
  free(pointer);
  for (let count = 1; count <= 8 && size % count === 0; count *= 2) {
    ready();
    refused(() => calloc(count, size / count), "ERR_OUT_OF_MEMORY");
    ready();
    refused(() => calloc(size / count, count), "ERR_OUT_OF_MEMORY");
  }
}

function refusedAligned(size: number): void {
  for (let alignment = 1; alignment <= MOST_ALIGNED; alignment *= 2) {
    ready();
    refused(() => alignedAlloc(alignment, size), "ERR_OUT_OF_MEMORY");
  }
}

test("sizes just below 2^53", () => {
  const allocated = stats().allocated;
  for (let less = 0; less <= NEAR; less++) {
    ready();
    refused(() => malloc(LARGEST - less), "ERR_OUT_OF_MEMORY");
  }
  for (let less = 0; less <= NEAR; less += 89) refusedByAll(LARGEST - less);
  for (let less = 0; less <= NEAR; less += 997) refusedAligned(LARGEST - less);
  assert.is(stats().allocated, allocated);
  check();
});

test("sizes around every power of two that user space cannot hold", () => {
  for (let bits = 47; bits < 53; bits++) {
    for (const size of [2 ** bits, 2 ** bits + 1, 2 ** bits + 2 ** 31, 2 ** (bits + 1) - 8]) {
      refusedByAll(size);
      refusedAligned(size);
    }
  }
  check();
});

test("a size whose low 32 bits look small is not taken for a small one", () => {
  for (const low of [0, 1, 16, 24, 32, 4096]) {
    for (const high of [2 ** 47, 2 ** 48, 2 ** 52]) {
      refusedByAll(high + low);
      refusedAligned(high + low);
    }
  }
});

test("above 2^53 there are no sizes", () => {
  for (const size of [2 ** 53, 2 ** 53 + 2, 2 ** 63, 2 ** 64 - 2048, 2 ** 64, Number.POSITIVE_INFINITY]) {
    ready();
    refused(() => malloc(size), "ERR_INVALID_ARG");
    refused(() => calloc(1, size), "ERR_INVALID_ARG");
    refused(() => calloc(size, 1), "ERR_INVALID_ARG");
    refused(() => alignedAlloc(16, size), "ERR_INVALID_ARG");
  }
});

test("a product above 2^53 is refused, also where both factors are sizes", () => {
  for (const [count, size] of [
    [2 ** 27, 2 ** 26],
    [2 ** 32, 2 ** 32],
    [LARGEST, 2],
    [3, LARGEST],
    [LARGEST, LARGEST],
  ] as const) {
    ready();
    refused(() => calloc(count, size), "ERR_INVALID_ARG");
  }
});

test("the heap is as usable as before", () => {
  const blocks: Pointer[] = [];
  for (let size = 1; size <= 2 ** 20; size *= 2) blocks.push(malloc(size));
  for (const [i, pointer] of blocks.entries()) usableFor(pointer, 2 ** i);
  for (const pointer of blocks) free(pointer);
  check();
});

test.run();
