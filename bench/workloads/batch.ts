/**
 * batch: 100,000 blocks allocated, then all of them freed in the same order. Not touched. Once with blocks of one size,
 * once with blocks of many.
 */
import type { Allocator, Block, Slots } from "../allocators/allocator.js";
import { below, next, seedOf } from "../random.js";
import { type SingleWorkload, scaled } from "./workload.js";

const BLOCKS = 100_000;
const BYTES = 64;
const LEAST = 16;
const SIZES = 512 - LEAST + 1;

export const batch: SingleWorkload = {
  name: "batch",
  goal: { ns: 15, times: { mimalloc: 1.25 } },
  what: "100,000 blocks of 64 bytes allocated, then freed in that order; untouched",
  prepare({ malloc, free, table, none }, scale) {
    const blocks = scaled(BLOCKS, scale);
    const slots = table(blocks);
    const pass = () => {
      fill(malloc, slots, blocks);
      empty(free, slots, blocks, none);
    };
    return { operations: blocks, pass };
  },
};

export const batchMixed: SingleWorkload = {
  name: "batch-mixed",
  what: "the same with blocks of 16 to 512 bytes",
  prepare({ malloc, free, table, none }, scale) {
    const blocks = scaled(BLOCKS, scale);
    const slots = table(blocks);
    let state = seedOf(0);
    const pass = () => {
      state = fillMixed(malloc, slots, blocks, state);
      empty(free, slots, blocks, none);
    };
    return { operations: blocks, pass };
  },
};

function fill(malloc: Allocator["malloc"], slots: Slots, blocks: number): void {
  for (let i = 0; i < blocks; i++) slots[i] = malloc(BYTES);
}

/** Returns the state of the sequence after it. */
function fillMixed(malloc: Allocator["malloc"], slots: Slots, blocks: number, from: number): number {
  let state = from;
  for (let i = 0; i < blocks; i++) {
    state = next(state);
    slots[i] = malloc(LEAST + below(state, SIZES));
  }
  return state;
}

function empty(free: Allocator["free"], slots: Slots, blocks: number, none: Block): void {
  for (let i = 0; i < blocks; i++) {
    free(slots[i]);
    slots[i] = none;
  }
}
