/** What heapwright is meant to reach. */

/** Of its bounds for time one must hold; those for memory are goals of their own. */
export interface Goal {
  /** At most so many nanoseconds per operation. */
  readonly ns?: number;
  /** At most so many times what a contestant takes. */
  readonly times?: Readonly<Record<string, number>>;
  /** The same for memory at its peak, wherever that can be compared. */
  readonly peaks?: Readonly<Record<string, number>>;
}

/**
 * What a recorded program takes at most over glibc called from C, time and memory at its peak: the worst of them, and
 * their geometric mean.
 */
export const RECORDED = {
  times: { worst: 1.8, mean: 1.2 },
  peaks: { worst: 1.08, mean: 1.02 },
} as const;
