/**
 * Marks: what a thread leaves in the check word of another's block when it frees it, told from seals and from damage.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  checksumOf,
  isIntact,
  isIntactLive,
  markAt,
  markCached,
  markOf,
  markPreviousFree,
  rebuildCheckWord,
  sizeOf,
  writeFree,
  writeLive,
} from "../../src/block/block.js";
import { MAX_HEAPS } from "../../src/memory/control.js";
import type { Block } from "../../src/memory/memory.js";

const SECRET = -0x5a5a5a5b;
const b = 34 as Block;
const marks = Array.from({ length: MAX_HEAPS }, (_, index) => markOf(index));

/** A live block of 64 bytes, freed by the heap with that mark. */
function marked(mark: number): Int32Array {
  const m = new Int32Array(128);
  writeLive(m, b, 64, SECRET);
  m[b + 1] = m[b + 1]! ^ mark;
  return m;
}

/** How many neighbouring bytes, at least, must change to make one word of the other. */
function bytesApart(one: number, other: number): number {
  const changed = [0, 8, 16, 24].filter((shift) => (((one ^ other) >>> shift) & 0xff) !== 0);
  return changed.length === 0 ? 0 : (changed.at(-1)! - changed[0]!) / 8 + 1;
}

test("every heap has a mark of its own, and none is 0", () => {
  assert.is(new Set(marks).size, MAX_HEAPS);
  for (const mark of marks) assert.ok(mark === (mark | 0) && mark !== 0);
});

test("a mark cannot be written by damage to one byte or two that are neighbours", () => {
  for (const mark of marks) assert.ok(bytesApart(mark, 0) >= 3, `${mark >>> 0}`);
});

test("a marked block is known by its mark, and is sealed, and is not live", () => {
  for (const mark of marks) {
    const m = marked(mark);
    assert.is(markAt(m, b, SECRET), mark);
    assert.ok(isIntact(m, b, SECRET) && !isIntactLive(m, b, SECRET));
    assert.is(sizeOf(m, b), 64);
    markPreviousFree(m, b);
    assert.is(markAt(m, b, SECRET), mark, "whatever it says of the one below");
  }
});

test("only live blocks are marked: in any other state there is no mark", () => {
  const m = marked(marks[7]!);
  markCached(m, b);
  assert.is(markAt(m, b, SECRET), 0);
  const free = new Int32Array(128);
  writeFree(free, b, 64, SECRET);
  assert.is(markAt(free, b, SECRET), 0);
  writeLive(free, b, 64, SECRET);
  assert.is(markAt(free, b, SECRET), 0, "live and unmarked");
});

test("a flipped bit in a header is never taken for a mark, and damages a marked one", () => {
  for (let size = 32; size <= 4096; size += 16) {
    for (let bit = 0; bit < 64; bit++) {
      const m = new Int32Array(128);
      writeLive(m, b, size, SECRET);
      m[b + (bit >>> 5)]! ^= 1 << (bit & 31);
      assert.is(markAt(m, b, SECRET), 0, `bit ${bit} of a block of ${size} bytes`);
    }
  }
  for (const mark of marks) {
    const m = marked(mark);
    for (let bit = 0; bit < 32; bit++) {
      m[b + 1]! ^= 1 << bit;
      assert.is.not(markAt(m, b, SECRET), mark);
      m[b + 1]! ^= 1 << bit;
    }
  }
});

test("a byte of any value, anywhere in a header, makes no mark", () => {
  for (let at = 0; at < 8; at++) {
    for (let byte = 1; byte < 256; byte++) {
      const m = new Int32Array(128);
      writeLive(m, b, 64, SECRET);
      m[b + (at >>> 2)]! ^= byte << (8 * (at & 3));
      assert.is(markAt(m, b, SECRET), 0, `byte ${at} changed by ${byte}`);
    }
  }
});

test("rebuildCheckWord: a broken seal is recovered, a mark is kept", () => {
  const m = marked(marks[3]!);
  rebuildCheckWord(m, b, SECRET);
  assert.is(markAt(m, b, SECRET), marks[3]);
  m[b + 1] = 12345;
  rebuildCheckWord(m, b, SECRET);
  assert.ok(isIntactLive(m, b, SECRET));
  assert.is(m[b + 1], checksumOf(b, 64, SECRET));
  markCached(m, b);
  m[b + 1] = 0;
  rebuildCheckWord(m, b, SECRET);
  assert.ok(isIntact(m, b, SECRET) && !isIntactLive(m, b, SECRET));
});

test.run();
