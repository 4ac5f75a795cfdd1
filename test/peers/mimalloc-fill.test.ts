/**
 * What mimalloc's test-api-fill.c asks about the contents of new memory, asked of this allocator.
 *
 * Without counterpart here, and left out: zeroing aligned allocation, zeroing realloc (our realloc promises the old
 * bytes, and those are looked at), and the patterns that mimalloc's debug build writes into new and freed memory.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { calloc, check, free, malloc, type Pointer, realloc, usableSize } from "../../src/index.js";
import { holds, leaveDirt } from "./expect.js";

const SMALL = 512;
const LARGE = 2048;
const OWN_MAPPING = 256 * 1024;

for (const size of [1, SMALL, LARGE, 64 * 1024, OWN_MAPPING]) {
  test(`calloc of ${size} bytes is zero, as elements and as one piece`, () => {
    for (const [count, each] of [
      [size, 1],
      [1, size],
    ] as const) {
      const pointer = calloc(count, each);
      holds(pointer, 0, 0, size);
      free(pointer);
    }
  });

  test(`calloc of ${size} bytes is zero over its whole usable size where dirty memory is used again`, () => {
    const dirty = leaveDirt(() => malloc(size));
    const blocks = Array.from({ length: 8 }, () => calloc(size, 1));
    // A freed mapping goes back to the system, so only blocks of the heap must come back.
    if (size < OWN_MAPPING)
      assert.ok(
        blocks.some((pointer) => dirty.has(pointer)),
        "dirty memory came back",
      );
    for (const pointer of blocks) holds(pointer, 0, 0, size);
    for (const pointer of blocks) free(pointer);
    check();
  });

  test(`zeros stay zero when a block of ${size} bytes is made three times as large`, () => {
    const dirty = leaveDirt(() => malloc(size * 3));
    const pointer = realloc(calloc(size, 1), size * 3);
    holds(pointer, 0, 0, size);
    assert.ok(usableSize(pointer) >= size * 3);
    free(pointer);
    assert.is(dirty.size, 8);
  });
}

test("calloc zeroes memory that was joined from several dirty blocks", () => {
  const row: Pointer[] = Array.from({ length: 64 }, () => malloc(20_000));
  const [from, to] = [Math.min(...row), Math.max(...row)];
  leaveDirt(() => row.pop()!, 64);
  const blocks: Pointer[] = [];
  // Free memory elsewhere may be taken first.
  while (blocks.length < 20 && !blocks.some((pointer) => pointer >= from && pointer < to)) {
    blocks.push(calloc(60, 1000));
    holds(blocks.at(-1)!, 0, 0, 60_000);
  }
  assert.ok(blocks.length < 20, "the joined blocks were used again");
  for (const pointer of blocks) free(pointer);
});

test("calloc zeroes a piece split from a larger dirty block", () => {
  const large = malloc(100_000);
  const [from, to] = [large, large + 100_000];
  leaveDirt(() => large, 1);
  const blocks = Array.from({ length: 100 }, (_, i) => calloc(1 + i, 7));
  assert.ok(
    blocks.some((pointer) => pointer >= from && pointer < to),
    "the large block was divided",
  );
  for (const [i, pointer] of blocks.entries()) holds(pointer, 0, 0, (1 + i) * 7);
  for (const pointer of blocks) free(pointer);
  check();
});

test.run();
