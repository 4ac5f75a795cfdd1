/**
 * Gaps between mappings: the largest that holds the bytes, aligned or not.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findGap } from "../../src/space/gaps.js";
import { Random, testSeed } from "../support/seed.js";

const PAGE = 4096;

test("an empty range is one gap", () => {
  assert.equal(findGap([], 0, 100 * PAGE, PAGE, 0, PAGE), { start: 0, end: 100 * PAGE });
});

test("the largest gap wins, wherever it lies", () => {
  const between: Array<[number, number]> = [
    [10 * PAGE, 20 * PAGE],
    [60 * PAGE, 80 * PAGE],
  ];
  assert.equal(findGap(between, 0, 100 * PAGE, PAGE, 0, PAGE), { start: 20 * PAGE, end: 60 * PAGE });
  const first: Array<[number, number]> = [[50 * PAGE, 90 * PAGE]];
  assert.equal(findGap(first, 0, 100 * PAGE, PAGE, 0, PAGE), { start: 0, end: 50 * PAGE });
  const last: Array<[number, number]> = [[10 * PAGE, 40 * PAGE]];
  assert.equal(findGap(last, 0, 100 * PAGE, PAGE, 0, PAGE), { start: 40 * PAGE, end: 100 * PAGE });
});

test("of gaps of one size the lowest is taken", () => {
  const mappings: Array<[number, number]> = [
    [10 * PAGE, 20 * PAGE],
    [30 * PAGE, 40 * PAGE],
  ];
  assert.is(findGap(mappings, 0, 50 * PAGE, PAGE, 0, PAGE)?.start, 0);
});

test("mappings outside the range, over its ends and over one another are understood", () => {
  const mappings: Array<[number, number]> = [
    [0, 2 * PAGE],
    [5 * PAGE, 12 * PAGE],
    [15 * PAGE, 30 * PAGE],
    [16 * PAGE, 18 * PAGE],
    [36 * PAGE, 60 * PAGE],
    [90 * PAGE, 99 * PAGE],
  ];
  assert.equal(findGap(mappings, 10 * PAGE, 40 * PAGE, PAGE, 0, PAGE), { start: 30 * PAGE, end: 36 * PAGE });
});

test("null when no gap is large enough", () => {
  const mappings: Array<[number, number]> = [[4 * PAGE, 5 * PAGE]];
  assert.is.not(findGap(mappings, 0, 8 * PAGE, 4 * PAGE, 0, PAGE), null);
  assert.is(findGap(mappings, 0, 8 * PAGE, 5 * PAGE, 0, PAGE), null);
  assert.is(findGap([[0, 9 * PAGE]], 0, 8 * PAGE, PAGE, 0, PAGE), null);
});

test("with an alignment the bytes begin one page below a multiple of it", () => {
  const alignment = 16 * PAGE;
  const gap = findGap([[0, 20 * PAGE]], 0, 100 * PAGE, 3 * PAGE, alignment, PAGE);
  assert.equal(gap, { start: 31 * PAGE, end: 100 * PAGE });
  assert.is(findGap([[0, 32 * PAGE]], 0, 48 * PAGE, PAGE, alignment, PAGE)?.start, 47 * PAGE);
  assert.is(findGap([[0, 32 * PAGE]], 0, 48 * PAGE, 2 * PAGE, alignment, PAGE), null);
});

test("whatever is mapped: what is found is free and aligned, and nothing is missed", () => {
  const random = new Random(testSeed("gaps"));
  for (let round = 0; round < 500; round++) {
    const taken = Array.from({ length: 64 }, () => random.chance(0.5));
    const mappings = taken.flatMap((is, i) => (is ? [[i * PAGE, (i + 1) * PAGE] as const] : []));
    const pages = random.int(1, 5);
    const alignment = random.pick([0, 4 * PAGE]);
    const gap = findGap(mappings, 8 * PAGE, 56 * PAGE, pages * PAGE, alignment, PAGE);
    const fits = (at: number) =>
      at >= 8 &&
      at + pages <= 56 &&
      (alignment === 0 || (at + 1) % 4 === 0) &&
      taken.slice(at, at + pages).every((is) => !is);
    const possible = taken.some((_, at) => fits(at));
    assert.is(gap !== null, possible, `round ${round}`);
    if (gap === null) continue;
    assert.ok(fits(gap.start / PAGE), `round ${round}`);
    assert.ok(
      taken.slice(gap.start / PAGE, gap.end / PAGE).every((is) => !is),
      `round ${round}`,
    );
  }
});

test.run();
