/** calloc: the same as random, with cleared blocks of up to 1 KiB. */
import type { Allocator, Slots } from "../allocators/allocator.js";
import * as sequence from "../random.js";
import { inSpans } from "../spans.js";
import { type SingleWorkload, scaled } from "./workload.js";

// By names of this module's own: V8 folds them into loops. What is imported it loads and tests on each round.
const { below, next, seedOf } = sequence;

const SLOTS = 4096;
const STEPS = 100_000;
const LEAST = 16;
const SIZES = 1024 - LEAST + 1;

export const calloc: SingleWorkload = {
  name: "calloc",
  what: "one of 4,096 blocks replaced at random by a cleared one, 16 to 1,024 bytes",
  prepare({ calloc, free, table, none }, scale) {
    const steps = scaled(STEPS, scale);
    const slots = table(SLOTS);
    let state = seedOf(0);
    const span = (from: number, to: number) => {
      state = replace({ calloc, free, none }, slots, to - from, state);
    };
    return { operations: steps, pass: () => inSpans(steps, span) };
  },
};

/** Returns the state of the sequence after it. */
function replace(
  { calloc, free, none }: Pick<Allocator, "calloc" | "free" | "none">,
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
    slots[slot] = calloc(LEAST + below(state, SIZES));
  }
  return state;
}
