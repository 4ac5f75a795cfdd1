/**
 * What the main thread of parked.ts and its workers tell each other.
 */

/** The words that both sides see. */
export const Word = { state: 0, at: 1, stores: 2 } as const;
export const WORDS = 3;
export const State = { loading: 0, ready: 1, go: 2, parked: 3, done: 4 } as const;

export interface Part {
  /** Which of the operations. */
  readonly name: string;
  readonly words: SharedArrayBuffer;
  /** Blocks that this worker holds. */
  readonly held: SharedArrayBuffer;
  /** Blocks that its operation works on. */
  readonly inHand: SharedArrayBuffer;
  /** Blocks that one side hands to the other for freeing. */
  readonly passed: SharedArrayBuffer;
  readonly seed: number;
}
