/** pair: one block of 64 bytes, allocated and given back at once. Not touched. */
import { type SingleWorkload, scaled } from "./workload.js";

const PAIRS = 100_000;
const BYTES = 64;

/** Where blocks are shown, so that no allocation can be optimized away. */
export let sink: unknown;

export const pair: SingleWorkload = {
  name: "pair",
  goal: { ns: 7, times: { mimalloc: 1.25 } },
  what: "malloc(64), free; untouched",
  prepare({ malloc, free }, scale) {
    const pairs = scaled(PAIRS, scale);
    const pass = () => {
      for (let i = 0; i < pairs; i++) {
        const block = malloc(BYTES);
        free(block);
        sink = block;
      }
    };
    return { operations: pairs, pass };
  },
};
