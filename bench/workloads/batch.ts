/**
 * batch: 100,000 blocks allocated, then all of them freed in the same order. Not touched. Once with blocks of one size,
 * once with blocks of many.
 */
import type { Allocator, Block, Slots } from "../allocators/allocator.js";
import * as sequence from "../random.js";
import { inSpans } from "../spans.js";
import { type SingleWorkload, scaled } from "./workload.js";

// By names of this module's own: V8 folds them into loops. What is imported it loads and tests on each round.
const { below, next, seedOf } = sequence;

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
    const fillSpan = (from: number, to: number) => fill(malloc, slots, from, to);
    const emptySpan = (from: number, to: number) => empty(free, slots, from, to, none);
    const pass = () => {
      inSpans(blocks, fillSpan);
      inSpans(blocks, emptySpan);
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
    const fillSpan = (from: number, to: number) => {
      state = fillMixed(malloc, slots, from, to, state);
    };
    const emptySpan = (from: number, to: number) => empty(free, slots, from, to, none);
    const pass = () => {
      inSpans(blocks, fillSpan);
      inSpans(blocks, emptySpan);
    };
    return { operations: blocks, pass };
  },
};

function fill(malloc: Allocator["malloc"], slots: Slots, from: number, to: number): void {
  for (let i = from; i < to; i++) slots[i] = malloc(BYTES);
}

/** Returns the state of the sequence after it. */
function fillMixed(
  malloc: Allocator["malloc"],
  slots: Slots,
  from: number,
  to: number,
  first: number,
): number {
  let state = first;
  for (let i = from; i < to; i++) {
    state = next(state);
    slots[i] = malloc(LEAST + below(state, SIZES));
  }
  return state;
}

function empty(free: Allocator["free"], slots: Slots, from: number, to: number, none: Block): void {
  for (let i = from; i < to; i++) {
    free(slots[i]);
    slots[i] = none;
  }
}
