/**
 * The window: converting between pointers and blocks, and words and bytes anywhere in it.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Block, HEADER_BYTES, NULL, roundDown, roundUp, Window } from "../../src/memory/memory.js";

/** Wider than 32 bits, as addresses are. */
const BASE = 0x7f12_3456_7000;

function window(): Window {
  return new Window(BASE, new ArrayBuffer(65536));
}

test("a block and the pointer to its payload convert into one another", () => {
  const w = window();
  for (const block of [2, 6, 1022, 16378]) {
    const pointer = w.pointerOf(block as Block);
    assert.is(pointer, BASE + block * 4 + HEADER_BYTES);
    assert.is(w.blockOf(pointer), block);
    assert.is(w.addressOf(block as Block), BASE + block * 4);
  }
});

test("blocks in the upper half of the zone convert too, where bytes no longer fit an int32", () => {
  const w = window();
  const block = (2 ** 30 - 6) as Block;
  assert.is(w.pointerOf(block), BASE + (2 ** 30 - 6) * 4 + HEADER_BYTES);
  assert.is(w.addressOf(block), BASE + (2 ** 30 - 6) * 4);
  assert.is(w.blockOf(w.pointerOf(block)), block);
});

test("inZone holds for payloads inside the window's words alone", () => {
  const w = window();
  assert.ok(w.inZone(BASE + HEADER_BYTES) && w.inZone(BASE + 65536 + HEADER_BYTES - 1));
  assert.not.ok(w.inZone(BASE + 65536 + HEADER_BYTES), "above");
  assert.not.ok(w.inZone(BASE + HEADER_BYTES - 1), "below");
  for (const wild of [NULL, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, BASE + 2 ** 32 + 16, 2 ** 53]) {
    assert.not.ok(w.inZone(wild), `${wild}`);
  }
  assert.not.ok(w.inZone(BASE + HEADER_BYTES + 0.5), "between two bytes");
});

test("words are the same through load and store, the array and the bytes", () => {
  const w = window();
  w.store(BASE + 40, -2);
  assert.is(w.words[10], -2);
  assert.is(w.load(BASE + 40), -2);
  assert.is(w.bytes[40], 0xfe);
});

test("copy moves overlapping bytes either way", () => {
  const w = window();
  for (let i = 0; i < 64; i++) w.bytes[i] = i + 1;
  w.copy(BASE + 8, BASE, 32);
  assert.equal(
    [...w.bytes.subarray(8, 40)],
    Array.from({ length: 32 }, (_, i) => i + 1),
  );
  w.copy(BASE + 4, BASE + 8, 32);
  assert.equal(
    [...w.bytes.subarray(4, 36)],
    Array.from({ length: 32 }, (_, i) => i + 1),
  );
  assert.equal([w.bytes[3], w.bytes[36]], [4, 29], "and nothing beside them");
});

test("words that threads share: exchanged, or replaced only if they are what was expected", () => {
  const w = window();
  w.atomicStore(7, -5);
  assert.equal([w.atomicLoad(7), w.words[7]], [-5, -5]);
  assert.not.ok(w.compareExchange(7, 4, 9));
  assert.is(w.words[7], -5, "another was expected");
  assert.ok(w.compareExchange(7, -5, 9));
  assert.is(w.exchange(7, 2 ** 31 - 1), 9);
  assert.is(w.atomicLoad(7), 2 ** 31 - 1);
  assert.equal([w.words[6], w.words[8]], [0, 0]);
});

test("rounding works on addresses wider than 32 bits", () => {
  assert.is(roundUp(BASE + 1, 4096), BASE + 4096);
  assert.is(roundUp(BASE, 4096), BASE);
  assert.is(roundDown(BASE + 4095, 4096), BASE);
  assert.is(roundDown(BASE, 4096), BASE);
});

test.run();
