/** Words on which threads meet, each on a cache line of its own; waiting there is bounded. */

/** How long anybody waits for anybody, in ms. */
export const PATIENCE_MS = 60_000;

export const Meeting = {
  /** How many threads are ready. */
  ready: 0,
  /** 1 once they may go. */
  go: 16,
  /** How far a thread that works without end has come. */
  steps: 32,
} as const;
const WORDS = 48;

export function newMeeting(): SharedArrayBuffer {
  return new SharedArrayBuffer(WORDS * 4);
}
