/**
 * What jemalloc's integration test overflow.c asks, asked of this allocator: a size one step past what can be served,
 * and the largest number there is, are refused by malloc, calloc and realloc, and nothing is lost by it.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { calloc, check, free, malloc, realloc, stats, view } from "../../src/index.js";
import { holds, LARGEST, refused } from "./expect.js";

/** User space of a process on x86-64: no window reaches this far. */
const USER_SPACE = 2 ** 47;

for (const size of [USER_SPACE, USER_SPACE + 1, LARGEST]) {
  test(`${size} bytes are refused`, () => {
    const allocated = stats().allocated;
    refused(() => malloc(size), "ERR_OUT_OF_MEMORY");
    refused(() => calloc(1, size), "ERR_OUT_OF_MEMORY");
    refused(() => calloc(size, 1), "ERR_OUT_OF_MEMORY");
    assert.is(stats().allocated, allocated);
    check();
  });

  test(`realloc to ${size} bytes is refused and the block stays`, () => {
    for (const old of [1, 1000, 200_000]) {
      const pointer = malloc(old);
      view(pointer, old).fill(0x42);
      refused(() => realloc(pointer, size), "ERR_OUT_OF_MEMORY");
      holds(pointer, 0x42, 0, old);
      free(pointer);
    }
    check();
  });
}

test.run();
