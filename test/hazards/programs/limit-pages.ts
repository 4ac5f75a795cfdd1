/**
 * Program: pages that were given back are used again under a tight limit. A random workload with trim() in between,
 * always at the limit; the footprint is looked at after each step, and each step that leads above it is told.
 *
 *   HEAPWRIGHT_LIMIT=BYTES limit-pages.ts
 */
import * as lib from "../../../src/index.js";
import { Random, testSeed } from "../../support/seed.js";
import { tell } from "./proc.js";
import { Workload } from "./workload.js";

const STEPS = 60_000;
const TRIM_EVERY = 700;

const limit = Number(process.env.HEAPWRIGHT_LIMIT);
const seed = testSeed("limit and pages given back");
const random = new Random(seed + 1);
let above = 0;
let highest = 0;
let trimmed = 0;

const workload = new Workload(lib, {
  seed,
  steps: STEPS,
  liveBytes: limit,
  largest: 60_000,
  afterStep: () => {
    const { footprint } = lib.stats();
    highest = Math.max(highest, footprint);
    if (footprint > limit) above++;
    if (random.int(1, TRIM_EVERY) === 1) {
      if (random.chance(0.5)) workload.freeHalf();
      trimmed += lib.trim();
      lib.check();
    }
  },
});
const { refused } = workload.run();
workload.freeAll();
tell({ refused, above, highest, trimmed, peak: lib.stats().peakFootprint });
