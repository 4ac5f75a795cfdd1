/**
 * large: one of eight blocks of 256 KiB to 4 MiB replaced, every page of it touched. Once with the threshold for
 * mappings fixed, and once with one that changes with what the program does.
 */
import { below, next, seedOf } from "../random.js";
import { DYNAMIC_THRESHOLD, FIXED_THRESHOLD, NEAR_GLIBC, type SingleWorkload, scaled } from "./workload.js";

const SLOTS = 8;
const STEPS = 128;
const LEAST = 256 * 1024;
const STEP = 4096;
const SIZES = (4 * 1024 * 1024 - LEAST) / STEP + 1;

const prepare: SingleWorkload["prepare"] = ({ malloc, free, populate, table, none }, scale) => {
  const steps = scaled(STEPS, scale);
  const slots = table(SLOTS);
  let state = seedOf(0);
  const pass = () => {
    for (let i = 0; i < steps; i++) {
      state = next(state);
      const slot = i % SLOTS;
      const bytes = LEAST + STEP * below(state, SIZES);
      if (slots[slot] !== none) free(slots[slot]);
      const block = malloc(bytes);
      populate(block, 0, bytes);
      slots[slot] = block;
    }
  };
  return { operations: steps, pass };
};

export const large: SingleWorkload = {
  name: "large",
  goal: NEAR_GLIBC,
  what: "one of 8 blocks of 256 KiB to 4 MiB replaced, every page touched; the mmap threshold fixed at 128 KiB",
  ...FIXED_THRESHOLD,
  prepare,
};

export const largeDynamic: SingleWorkload = {
  name: "large-dynamic",
  goal: NEAR_GLIBC,
  what: 'the same with glibc as it is, and mmapThreshold "dynamic" here',
  ...DYNAMIC_THRESHOLD,
  prepare,
};
