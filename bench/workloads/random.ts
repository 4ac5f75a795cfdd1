/** random: a block of another size in place of a random one of 4,096. Not touched. */
import type { Allocator, Slots } from "../allocators/allocator.js";
import * as sequence from "../random.js";
import { inSpans } from "../spans.js";
import { type SingleWorkload, scaled } from "./workload.js";

// By names of this module's own: V8 folds them into loops. What is imported it loads and tests on each round.
const { below, next, seedOf } = sequence;

const SLOTS = 4096;
const STEPS = 100_000;
const LEAST = 16;
const SIZES = 512 - LEAST + 1;

export const random: SingleWorkload = {
  name: "random",
  goal: { ns: 10, times: { mimalloc: 1.25 } },
  what: "one of 4,096 blocks replaced at random, 16 to 512 bytes; untouched",
  prepare({ malloc, free, table, none }, scale) {
    const steps = scaled(STEPS, scale);
    const slots = table(SLOTS);
    let state = seedOf(0);
    const span = (from: number, to: number) => {
      state = replace({ malloc, free, none }, slots, to - from, state);
    };
    return { operations: steps, pass: () => inSpans(steps, span) };
  },
};

/** Returns the state of the sequence after it. */
function replace(
  { malloc, free, none }: Pick<Allocator, "malloc" | "free" | "none">,
  slots: Slots,
  steps: number,
  from: number,
): number {
  let state = from;
  for (let i = 0; i < steps; i++) {
    state = next(state);
    const slot = below(state, SLOTS);
    state = next(state);
    if (slots[slot] !== none) free(slots[slot]);
    slots[slot] = malloc(LEAST + below(state, SIZES));
  }
  return state;
}
