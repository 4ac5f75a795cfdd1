/**
 * Headers on an ordinary Int32Array: sizes, states, seals, neighbours, and the pages inside a free block.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  alignedPayload,
  blockBytes,
  breakSeal,
  FENCE_BYTES,
  GRAIN,
  gonePages,
  innerEnd,
  innerStart,
  isCached,
  isFree,
  isGone,
  isPreviousFree,
  isSealed,
  isSealedLive,
  MAX_BLOCK,
  MIN_BLOCK,
  markCached,
  markLive,
  markPreviousFree,
  markPreviousLive,
  nextOf,
  previousOf,
  resizeLive,
  setGonePages,
  sizeOf,
  writeFree,
  writeFreed,
  writeLive,
} from "../../src/core/block.js";
import { type Block, HEADER_BYTES } from "../../src/core/memory.js";

const SECRET = -0x5a5a5a5b;
const b = 34 as Block;

function words(): Int32Array {
  return new Int32Array(1024);
}

test("blockBytes: header and payload, rounded up to 16, never below the smallest block", () => {
  for (let request = 0; request <= 24; request++) assert.is(blockBytes(request), MIN_BLOCK);
  for (let request = 25; request < 5000; request++) {
    const bytes = blockBytes(request);
    assert.is(bytes % GRAIN, 0);
    assert.ok(bytes - HEADER_BYTES >= request && bytes - HEADER_BYTES - request < GRAIN, `${request}`);
  }
});

test("blockBytes: the largest request fits the largest block, as a positive int32", () => {
  assert.is(blockBytes(MAX_BLOCK - HEADER_BYTES), MAX_BLOCK);
  assert.is((2 * MAX_BLOCK) | 0, 2 * MAX_BLOCK, "two largest blocks add up within an int32");
});

test("alignedPayload leaves nothing in front of the payload, or room for a block", () => {
  const base = 0x7f12_3456_7000;
  for (const alignment of [16, 32, 64, 4096, 2 ** 31]) {
    for (let pointer = base; pointer < base + 8192; pointer += 16) {
      const target = alignedPayload(pointer, alignment);
      assert.is(target % alignment, 0);
      assert.ok(target === pointer || target - pointer >= MIN_BLOCK, `${pointer} to ${alignment}`);
      assert.ok(target - pointer < alignment + MIN_BLOCK, "no further than needed");
    }
  }
});

test("a live header says its size and no state, and is sealed", () => {
  const m = words();
  writeLive(m, b, 96, SECRET);
  assert.is(sizeOf(m, b), 96);
  assert.is(nextOf(m, b), b + 24);
  assert.equal(
    [isFree(m, b), isCached(m, b), isGone(m, b), isPreviousFree(m, b)],
    [false, false, false, false],
  );
  assert.ok(isSealed(m, b, SECRET) && isSealedLive(m, b, SECRET));
});

test("cached and back: one bit, and only a live block is sealed live", () => {
  const m = words();
  writeLive(m, b, 96, SECRET);
  markCached(m, b);
  assert.ok(isCached(m, b) && isSealed(m, b, SECRET) && !isSealedLive(m, b, SECRET));
  assert.is(sizeOf(m, b), 96);
  markLive(m, b, SECRET);
  assert.ok(!isCached(m, b) && isSealedLive(m, b, SECRET));
});

test("a freed header is cached and sealed, not free", () => {
  const m = words();
  writeFreed(m, b, 64, SECRET);
  assert.ok(isCached(m, b) && !isFree(m, b) && isSealed(m, b, SECRET) && !isSealedLive(m, b, SECRET));
});

test("a free block has its size in its last word, which leads back from the block above", () => {
  const m = words();
  writeFree(m, b, 64, SECRET);
  const above = nextOf(m, b);
  writeLive(m, above, 32, SECRET);
  markPreviousFree(m, above);
  assert.ok(isFree(m, b) && isSealed(m, b, SECRET) && !isSealedLive(m, b, SECRET));
  assert.is(m[above - 1], 64);
  assert.is(previousOf(m, above), b);
});

test("what the block says of the one below changes neither its size, its state nor its seal", () => {
  const m = words();
  writeLive(m, b, 48, SECRET);
  markPreviousFree(m, b);
  assert.ok(isPreviousFree(m, b) && isSealedLive(m, b, SECRET));
  assert.is(sizeOf(m, b), 48);
  resizeLive(m, b, 112, SECRET);
  assert.ok(isPreviousFree(m, b), "resizing keeps it");
  assert.ok(isSealedLive(m, b, SECRET));
  assert.is(sizeOf(m, b), 112);
  markPreviousLive(m, b);
  assert.not.ok(isPreviousFree(m, b));
  assert.ok(isSealedLive(m, b, SECRET));
});

test("gone is a mark of a free block that keeps its seal", () => {
  const m = words();
  writeFree(m, b, 64, SECRET);
  assert.is(gonePages(m, b), 0);
  setGonePages(m, b, 7);
  assert.ok(isGone(m, b) && isFree(m, b) && isSealed(m, b, SECRET));
  assert.is(gonePages(m, b), 7);
  assert.equal([sizeOf(m, b), m[b + 15]], [64, 64], "size and footer are as they were");
  setGonePages(m, b, 0);
  assert.ok(!isGone(m, b) && isFree(m, b));
});

test("the seal holds for one place, one size and one secret", () => {
  const m = words();
  writeLive(m, b, 64, SECRET);
  m.copyWithin(b + 16, b, b + 2);
  assert.not.ok(isSealed(m, (b + 16) as Block, SECRET), "copied to another place");
  assert.not.ok(isSealed(m, b, SECRET ^ 1), "another process");
  m[b] = 80;
  assert.not.ok(isSealed(m, b, SECRET), "another size");
  writeLive(m, b, 64, SECRET);
  breakSeal(m, b);
  assert.not.ok(isSealed(m, b, SECRET), "broken on purpose");
});

test("zeroed memory is never sealed: every secret has its top bit set", () => {
  const m = words();
  for (let block = 2; block < 1000; block += 4) assert.not.ok(isSealed(m, block as Block, SECRET));
});

test("inner pages hold neither header, links nor footer", () => {
  const page = 256;
  for (let start = 2; start < 200; start += 4) {
    for (let size = MIN_BLOCK; size < 2000; size += GRAIN) {
      const first = innerStart(start as Block, page);
      const last = innerEnd(start as Block, size, page);
      assert.is(first % page, 0);
      assert.is(last % page, 0);
      if (last <= first) continue;
      assert.ok(first >= start * 4 + 20, "above the links and the count");
      assert.ok(last <= start * 4 + size - 4, "below the footer");
    }
  }
});

test("inner pages are all the whole pages there are", () => {
  assert.is(innerStart(59 as Block, 256), 256, "links that end where a page does leave the next one whole");
  assert.is(innerStart(60 as Block, 256), 512, "links that reach into a page take it");
  assert.is(
    innerEnd(60 as Block, 256 * 3 - 240 + 4, 256),
    768,
    "a footer that starts a page leaves the one below",
  );
  assert.is(innerEnd(60 as Block, 256 * 3 - 240, 256), 512, "a footer that ends a page takes it");
});

test("a fence is smaller than any block", () => {
  assert.ok(FENCE_BYTES < MIN_BLOCK && FENCE_BYTES % GRAIN === 0);
});

test.run();
