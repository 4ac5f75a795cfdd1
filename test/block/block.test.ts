/**
 * Headers on an ordinary Int32Array: sizes, states, seals, neighbours, and the pages inside a free block.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  alignedPayload,
  blockBytes,
  checksumOf,
  clearChecksum,
  FENCE_BYTES,
  innerEnd,
  innerStart,
  isCached,
  isFree,
  isIntact,
  isIntactLive,
  isLink,
  isPreviousFree,
  isPurged,
  linkOf,
  linkTo,
  MAX_BLOCK,
  MIN_BLOCK,
  markCached,
  markLive,
  markPreviousFree,
  markPreviousLive,
  nextOf,
  previousOf,
  purgedPages,
  resizeLive,
  setPurgedPages,
  sizeOf,
  UNIT_BYTES,
  writeCached,
  writeFree,
  writeLive,
} from "../../src/block/block.js";
import { type Block, HEADER_BYTES } from "../../src/memory/memory.js";

const SECRET = -0x5a5a5a5b;
const b = 34 as Block;

function words(): Int32Array {
  return new Int32Array(1024);
}

test("blockBytes: header and payload, rounded up to 16, never below the smallest block", () => {
  for (let request = 0; request <= 24; request++) assert.is(blockBytes(request), MIN_BLOCK);
  for (let request = 25; request < 5000; request++) {
    const bytes = blockBytes(request);
    assert.is(bytes % UNIT_BYTES, 0);
    assert.ok(bytes - HEADER_BYTES >= request && bytes - HEADER_BYTES - request < UNIT_BYTES, `${request}`);
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
    [isFree(m, b), isCached(m, b), isPurged(m, b), isPreviousFree(m, b)],
    [false, false, false, false],
  );
  assert.ok(isIntact(m, b, SECRET) && isIntactLive(m, b, SECRET));
});

test("cached and back: one bit, and only a live block is sealed live", () => {
  const m = words();
  writeLive(m, b, 96, SECRET);
  markCached(m, b);
  assert.ok(isCached(m, b) && isIntact(m, b, SECRET) && !isIntactLive(m, b, SECRET));
  assert.is(sizeOf(m, b), 96);
  markLive(m, b, SECRET);
  assert.ok(!isCached(m, b) && isIntactLive(m, b, SECRET));
});

test("a freed header is cached and sealed, not free", () => {
  const m = words();
  writeCached(m, b, 64);
  assert.ok(isCached(m, b) && !isFree(m, b) && isIntact(m, b, SECRET) && !isIntactLive(m, b, SECRET));
  assert.is(linkOf(m, b), 0, "it is in no list");
});

test("a cached block is intact with whatever can be a link, and with nothing else", () => {
  const m = words();
  writeCached(m, b, 64);
  for (const link of [0, 2, 6, 0x3ffffffe]) {
    linkTo(m, b, link);
    assert.is(linkOf(m, b), link);
    assert.ok(isLink(link) && isIntact(m, b, SECRET), `${link}`);
  }
  for (const link of [1, 3, 4, 8, 0x40000002, -2, checksumOf(b, 64, SECRET)]) {
    linkTo(m, b, link);
    assert.not.ok(isLink(link) || isIntact(m, b, SECRET), `${link}`);
  }
});

test("whatever link a cached block has, a second free meets no checksum", () => {
  const m = words();
  for (const secret of [SECRET, -1, -0x8000_0000, -0x4000_0000]) {
    for (const link of [0, 2, 34, 0x3ffffffe]) {
      writeLive(m, b, 64, secret);
      markCached(m, b);
      linkTo(m, b, link);
      assert.not.ok(isIntactLive(m, b, secret));
      m[b] = m[b]! & ~4; // not even without the bit
      assert.not.ok(isIntactLive(m, b, secret));
    }
  }
});

test("making a block live and cached again leaves no link and no mark behind", () => {
  const m = words();
  writeCached(m, b, 96);
  linkTo(m, b, 66);
  markPreviousFree(m, b);
  markLive(m, b, SECRET);
  assert.ok(isIntactLive(m, b, SECRET) && isPreviousFree(m, b));
  markCached(m, b);
  assert.is(linkOf(m, b), 0);
  assert.ok(isPreviousFree(m, b));
});

test("a free block has its size in its last word, which leads back from the block above", () => {
  const m = words();
  writeFree(m, b, 64, SECRET);
  const above = nextOf(m, b);
  writeLive(m, above, 32, SECRET);
  markPreviousFree(m, above);
  assert.ok(isFree(m, b) && isIntact(m, b, SECRET) && !isIntactLive(m, b, SECRET));
  assert.is(m[above - 1], 64);
  assert.is(previousOf(m, above), b);
});

test("what the block says of the one below changes neither its size, its state nor its seal", () => {
  const m = words();
  writeLive(m, b, 48, SECRET);
  markPreviousFree(m, b);
  assert.ok(isPreviousFree(m, b) && isIntactLive(m, b, SECRET));
  assert.is(sizeOf(m, b), 48);
  resizeLive(m, b, 112, SECRET);
  assert.ok(isPreviousFree(m, b), "resizing keeps it");
  assert.ok(isIntactLive(m, b, SECRET));
  assert.is(sizeOf(m, b), 112);
  markPreviousLive(m, b);
  assert.not.ok(isPreviousFree(m, b));
  assert.ok(isIntactLive(m, b, SECRET));
});

test("gone is a mark of a free block that keeps its seal", () => {
  const m = words();
  writeFree(m, b, 64, SECRET);
  assert.is(purgedPages(m, b), 0);
  setPurgedPages(m, b, 7);
  assert.ok(isPurged(m, b) && isFree(m, b) && isIntact(m, b, SECRET));
  assert.is(purgedPages(m, b), 7);
  assert.equal([sizeOf(m, b), m[b + 15]], [64, 64], "size and footer are as they were");
  setPurgedPages(m, b, 0);
  assert.ok(!isPurged(m, b) && isFree(m, b));
});

test("the seal holds for one place, one size and one secret", () => {
  const m = words();
  writeLive(m, b, 64, SECRET);
  m.copyWithin(b + 16, b, b + 2);
  assert.not.ok(isIntact(m, (b + 16) as Block, SECRET), "copied to another place");
  assert.not.ok(isIntact(m, b, SECRET ^ 1), "another process");
  m[b] = 80;
  assert.not.ok(isIntact(m, b, SECRET), "another size");
  writeLive(m, b, 64, SECRET);
  clearChecksum(m, b);
  assert.not.ok(isIntact(m, b, SECRET), "broken on purpose");
});

test("zeroed memory is never sealed: every secret has its top bit set", () => {
  const m = words();
  for (let block = 2; block < 1000; block += 4) assert.not.ok(isIntact(m, block as Block, SECRET));
});

test("inner pages hold neither header, links nor footer", () => {
  const page = 256;
  for (let start = 2; start < 200; start += 4) {
    for (let size = MIN_BLOCK; size < 2000; size += UNIT_BYTES) {
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
  assert.ok(FENCE_BYTES < MIN_BLOCK && FENCE_BYTES % UNIT_BYTES === 0);
});

test.run();
