/** How long to measure. */

export interface Effort {
  readonly rounds: number;
  /** Passes over a trace in one process; the fastest counts. */
  readonly passes: number;
  readonly milliseconds: number;
  readonly warmupMilliseconds: number;
  /** Part of a workload that is done. */
  readonly scale: number;
  /** Whoever takes longer at a workload is too slow. */
  readonly limitMs: number;
}

export const FULL: Effort = {
  rounds: 7,
  passes: 9,
  milliseconds: 500,
  warmupMilliseconds: 250,
  scale: 1,
  limitMs: 20_000,
};

/** A contest has many columns and rows. */
export const CONTEST: Effort = { ...FULL, rounds: 5, milliseconds: 300 };

/** Only shows that everything still runs: its figures mean nothing. */
export const QUICK: Effort = {
  rounds: 1,
  passes: 1,
  milliseconds: 1,
  warmupMilliseconds: 1,
  scale: 1 / 64,
  limitMs: 10_000,
};
