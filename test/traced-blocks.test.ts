/**
 * A program that follows the trace knows at each moment which blocks are live, however realloc moves them.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  alignedAlloc,
  calloc,
  configure,
  free,
  malloc,
  type Pointer,
  realloc,
  stats,
  type TraceEvent,
} from "../src/index.js";
import { Random, testSeed } from "./support/seed.js";

const STEPS = 6000;
const MOST_LIVE = 60;
const random = new Random(testSeed("traced-blocks"));

/** Live blocks, as the trace tells them. */
const told = new Set<number>();

function follow({ step, address }: TraceEvent): void {
  if (step === "free") assert.ok(told.delete(address), "what is freed was there");
  else if (["malloc", "calloc", "aligned", "realloc"].includes(step)) told.add(address);
}

/** Small, medium, and mapped. */
function size(): number {
  return random.chance(0.1) ? random.int(100_000, 500_000) : random.spread(1, 20_000);
}

function make(): Pointer {
  const way = random.int(0, 2);
  if (way === 0) return calloc(1, size());
  return way === 1 ? alignedAlloc(2 ** random.int(4, 13), size()) : malloc(size());
}

test("it does, through thousands of operations", () => {
  const live: Pointer[] = [];
  const before = stats().merges;
  let movedDown = 0;
  let moved = 0;
  configure({ trace: follow });
  for (let i = 0; i < STEPS; i++) {
    if (live.length < MOST_LIVE && random.chance(0.4)) {
      live.push(make());
    } else if (live.length > 0) {
      const at = random.int(0, live.length - 1);
      const [old] = live.splice(at, 1) as [Pointer];
      if (random.chance(0.4)) {
        free(old);
      } else {
        const resized = realloc(old, size());
        if (resized !== old) moved++;
        if (resized < old && old - resized < 20_000) movedDown++;
        live.push(resized);
      }
    }
    assert.equal([...told].sort(), [...live].sort());
  }
  configure({ trace: false });
  live.forEach(free);
  assert.ok(moved > 100 && movedDown > 10, `${moved} moved, ${movedDown} of them down`);
  assert.ok(stats().merges > before);
});

test.run();
