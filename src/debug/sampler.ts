/**
 * Which allocations are sampled, and what each of them stands for.
 *
 * Samples fall on bytes as drops fall on a line: `every` bytes apart on average, each independent of the others (a Poisson process). A
 * block is sampled when at least one falls on it, so with probability 1 - exp(-bytes / every), and stands for as many blocks as would
 * have to be allocated for that: the sums are right on average, whatever the sizes are. tcmalloc and V8 sample alike.
 *
 * Must not know what a block is.
 */

/** The most that the countdown holds; what is further away is kept beside it. */
const MOST = 2 ** 30;

export class Sampler {
  readonly every: number;
  /** [0]: bytes that may still go by before it must be asked again. Others may count there too. */
  readonly #countdown: Int32Array;
  /** Bytes until the next sample that the countdown does not hold. */
  #beyond = 0;
  readonly #random: () => number;

  /** `random`: numbers from 0 up to, and not including, 1. */
  constructor(
    every: number,
    countdown: Int32Array = new Int32Array(1),
    random: () => number = Math.random,
  ) {
    this.every = every;
    this.#countdown = countdown;
    this.#random = random;
  }

  /** Before the first allocation. */
  begin(): void {
    this.#count(this.#distance());
  }

  /** Whether an allocation of that many bytes is sampled; each is to be asked about once, if it was not counted down. */
  takes(bytes: number): boolean {
    const left = this.#countdown[0]! + this.#beyond - atLeastOne(bytes);
    this.#count(left < 0 ? this.#distance() : left);
    return left < 0;
  }

  /** For how many blocks of its size one that was sampled stands. */
  weightOf(bytes: number): number {
    return -1 / Math.expm1(-atLeastOne(bytes) / this.every);
  }

  /** Bytes that go by before the next sample: the byte after them is the one that the drop falls on. */
  #distance(): number {
    return Math.max(0, Math.ceil(-Math.log(1 - this.#random()) * this.every) - 1);
  }

  #count(bytes: number): void {
    this.#countdown[0] = Math.min(bytes, MOST);
    this.#beyond = bytes - this.#countdown[0]!;
  }
}

/** A block of no bytes can be sampled too. */
function atLeastOne(bytes: number): number {
  return bytes === 0 ? 1 : bytes;
}
