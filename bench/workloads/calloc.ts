/** calloc: the same as random, with cleared blocks of up to 1 KiB. */
import { below, next, seedOf } from "../random.js";
import { type SingleWorkload, scaled } from "./workload.js";

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
    const pass = () => {
      for (let i = 0; i < steps; i++) {
        state = next(state);
        const slot = below(state, SLOTS);
        state = next(state);
        if (slots[slot] !== none) free(slots[slot]);
        slots[slot] = calloc(LEAST + below(state, SIZES));
      }
    };
    return { operations: steps, pass };
  },
};
