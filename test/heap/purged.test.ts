/**
 * Runs whose pages were given back: what using, joining and cutting them does to the account of pages.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isPurged, nextOf, purgedPages } from "../../src/block/block.js";
import type { Block } from "../../src/memory/memory.js";
import {
  bytesOf,
  charged,
  fakeHeap,
  giveBack,
  join,
  limitTo,
  record,
  row,
  verify,
  withRun,
} from "../support/fake-heap.js";
import { PAGE } from "../support/fake-os.js";

test("a run that was given back is charged again as far as it is used", () => {
  const { of, run } = withRun(64 * PAGE);
  const { pool } = of.heap;
  const before = charged(of);
  assert.is(giveBack(of, run), 63);
  assert.is(charged(of), before - 63);
  verify(of);
  assert.is(pool.take(4 * PAGE), run);
  const rest = nextOf(of.m, run);
  assert.ok(isPurged(of.m, rest), "the rest is still given back");
  assert.ok(charged(of) <= before - 58);
  verify(of);
  assert.is(pool.take(bytesOf(of, rest)), rest, "and then whole");
  assert.is(charged(of), before);
  assert.is(record(of, "purgedPages"), 0);
  verify(of);
});

test("what is left of a run that was given back may be too small to be so itself", () => {
  const { of, run } = withRun(8 * PAGE);
  giveBack(of, run);
  assert.is(of.heap.pool.take(7 * PAGE + 64), run);
  assert.not.ok(isPurged(of.m, nextOf(of.m, run)));
  verify(of);
});

test("at the limit a run that was given back is not used, and stays as it is", () => {
  const { of, run } = withRun(64 * PAGE);
  giveBack(of, run);
  limitTo(of, 10);
  assert.is(of.heap.pool.take(32 * PAGE), 0);
  verify(of);
  assert.is(of.heap.pool.take(8 * PAGE), run);
  verify(of);
});

test("at the limit a larger block is used whose pages are there, or the wilderness", () => {
  const of = fakeHeap();
  const [, small, , large] = row(of, 64, 64 * PAGE, 64, 128 * PAGE, 64);
  join(of, small!);
  giveBack(of, small!);
  join(of, large!);
  limitTo(of, 0);
  const { pool } = of.heap;
  for (let i = 0; i < 4; i++) {
    const b = pool.take(32 * PAGE);
    assert.ok(b >= large! && b < large! + (128 * PAGE) / 4, `${i}`);
  }
  assert.is(pool.take(32 * PAGE), 0);
  assert.ok(isPurged(of.m, small!));
  assert.is.not(pool.take(2048), 0, "from the wilderness");
  verify(of);
});

test("a victim cut from a block that was given back is charged as far as it reaches", () => {
  const of = fakeHeap();
  const [, run] = row(of, 64, 64 * PAGE, 64);
  join(of, run!);
  const before = charged(of);
  assert.is(giveBack(of, run!), 63);
  assert.ok(of.heap.pool.refill(64));
  assert.is(nextOf(of.m, run!), run! + 16, "carved from its lower end");
  const victim = record(of, "victim") as Block;
  const above = nextOf(of.m, victim);
  const pages = 63 - purgedPages(of.m, above);
  assert.ok(pages >= 15 && pages <= 17, `${pages} pages for a victim of 64 KiB`);
  assert.is(charged(of), before - 63 + pages);
  verify(of);
});

test("at the limit no victim is cut from a block that was given back; the wilderness serves", () => {
  const of = fakeHeap();
  const [, run, , last] = row(of, 64, 64 * PAGE, 64, 64);
  join(of, run!);
  giveBack(of, run!);
  limitTo(of, 0);
  const top = nextOf(of.m, last!);
  assert.ok(of.heap.pool.refill(64));
  assert.is(record(of, "victim"), 0);
  assert.is(of.heap.popSmall(56), of.heap.window.pointerOf(top));
  assert.is(purgedPages(of.m, run!), 63);
  verify(of);
});

for (const where of ["below", "above"] as const) {
  test(`pages that were given back stay so when the block ${where} is joined`, () => {
    const of = fakeHeap();
    const [, one, two] = row(of, 64, 32 * PAGE, 32 * PAGE, 64);
    const [run, freed] = where === "below" ? [two!, one!] : [one!, two!];
    join(of, run);
    const before = charged(of);
    assert.is(giveBack(of, run), 31);
    join(of, freed);
    assert.is(charged(of), before - 31);
    assert.is(record(of, "purgedPages"), 31);
    assert.is(purgedPages(of.m, one!), 31);
    verify(of);
    assert.is(giveBack(of, one!), 63 - 31, "the rest of them");
    assert.is(charged(of), before - 63);
    verify(of);
  });
}

test("joining two runs that were given back adds them up", () => {
  const of = fakeHeap();
  const [, low, middle, high] = row(of, 64, 32 * PAGE, 2048, 32 * PAGE, 64);
  for (const run of [low!, high!]) {
    join(of, run);
    giveBack(of, run);
  }
  join(of, middle!);
  assert.is(purgedPages(of.m, low!), record(of, "purgedPages"));
  assert.ok(record(of, "purgedPages") >= 61);
  verify(of);
});

test("a run that was given back and becomes wilderness stays given back", () => {
  const of = fakeHeap();
  const [, run, last] = row(of, 64, 32 * PAGE, 2048);
  join(of, run!);
  const before = charged(of);
  giveBack(of, run!);
  join(of, last!);
  assert.is(record(of, "top"), run);
  assert.ok(charged(of) <= before - 31);
  assert.is(record(of, "purgedPages"), 0);
  verify(of);
});

test("it is charged again when the kernel does not take the rest", () => {
  const of = fakeHeap();
  const [, run, last] = row(of, 64, 32 * PAGE, 2048);
  join(of, run!);
  const before = charged(of);
  giveBack(of, run!);
  of.os.refused.add("discard");
  join(of, last!);
  assert.is(charged(of), before);
  verify(of);
});

test("charging what is used of a run that was given back in part never counts too few", () => {
  for (const taken of [2, 20, 40, 60]) {
    const of = fakeHeap();
    const [, one, two] = row(of, 64, 32 * PAGE, 32 * PAGE, 64);
    join(of, one!);
    const before = charged(of);
    giveBack(of, one!);
    join(of, two!);
    const b = of.heap.pool.take(taken * PAGE);
    assert.is(b, one);
    verify(of);
    assert.ok(charged(of) >= before - 31 + Math.min(31, taken - 2), `${taken} pages`);
    assert.ok(charged(of) <= before);
  }
});

test.run();
