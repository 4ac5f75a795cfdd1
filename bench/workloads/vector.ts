/**
 * vector: four arrays that double from 16 bytes to 1 MiB in turns; what is new is filled, a byte in each page. Once with
 * the threshold for mappings fixed, and once with one that rises: see large.
 */
import { DYNAMIC_THRESHOLD, FIXED_THRESHOLD, NEAR_GLIBC, type SingleWorkload, scaled } from "./workload.js";

const VECTORS = 4;
const LEAST = 16;
const DOUBLINGS = 16;
const REPEATS = 16;

const prepare: SingleWorkload["prepare"] = ({ malloc, realloc, free, populate, table, none }, scale) => {
  const repeats = scaled(REPEATS, scale);
  const slots = table(VECTORS);
  const grow = () => {
    for (let i = 0; i < VECTORS; i++) slots[i] = malloc(LEAST);
    let bytes = LEAST;
    for (let doubling = 0; doubling < DOUBLINGS; doubling++) {
      for (let i = 0; i < VECTORS; i++) {
        const grown = realloc(slots[i], bytes, 2 * bytes);
        populate(grown, bytes, 2 * bytes);
        slots[i] = grown;
      }
      bytes *= 2;
    }
    for (let i = 0; i < VECTORS; i++) {
      free(slots[i]);
      slots[i] = none;
    }
  };
  const pass = () => {
    for (let i = 0; i < repeats; i++) grow();
  };
  return { operations: repeats * VECTORS * DOUBLINGS, pass };
};

export const vector: SingleWorkload = {
  name: "vector",
  goal: NEAR_GLIBC,
  what: "four arrays doubled in turns from 16 B to 1 MiB by realloc, the new part touched; threshold 128 KiB",
  ...FIXED_THRESHOLD,
  prepare,
};

export const vectorDynamic: SingleWorkload = {
  name: "vector-dynamic",
  goal: NEAR_GLIBC,
  what: 'the same with glibc as it is, and mmapThreshold "dynamic" here',
  ...DYNAMIC_THRESHOLD,
  prepare,
};
