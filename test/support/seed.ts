/**
 * The seed of a randomized test, and the random numbers that follow from it.
 *
 * A test takes its seed from HEAPWRIGHT_TEST_SEED, or draws one, and prints it in either case, so that every run can
 * be repeated. Owns the generator; everything random in a test must come from here, never from Math.random.
 */
import { randomInt } from "node:crypto";

const VARIABLE = "HEAPWRIGHT_TEST_SEED";

/** The seed for the test called `name`: an unsigned 32-bit integer, printed with the way to give it back. */
export function testSeed(name: string): number {
  const given = process.env[VARIABLE];
  const seed = given === undefined || given === "" ? randomInt(2 ** 32) : parseSeed(given);
  console.log(`seed ${name}: ${seed} (give back with ${VARIABLE}=${seed})`);
  return seed;
}

function parseSeed(text: string): number {
  const seed = Number(text);
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new Error(`${VARIABLE} must be an integer from 0 to 4294967295, not ${JSON.stringify(text)}`);
  }
  return seed;
}

/**
 * A small generator, the same sequence on every platform. A counter steps by an odd constant and so visits all
 * 2^32 states; two multiply-xorshift rounds scramble it (the finalizer of MurmurHash3).
 */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** Uniform over the unsigned 32-bit integers. */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return (mixed ^ (mixed >>> 16)) >>> 0;
  }

  /** An integer from `low` to `high`, both included; the range must not be wider than 2^32. */
  int(low: number, high: number): number {
    return low + Math.floor((this.next() / 2 ** 32) * (high - low + 1));
  }

  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new Error("nothing to pick from");
    return items[this.int(0, items.length - 1)]!;
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.next() < probability * 2 ** 32;
  }

  /** An integer from `low` to `high` whose logarithm is uniform: small ones are as frequent as large ones. */
  spread(low: number, high: number): number {
    const exponent = Math.log2(low) + (this.next() / 2 ** 32) * (Math.log2(high + 1) - Math.log2(low));
    return Math.min(high, Math.floor(2 ** exponent));
  }
}
