/** How much is done for a figure. */

export interface Effort {
  readonly rounds: number;
  /** Passes over a trace in one process; the first half is not counted. */
  readonly passes: number;
  readonly milliseconds: number;
  readonly warmupMilliseconds: number;
}

/** 30 passes, because V8 has compiled the seldom taken paths only after about ten. */
export const FULL: Effort = { rounds: 7, passes: 30, milliseconds: 500, warmupMilliseconds: 250 };
/** Only shows that everything still runs: its figures mean nothing. */
export const QUICK: Effort = { rounds: 1, passes: 3, milliseconds: 20, warmupMilliseconds: 10 };
