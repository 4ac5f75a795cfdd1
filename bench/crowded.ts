/**
 * A heap with many live blocks: what a pair costs beside what it costs in an empty one, and how long check() takes. In
 * this process.
 */
import { check, free, malloc } from "../src/index.js";
import { below, next, seedOf } from "./random.js";

export interface CrowdedResult {
  /** Nanoseconds, before and after the heap was filled. */
  readonly pairEmpty: number;
  readonly pairCrowded: number;
  readonly randomEmpty: number;
  readonly randomCrowded: number;
  /** Milliseconds. */
  readonly check: number;
}

const BYTES = 64;
const STEPS = 200_000;
const SLOTS = 4096;
const REPEATS = 15;
const LEAST = 16;
const SIZES = 64 - LEAST + 1;
const WARM_BLOCKS = 100_000;

type P = ReturnType<typeof malloc>;

export function measureCrowded(blocks: number): CrowdedResult {
  const warm = new Float64Array(WARM_BLOCKS);
  // V8 shall have seen the slow paths before either figure.
  fill(warm);
  drain(warm);
  const [pairEmpty, randomEmpty] = [fastest(pairs), fastest(replacements())];
  const held = new Float64Array(blocks);
  fill(held);
  const [pairCrowded, randomCrowded] = [fastest(pairs), fastest(replacements())];
  const start = performance.now();
  check();
  return { pairEmpty, pairCrowded, randomEmpty, randomCrowded, check: performance.now() - start };
}

/** Blocks of 16 to 64 bytes. */
function fill(pointers: Float64Array): void {
  let state = seedOf(0);
  for (let i = 0; i < pointers.length; i++) {
    state = next(state);
    pointers[i] = malloc(LEAST + below(state, SIZES));
  }
}

function drain(pointers: Float64Array): void {
  for (let i = 0; i < pointers.length; i++) free(pointers[i] as P);
}

function pairs(): void {
  for (let i = 0; i < STEPS; i++) free(malloc(BYTES));
}

/** One of 4,096 blocks of 16 to 64 bytes replaced at random. */
function replacements(): () => void {
  const slots = new Float64Array(SLOTS);
  let state = seedOf(1);
  return () => {
    for (let i = 0; i < STEPS; i++) {
      state = next(state);
      const slot = below(state, SLOTS);
      state = next(state);
      if (slots[slot] !== 0) free(slots[slot] as P);
      slots[slot] = malloc(LEAST + below(state, SIZES));
    }
  };
}

/** Nanoseconds per step of the fastest pass: the least disturbed one. */
function fastest(pass: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < REPEATS; i++) {
    const start = performance.now();
    pass();
    best = Math.min(best, performance.now() - start);
  }
  return (best * 1e6) / STEPS;
}
