/**
 * What jemalloc's integration tests aligned_alloc.c and posix_memalign.c ask, asked of this allocator.
 *
 * posix_memalign also refuses powers of two below the size of a pointer; alignedAlloc has no reason to, and the test
 * says so. What jemalloc purges between rounds is trim() here.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { alignedAlloc, check, free, type Pointer, stats, trim, usableSize } from "../../src/index.js";
import { LARGEST, refused, usableFor } from "./expect.js";

const MOST = 2 ** 23;
const LIMIT = 2 ** 31;

test("alignments that are no power of two are refused", () => {
  refused(() => alignedAlloc(0, 1), "ERR_INVALID_ARG");
  for (const alignment of [3, 5, 6, 7]) refused(() => alignedAlloc(alignment, 1), "ERR_INVALID_ARG");
  for (let alignment = 8; alignment < MOST; alignment *= 2) {
    refused(() => alignedAlloc(alignment + 1, 1), "ERR_INVALID_ARG");
    refused(() => alignedAlloc(alignment - 1, 1), "ERR_INVALID_ARG");
  }
  refused(() => alignedAlloc(2 * LIMIT, 1), "ERR_INVALID_ARG");
  refused(() => alignedAlloc(2 ** 62, 1), "ERR_INVALID_ARG");
});

test("alignments below that of a pointer are served", () => {
  for (const alignment of [1, 2, 4]) {
    const pointer = alignedAlloc(alignment, 1);
    usableFor(pointer, 1);
    free(pointer);
  }
});

test("alignment and size that together pass every address space are out of memory", () => {
  refused(() => alignedAlloc(LIMIT, 2 ** 52), "ERR_OUT_OF_MEMORY");
  refused(() => alignedAlloc(LIMIT / 2, LARGEST - LIMIT / 2 + 1), "ERR_OUT_OF_MEMORY");
  refused(() => alignedAlloc(LIMIT, LARGEST), "ERR_OUT_OF_MEMORY");
  refused(() => alignedAlloc(16, LARGEST - 15), "ERR_OUT_OF_MEMORY");
  check();
});

/** Four blocks at a time of every size in steps of a quarter of the alignment, up to three times the alignment. */
function sweep(alignment: number): number {
  let served = 0;
  let total = 0;
  for (let size = 1; size < 3 * alignment; size += Math.max(1, alignment / 4 - 1)) {
    const blocks: Pointer[] = [];
    while (blocks.length < 4 && (blocks.length === 0 || total < 2 * MOST)) {
      const pointer = alignedAlloc(alignment, size);
      usableFor(pointer, size, alignment);
      total += usableSize(pointer);
      blocks.push(pointer);
    }
    served += blocks.length;
    for (const pointer of blocks) free(pointer);
  }
  return served;
}

for (let alignment = 8; alignment <= MOST; alignment *= 2) {
  test(`sizes up to three times the alignment of ${alignment}`, () => {
    const allocated = stats().allocated;
    assert.ok(sweep(alignment) >= 12);
    trim();
    assert.is(stats().allocated, allocated);
    check();
  });
}

test("alignments up to 2 GiB are served or are out of memory", () => {
  for (let alignment = 2 * MOST; alignment <= LIMIT; alignment *= 2) {
    let pointer: Pointer;
    try {
      pointer = alignedAlloc(alignment, 100);
    } catch (error) {
      refused(() => {
        throw error;
      }, "ERR_OUT_OF_MEMORY");
      assert.ok(alignment >= LIMIT / 2, `an alignment of ${alignment} fits into a window of 4 GiB`);
      continue;
    }
    usableFor(pointer, 100, alignment);
    free(pointer);
  }
  check();
});

test.run();
