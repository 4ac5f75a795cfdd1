/**
 * onOutOfMemory: what fails for want of memory is tried once more after the program had a chance to free something.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  alignedAlloc,
  alignedRealloc,
  calloc,
  check,
  configure,
  free,
  Heap,
  HeapError,
  malloc,
  NULL,
  onOutOfMemory,
  type Pointer,
  realloc,
  recalloc,
} from "../src/index.js";

const MIB = 1024 * 1024;
configure({ limit: 32 * MIB });

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    assert.instance(error, HeapError);
    return (error as HeapError).code;
  }
  return "none";
}

/** All memory there is, in blocks of a size. */
function fillUp(allocate: (size: number) => Pointer, size: number): Pointer[] {
  const blocks: Pointer[] = [];
  while (
    codeOf(() => {
      blocks.push(allocate(size));
    }) === "none"
  );
  return blocks;
}

test.after.each(() => onOutOfMemory(null));

const ways: Record<string, (size: number) => Pointer> = {
  malloc,
  calloc: (size) => calloc(1, size),
  realloc: (size) => realloc(NULL, size),
  recalloc: (size) => recalloc(NULL, size),
  alignedAlloc: (size) => alignedAlloc(64, size),
  alignedRealloc: (size) => alignedRealloc(NULL, 64, size),
};

for (const [name, allocate] of Object.entries(ways)) {
  for (const size of [1000, 20_000, MIB]) {
    test(`${name} of ${size} bytes gets what the function frees`, () => {
      let blocks = fillUp(allocate, size);
      let calls = 0;
      onOutOfMemory((error) => {
        calls++;
        assert.is(error.code, "ERR_OUT_OF_MEMORY");
        blocks.forEach(free);
        blocks = [];
      });
      blocks.push(allocate(size));
      assert.is(calls, 1);
      onOutOfMemory(null);
      blocks.forEach(free);
      check();
    });
  }
}

test("a block that is resized moves into what was freed, with its contents", () => {
  const block = malloc(100_000);
  let blocks = fillUp(malloc, MIB);
  onOutOfMemory(() => {
    blocks.forEach(free);
    blocks = [];
  });
  const resized = realloc(block, 20 * MIB);
  free(resized);
  check();
});

test("where nothing is freed the error is thrown after one call, and what the function allocates has no such chance", () => {
  const blocks = fillUp(malloc, MIB);
  let calls = 0;
  let inside = "";
  onOutOfMemory(() => {
    calls++;
    inside = codeOf(() => malloc(20 * MIB));
  });
  assert.is(
    codeOf(() => malloc(20 * MIB)),
    "ERR_OUT_OF_MEMORY",
  );
  assert.is(inside, "ERR_OUT_OF_MEMORY");
  assert.is(calls, 1);
  onOutOfMemory(() => {
    throw new RangeError("mine");
  });
  assert.throws(() => malloc(20 * MIB), "mine");
  blocks.forEach(free);
  check();
});

test("a Heap at its limit asks too, and other errors do not", () => {
  const heap = new Heap({ limit: MIB });
  let blocks = fillUp((size) => heap.malloc(size), 5000);
  let calls = 0;
  onOutOfMemory(() => {
    calls++;
    blocks.forEach(free);
    blocks = [];
  });
  heap.malloc(5000);
  assert.is(calls, 1);
  assert.is(
    codeOf(() => malloc(-1)),
    "ERR_INVALID_ARG",
  );
  assert.is(calls, 1);
  assert.is(
    codeOf(() => onOutOfMemory(5 as never)),
    "ERR_INVALID_ARG",
  );
  heap.destroy();
});

test.run();
