/**
 * What records hold of an address: whatever the address and the offset, a place that is not near leads to no mapped page.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { addressHeld, FAR_OFFSET, hold } from "../../src/access/held.js";
import { BYTES, LONGS, near } from "../../src/access/place.js";
import { mapped } from "../../src/access/there.js";
import type { Pointer } from "../../src/index.js";
import { Random, testSeed } from "../support/seed.js";

const { start } = near;
const pointer = (address: number) => address as Pointer;
/** Offsets of fields and of elements that generated code may add. */
const OFFSETS = [0, 1, 8, 4096, 2 ** 20, 2 ** 30, FAR_OFFSET - 8, FAR_OFFSET - 1];

function isRefused(value: number): boolean {
  return OFFSETS.every((offset) => !mapped[(value + offset) >>> 12]);
}

test("a near address is held as its place, and NULL and all others reach no page", () => {
  for (const place of [0, 8, 2 ** 20, FAR_OFFSET - 8]) assert.is(hold(pointer(start + place), LONGS), place);
  const others = [0, 1, 7, start - 8, start + FAR_OFFSET, start + 2 ** 32 + 2 ** 20, 2 ** 47, 2 ** 53 - 1];
  const unaligned = [start + 2 ** 20 + 1, start + 2 ** 20 + 4];
  for (const address of [...others, ...unaligned]) {
    const value = hold(pointer(address), LONGS);
    assert.ok(isRefused(value), `${address}`);
    assert.is(addressHeld(value), address);
  }
  assert.is(hold(pointer(start + 3), BYTES), 3);
  assert.is(hold(BigInt(start + 8), LONGS), 8);
});

test("addresses at random come back", () => {
  const random = new Random(testSeed("held"));
  for (let i = 0; i < 100_000; i++) {
    const address = Math.floor(2 ** (random.int(0, 52) + random.next() / 2 ** 32));
    const value = hold(pointer(address), LONGS);
    assert.is(addressHeld(value), address);
    const isNear = address >= start && address < start + FAR_OFFSET && (address - start) % 8 === 0;
    assert.is(isNear, value >= 0 && value < FAR_OFFSET);
    if (!isNear) assert.ok(isRefused(value), `${address}`);
  }
});

test("the first page of the window, where far addresses lead, is never open to accesses", () => {
  assert.is(mapped[0], 0);
  assert.is(mapped.length, FAR_OFFSET / 4096);
});

test.run();
