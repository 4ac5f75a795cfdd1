/**
 * The pseudo-random sequence of every workload: xorshift32 (Marsaglia, 2003), the same in native/bench.h, so
 * that both sides ask for the same bytes in the same order. The state is an int32, which V8 keeps unboxed.
 */

/** The state after `state`; never 0 unless it was. Whoever holds the state stores what this returns. */
export function next(state: number): number {
  const a = state ^ (state << 13);
  const b = a ^ (a >>> 17);
  return b ^ (b << 5);
}

/** A whole number from 0 to below `range`, from the upper bits of a state. `range` is at most 65,536. */
export function below(state: number, range: number): number {
  return ((state >>> 16) * range) >>> 16;
}

/** Where a member of a crew starts: sequences of different members do not coincide. */
export function seedOf(member: number): number {
  return Math.imul(member + 1, 0x9e3779b1) | 0;
}
