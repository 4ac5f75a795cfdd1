/**
 * Sampling by bytes: unbiased for blocks of every size, and independent of how they follow each other.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Sampler } from "../../src/debug/sampler.js";
import { Random, testSeed } from "../support/seed.js";

const seeded = new Random(testSeed("sampler"));
const random = () => seeded.next() / 2 ** 32;
const EVERY = 1000;

/** Estimated bytes and blocks of `count` blocks of one size. */
function estimate(sizes: readonly number[], rounds: number): { bytes: number; count: number; taken: number } {
  const sampler = new Sampler(EVERY, random);
  const sums = { bytes: 0, count: 0, taken: 0 };
  for (let round = 0; round < rounds; round++) {
    for (const size of sizes) {
      if (!sampler.takes(size)) continue;
      sums.taken++;
      sums.count += sampler.weightOf(size);
      sums.bytes += sampler.weightOf(size) * size;
    }
  }
  return sums;
}

for (const size of [1, 16, 100, 1000, 5000, 100_000]) {
  test(`blocks of ${size} bytes are estimated without bias`, () => {
    const rounds = Math.max(20_000, Math.ceil(4_000_000 / size));
    const { count, bytes } = estimate([size], rounds);
    // The variance of the estimate of one block is (1 - p) / p; six standard deviations are met once in 500 million runs.
    const p = 1 - Math.exp(-size / EVERY);
    const error = 6 * Math.sqrt((rounds * (1 - p)) / p);
    assert.ok(
      Math.abs(count - rounds) <= error + 1e-6 * rounds,
      `${count} of ${rounds}, at most ${error} off`,
    );
    assert.ok(Math.abs(bytes / size - count) < 1e-6 * count);
  });
}

test("sizes that take turns do not hide each other", () => {
  const rounds = 200_000;
  const sampler = new Sampler(EVERY, random);
  const counts = new Map<number, number>();
  for (let round = 0; round < rounds; round++) {
    for (const size of [8, 992]) {
      if (sampler.takes(size)) counts.set(size, (counts.get(size) ?? 0) + sampler.weightOf(size));
    }
  }
  for (const size of [8, 992]) {
    const p = 1 - Math.exp(-size / EVERY);
    const error = 6 * Math.sqrt((rounds * (1 - p)) / p);
    assert.ok(
      Math.abs(counts.get(size)! - rounds) <= error,
      `${counts.get(size)} of ${rounds} blocks of ${size} bytes`,
    );
  }
});

test("what others count down counts", () => {
  const every = 2 ** 33;
  const sampler = new Sampler(every, random);
  const bytes = 2 ** 20;
  const rounds = 4_000_000;
  let taken = 0;
  for (let i = 0; i < rounds; i++) {
    if (sampler.left >= bytes && i % 3 > 0) sampler.left -= bytes;
    else if (sampler.takes(bytes)) taken++;
  }
  const expected = rounds * sampler.chanceOf(bytes);
  assert.ok(Math.abs(taken - expected) <= 6 * Math.sqrt(expected), `${taken} of ${rounds}`);
});

test("with 0 each block is sampled", () => {
  const sampler = new Sampler(0, random);
  for (let i = 1; i < 1000; i++) assert.ok(sampler.takes(i % 7 === 0 ? i : 1));
  assert.is(sampler.weightOf(1), 1);
});

test("samples that come too fast get rarer, and the sums stay right", () => {
  const sampler = new Sampler(EVERY, random);
  const size = 100;
  const bytesPerMs = 1_000_000;
  let [last, count, taken] = [0, 0, 0];
  const rounds = 10_000_000;
  for (let i = 0; i < rounds; i++) {
    if (!sampler.takes(size)) continue;
    const now = (i * size) / bytesPerMs;
    taken++;
    count += sampler.weightOf(size);
    sampler.pace(now - last);
    last = now;
  }
  const ms = (rounds * size) / bytesPerMs;
  assert.ok(taken < 1.5 * ms && taken > ms / 5, `${taken} samples in ${ms} ms`);
  assert.ok(Math.abs(count / rounds - 1) < 0.35, `${count} of ${rounds}`);
  for (let i = 0; i < 40; i++) sampler.pace(10);
  assert.is(sampler.every, EVERY);
});

test.run();
