/**
 * Which allocations are sampled, and what each of them stands for.
 *
 * Samples fall on bytes as drops fall on a line: `every` bytes apart on average, each independent of the others (a Poisson process). A
 * block is sampled when at least one falls on it, so with probability 1 - exp(-bytes / every), and stands for as many blocks as would
 * have to be allocated for that: the sums are right on average, whatever the sizes are. tcmalloc and V8 sample alike.
 *
 * The rate may change with each sample: then `every` is another for the bytes that follow, and each sample stands for what its own
 * rate says. Must not know what a block is.
 */

/** Samples that are less or more apart, in milliseconds, are too many, or fewer than could be: each takes some 10 µs. */
const TOO_NEAR_MS = 0.5;
const FAR_MS = 2;

export class Sampler {
  /** Whole bytes that go by before the next sample: it falls on the byte after them. Others may count down, too. */
  left: number;
  /** The mean distance from the last sample to the next. */
  every: number;
  readonly #least: number;
  readonly #random: () => number;

  /** `every` is more than 0, or 0 for a sample on each byte; `random`: numbers from 0 up to, and not including, 1. */
  constructor(every: number, random: () => number = Math.random) {
    this.every = every;
    this.#least = every;
    this.#random = random;
    this.left = this.#distance();
  }

  /** Whether an allocation of that many bytes is sampled; each is to be asked about once, if it was not counted down. */
  takes(bytes: number): boolean {
    this.left -= bytes;
    if (this.left >= 0) return false;
    this.left = this.#distance();
    return true;
  }

  /** How likely a block is sampled. */
  chanceOf(bytes: number): number {
    return -Math.expm1(-bytes / this.every);
  }

  /** For how many blocks of its size one that was sampled stands. */
  weightOf(bytes: number): number {
    return 1 / this.chanceOf(bytes);
  }

  /** Where samples come so fast that they take more than a hundredth of the time, makes them rarer; `gap`: milliseconds between the last two. */
  pace(gap: number): void {
    if (gap < TOO_NEAR_MS) this.every *= 2;
    else if (gap > FAR_MS) this.every = Math.max(this.#least, this.every / 2);
    this.left = this.#distance();
  }

  #distance(): number {
    return Math.max(0, Math.ceil(-Math.log(1 - this.#random()) * this.every) - 1);
  }
}
