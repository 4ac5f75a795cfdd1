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

function begun(every: number, countdown?: Int32Array): Sampler {
  const sampler = new Sampler(every, countdown, random);
  sampler.begin();
  return sampler;
}

/** Estimated bytes and blocks of `count` blocks of one size. */
function estimate(sizes: readonly number[], rounds: number): { bytes: number; count: number; taken: number } {
  const sampler = begun(EVERY);
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
  const sampler = begun(EVERY);
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

test("a block of no bytes can be sampled, and with 1 nearly each block is", () => {
  const sampler = begun(1);
  let taken = 0;
  for (let i = 0; i < 1000; i++) if (sampler.takes(0)) taken++;
  assert.ok(taken > 500 && taken < 750, `${taken} of 1000`);
  assert.ok(Math.abs(sampler.weightOf(100) - 1) < 1e-9);
});

test("what others count down counts, and distances that the countdown does not hold", () => {
  const every = 2 ** 33;
  const countdown = new Int32Array(1);
  const sampler = begun(every, countdown);
  const bytes = 2 ** 20;
  const rounds = 4_000_000;
  let taken = 0;
  for (let i = 0; i < rounds; i++) {
    if (countdown[0]! >= bytes) countdown[0]! -= bytes;
    else if (sampler.takes(bytes)) taken++;
  }
  const p = 1 - Math.exp(-bytes / every);
  assert.ok(Math.abs(taken - rounds * p) <= 6 * Math.sqrt(rounds * p), `${taken} of ${rounds}`);
});

test.run();
