/**
 * Long loops, a span at a time: for tuned loops alone.
 *
 * What V8 compiles to be entered in the middle of a loop does not take the function's closure for a constant: it fetches
 * each column, each constant and each function again on every round, and tests them. A loop so long that V8 replaces it while
 * it runs is entered like that in every pass: batch took a tenth longer. A function that is called often is compiled as a
 * whole, for its beginning. C's compiler has no such trouble, so a tuned loop that is compared with one in C is run in spans.
 */
const SPAN = 256;

/**
 * Calls `run` with one span after the other, from 0 up to `count`; the end is not included. `run` is to be made once, and not in
 * each pass: V8 takes the closure for a constant only while it is the one of its kind. A function of its own, after whose
 * loop nothing comes: V8 left its code there in each pass, for it had not seen more.
 */
export function inSpans(count: number, run: (from: number, to: number) => void): void {
  for (let from = 0; from < count; from += SPAN) run(from, Math.min(from + SPAN, count));
}
