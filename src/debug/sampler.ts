/**
 * Which allocations are sampled, and what each of them stands for.
 *
 * Samples fall on bytes as drops fall on a line: `every` bytes apart on average, each independent of the others (a Poisson process). A
 * block is sampled when at least one falls on it, so with probability 1 - exp(-bytes / every), and stands for as many blocks as would
 * have to be allocated for that: the sums are right on average, whatever the sizes are. tcmalloc and V8 sample alike.
 *
 * Must not know what a block is.
 */
export class Sampler {
  readonly every: number;
  /** Bytes until the next sample. */
  readonly countdown: { left: number };
  readonly #random: () => number;

  /** `random`: numbers from 0 up to, and not including, 1. */
  constructor(every: number, random: () => number = Math.random) {
    this.every = every;
    this.#random = random;
    this.countdown = { left: this.#distance() };
  }

  /** Whether an allocation of that many bytes is sampled; each is to be asked about once. */
  takes(bytes: number): boolean {
    this.countdown.left -= atLeastOne(bytes);
    if (this.countdown.left > 0) return false;
    this.countdown.left = this.#distance();
    return true;
  }

  /** For how many blocks of its size one that was sampled stands. */
  weightOf(bytes: number): number {
    return -1 / Math.expm1(-atLeastOne(bytes) / this.every);
  }

  /** Rounded up: the byte that the drop falls on. */
  #distance(): number {
    return Math.max(1, Math.ceil(-Math.log(1 - this.#random()) * this.every));
  }
}

/** A block of no bytes can be sampled too. */
function atLeastOne(bytes: number): number {
  return bytes === 0 ? 1 : bytes;
}
