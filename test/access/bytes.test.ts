/**
 * copy, fill and compare do what memmove, memset and memcmp do, against a model in an ordinary array; and refuse what
 * is no range of the heap.
 */
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { heap } from "../../src/api/malloc.js";
import {
  check,
  compare,
  copy,
  fill,
  free,
  malloc,
  NULL,
  type Pointer,
  read,
  usableSize,
  view,
  write,
} from "../../src/index.js";
import { testSeed } from "../support/seed.js";
import { notNumbers, notWhole, nowhere, refuses, refusesEach } from "./refuse.js";

const BYTES = 256;
const { base, span } = heap.window;
const block = malloc(BYTES);
const other = malloc(BYTES);

function at(pointer: Pointer, offset: number): Pointer {
  return (pointer + offset) as Pointer;
}

const offset = fc.nat(BYTES / 2);
const length = fc.nat(BYTES / 2);

test("copy is memmove, overlapping in either direction", () => {
  const contents = fc.uint8Array({ minLength: BYTES, maxLength: BYTES });
  const property = fc.property(contents, offset, offset, length, (bytes, to, from, byteLength) => {
    view(block, BYTES).set(bytes);
    copy(at(block, to), at(block, from), byteLength);
    bytes.copyWithin(to, from, from + byteLength);
    assert.equal([...view(block, BYTES)], [...bytes]);
  });
  fc.assert(property, { seed: testSeed("copy"), numRuns: 300 });
});

test("copy between blocks of different kinds, one of them large", () => {
  const large = malloc(1_000_000);
  view(large).fill(7);
  view(block).fill(1);
  copy(at(large, 999_900), block, 100);
  assert.is(read.u8(large, 999_899), 7);
  assert.is(read.u8(large, 999_900), 1);
  copy(block, at(large, 999_850), 100);
  assert.equal([...view(block, 100)], [...Array(50).fill(7), ...Array(50).fill(1)]);
  free(large);
});

test("fill sets exactly its range, to the low 8 bits", () => {
  const property = fc.property(offset, length, fc.integer(), (start, byteLength, byte) => {
    view(block, BYTES).fill(3);
    const expected = new Uint8Array(BYTES).fill(3).fill(byte, start, start + byteLength);
    fill(at(block, start), byte, byteLength);
    assert.equal([...view(block, BYTES)], [...expected]);
  });
  fc.assert(property, { seed: testSeed("fill"), numRuns: 300 });
  fill(block, -1, 1);
  assert.is(read.u8(block), 255);
});

test("compare has the sign of memcmp, for short and long ranges", () => {
  const property = fc.property(length, fc.nat(BYTES), fc.nat(255), fc.nat(255), (byteLength, where, a, b) => {
    fill(block, 0x80, BYTES);
    fill(other, 0x80, BYTES);
    if (where < BYTES) {
      write.u8(block, a, where);
      write.u8(other, b, where);
      // What follows the first difference says nothing.
      if (where + 1 < BYTES) write.u8(block, 255 - a, where + 1);
      if (where + 1 < BYTES && a === b) write.u8(other, 255 - a, where + 1);
    }
    const sign = where < byteLength ? Math.sign(a - b) : 0;
    assert.is(compare(block, other, byteLength), sign);
    assert.is(compare(other, block, byteLength), 0 - sign);
  });
  fc.assert(property, { seed: testSeed("compare"), numRuns: 500 });
});

test("bytes are compared as unsigned", () => {
  for (const byteLength of [1, 100]) {
    fill(block, 0, BYTES);
    fill(other, 0, BYTES);
    write.u8(block, 0x80, byteLength - 1);
    write.u8(other, 0x7f, byteLength - 1);
    assert.is(compare(block, other, byteLength), 1);
    assert.is(compare(other, block, byteLength), -1);
  }
});

test("no bytes are copied, filled and compared without effect", () => {
  fill(block, 9, BYTES);
  fill(block, 1, 0);
  copy(block, other, 0);
  assert.is(compare(block, other, 0), 0);
  assert.ok(view(block, BYTES).every((byte) => byte === 9));
});

/** Everything that takes a pointer and a length, with that pointer wrong and with that length wrong. */
const pointerCalls: Record<string, (pointer: Pointer, byteLength: number) => unknown> = {
  "copy to": (pointer, byteLength) => copy(pointer, block, byteLength),
  "copy from": (pointer, byteLength) => copy(block, pointer, byteLength),
  fill: (pointer, byteLength) => fill(pointer, 0, byteLength),
  "compare a": (pointer, byteLength) => compare(pointer, block, byteLength),
  "compare b": (pointer, byteLength) => compare(block, pointer, byteLength),
};

test("wrong pointers are refused, also for no bytes", () => {
  for (const [what, call] of Object.entries(pointerCalls)) {
    for (const byteLength of [0, 1, 100]) {
      const wrong = [...notNumbers, ...nowhere, base, base + span + 8];
      refusesEach(`${what}, ${byteLength} bytes`, "ERR_INVALID_POINTER", wrong, (pointer) =>
        call(pointer, byteLength),
      );
    }
    const last = (base + span - 4) as Pointer;
    refuses(`${what} over the end`, "ERR_INVALID_POINTER", () => call(last, 5));
    refuses(`${what} of all memory`, "ERR_INVALID_POINTER", () => call(block, Number.MAX_SAFE_INTEGER));
    refuses(`${what} of NULL`, "ERR_INVALID_POINTER", () => call(NULL, 8));
  }
});

test("wrong lengths and bytes are refused", () => {
  for (const [what, call] of Object.entries(pointerCalls)) {
    refusesEach(what, "ERR_INVALID_ARG", [...notNumbers, ...notWhole], (byteLength) =>
      call(block, byteLength),
    );
  }
  const bytes = [...notNumbers, Number.NaN, Infinity, 0.5];
  refusesEach("fill with", "ERR_INVALID_ARG", bytes, (byte) => fill(block, byte, 8));
});

test("a refused copy changes nothing", () => {
  fill(block, 5, BYTES);
  refuses("copy from NULL", "ERR_INVALID_POINTER", () => copy(block, NULL, BYTES));
  assert.ok(view(block, BYTES).every((byte) => byte === 5));
});

test("nothing was written outside the blocks", () => {
  assert.ok(usableSize(block) >= BYTES && usableSize(other) >= BYTES);
  free(block);
  free(other);
  check();
});

test.run();
