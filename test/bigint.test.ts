/**
 * Pointers as bigints, as koffi and node:ffi give a `void *`: taken wherever a number is, and refused alike.
 */
import koffi from "koffi";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  alignedRealloc,
  buffer,
  check,
  compare,
  copy,
  cstring,
  fill,
  free,
  malloc,
  offset,
  type Pointer,
  type PointerLike,
  readCString,
  realloc,
  recalloc,
  typed,
  usableSize,
  view,
} from "../src/index.js";
import { refused } from "./peers/expect.js";

/** What takes a pointer, on a block of at least 64 bytes that holds the text `same`. */
const reading: Record<string, (pointer: PointerLike) => unknown> = {
  usableSize,
  view: (pointer) => view(pointer).slice(0, 4),
  buffer: (pointer) => buffer(pointer, 8).toString("hex"),
  typed: (pointer) => typed(Uint32Array, pointer, 1).slice(),
  compare: (pointer) => compare(pointer, pointer, 32),
  copy: (pointer) => copy(pointer, pointer, 16),
  fill: (pointer) => fill(offset(pointer, 32), 7, 8),
  readCString: (pointer) => readCString(pointer),
  "readCString with a length": (pointer) => readCString(pointer, 2),
  offset: (pointer) => offset(pointer, 16),
};
const resizing: Record<string, (pointer: PointerLike, size: number) => Pointer> = {
  realloc,
  recalloc,
  alignedRealloc: (pointer, size) => alignedRealloc(pointer, 64, size),
};

for (const size of [100, 300_000]) {
  for (const [name, use] of Object.entries(reading)) {
    test(`${name} of a bigint, ${size} bytes`, () => {
      const block = malloc(size);
      const text = cstring("same");
      copy(block, text, 5);
      free(text);
      assert.equal(use(BigInt(block)), use(block));
      free(BigInt(block));
      refused(() => free(block), "ERR_DOUBLE_FREE");
    });
  }
  for (const [name, resize] of Object.entries(resizing)) {
    test(`${name} of a bigint, ${size} bytes`, () => {
      const block = malloc(size);
      fill(block, 5, size);
      const result = resize(BigInt(block), size * 3);
      assert.type(result, "number");
      assert.ok(view(result, size).every((byte) => byte === 5));
      free(result);
    });
  }
}

test("a void * as koffi gives it", () => {
  const block = malloc(64);
  const memset = koffi.load(null).func("void *memset(void *, int, size_t)");
  const pointer: unknown = memset(block, 3, 64);
  assert.is(typeof pointer, "bigint");
  assert.ok(
    view(pointer as bigint)
      .subarray(0, 64)
      .every((byte) => byte === 3),
  );
  free(pointer as bigint);
  check();
});

test("NULL as a bigint is NULL", () => {
  free(0n);
  free(realloc(0n, 10));
  refused(() => usableSize(0n), "ERR_INVALID_POINTER");
});

test("what is no address is refused as a number would be", () => {
  const block = malloc(100);
  const users: Record<string, (pointer: PointerLike, size: number) => unknown> = {
    ...reading,
    ...resizing,
    free,
  };
  const wrong: unknown[] = [-1n, 2n ** 53n, 2n ** 64n - 1n, -(2n ** 70n), BigInt(block).toString(), true, {}];
  for (const [name, use] of Object.entries(users)) {
    for (const value of wrong) {
      if (name === "compare" || name === "copy") continue; // below, one argument at a time
      refused(() => use(value as bigint, 64), "ERR_INVALID_POINTER");
    }
  }
  for (const value of wrong as bigint[]) {
    refused(() => copy(value, block, 8), "ERR_INVALID_POINTER");
    refused(() => copy(block, value, 8), "ERR_INVALID_POINTER");
    refused(() => compare(value, block, 8), "ERR_INVALID_POINTER");
    refused(() => compare(block, value, 8), "ERR_INVALID_POINTER");
  }
  free(block);
  refused(() => free(BigInt(block)), "ERR_DOUBLE_FREE");
  refused(() => free(BigInt(block) + 8n), "ERR_INVALID_POINTER");
  check();
});

test.run();
