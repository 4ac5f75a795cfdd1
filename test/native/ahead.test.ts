/**
 * realloc for C, cut off at the moment when C is told the result: C then either has heard of the new block, which holds
 * what the old one held, or goes on with the old one, which is as it was.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { check, free, malloc, type Pointer, usableSize, view } from "../../src/index.js";
import { reallocAhead } from "../../src/realloc.js";
import { Random, testSeed } from "../support/seed.js";

const ROUNDS = 3000;
const LARGEST = 600_000; // beyond the threshold, so that blocks become mappings, and mappings blocks
const random = new Random(testSeed("ahead"));

class CutOff extends Error {}

/** A block whose neighbours are free or not, filled with a byte of its own. */
function block(size: number): { pointer: Pointer; byte: number; release: () => void } {
  const around = Array.from({ length: 3 }, () => malloc(random.spread(1, 20_000)));
  const pointer = malloc(size);
  around.push(...Array.from({ length: 3 }, () => malloc(random.spread(1, 20_000))));
  const byte = random.int(1, 255);
  view(pointer).fill(byte);
  const kept = around.filter((other) => {
    const keep = random.chance(0.5);
    if (!keep) free(other);
    return keep;
  });
  return { pointer, byte, release: () => kept.forEach(free) };
}

function holds(pointer: Pointer, bytes: number, byte: number): void {
  assert.ok(usableSize(pointer) >= bytes);
  assert.ok(
    view(pointer)
      .subarray(0, bytes)
      .every((found) => found === byte),
    `${bytes} bytes`,
  );
}

test("C that has not heard of it has the old block, and whole", () => {
  for (let round = 0; round < ROUNDS; round++) {
    const { pointer, byte, release } = block(random.spread(1, LARGEST));
    const have = usableSize(pointer);
    const cutOff = () => {
      throw new CutOff();
    };
    assert.throws(
      () => reallocAhead(pointer, have, random.spread(1, LARGEST), cutOff),
      (error: unknown) => error instanceof CutOff,
    );
    holds(pointer, have, byte);
    free(pointer);
    release();
  }
  check();
});

test("what C hears is what it gets, and both blocks hold it then", () => {
  let moves = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const { pointer, byte, release } = block(random.spread(1, LARGEST));
    const have = usableSize(pointer);
    const size = random.spread(1, LARGEST);
    const heard: Pointer[] = [];
    const result = reallocAhead(pointer, have, size, (at) => {
      heard.push(at);
      holds(pointer, have, byte);
      holds(at, Math.min(have, size), byte);
    });
    assert.equal(heard, [result]);
    holds(result, Math.min(have, size), byte);
    assert.ok(usableSize(result) >= size);
    if (result !== pointer) moves++;
    free(result);
    release();
  }
  check();
  assert.ok(moves > ROUNDS / 10 && moves < ROUNDS, `${moves} of ${ROUNDS} moved`);
});

test.run();
