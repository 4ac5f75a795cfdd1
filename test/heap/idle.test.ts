/**
 * Giving back what lies idle, step by step.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { IdleSteps, type Next } from "../../src/heap/idle.js";
import { Rec } from "../../src/heap/record.js";
import type { Pointer } from "../../src/memory/memory.js";
import {
  anotherThread,
  type FakeHeap,
  fakeHeap,
  footprintPages,
  free,
  record,
  sendBack,
  setControl,
  verify,
} from "../support/fake-heap.js";
import { MIB, PAGE } from "../support/fake-os.js";
import { Random, testSeed } from "../support/seed.js";

const seed = testSeed("idle steps");

function step(of: FakeHeap, steps: IdleSteps, quiet: boolean): Next {
  of.heap.enter();
  const next = steps.step(of.heap, quiet, record(of, "updates"));
  of.heap.open();
  return next;
}

/** Steps until one says that there is nothing more to do soon; how many. */
function settle(of: FakeHeap, steps: IdleSteps): number {
  let count = 1;
  while (step(of, steps, count > 1) === "soon") if (++count > 1000) throw new Error("it goes on for ever");
  while (step(of, steps, true) === "soon") if (++count > 1000) throw new Error("it goes on for ever");
  return count;
}

/** Blocks freed in random order, one of `stays` not. */
function shuffled(of: FakeHeap, count: number, size: number, stays: number): Pointer[] {
  const random = new Random(seed);
  const pointers = Array.from({ length: count }, () => of.heap.popSmall(size) || of.heap.allocate(size));
  const kept = pointers.filter((_, i) => i % stays === stays - 1);
  const freed = pointers.filter((_, i) => i % stays !== stays - 1);
  for (let i = freed.length - 1; i > 0; i--) {
    const other = random.int(0, i);
    const pointer = freed[i]!;
    freed[i] = freed[other]!;
    freed[other] = pointer;
  }
  for (const pointer of freed) free(of, pointer);
  return kept;
}

test("a survey goes on in no other heap, with as many updates by chance", () => {
  const one = fakeHeap({ trimThreshold: PAGE });
  shuffled(one, 120_000, 100, 3);
  const steps = new IdleSteps();
  step(one, steps, false);
  while (step(one, steps, true) !== "soon");
  const two = anotherThread(one, 2);
  const pointers = Array.from({ length: 400 }, () => two.heap.allocate(100));
  for (const pointer of pointers.slice(200)) free(two, pointer);
  two.heap.trim();
  for (let i = 0; i < 200; i += 2) free(two, pointers[i]!);
  two.m[two.heap.record + Rec.updates] = record(one, "updates");
  assert.is(step(two, steps, true), "done", "nothing there is worth it");
});

test("what is above the threshold goes, in whatever order it was freed", () => {
  const of = fakeHeap({ trimThreshold: MIB });
  const kept = shuffled(of, 60_000, 200, 1000);
  settle(of, new IdleSteps());
  const pages = footprintPages(of);
  assert.ok(pages * PAGE < 3 * MIB + kept.length * 2 * PAGE, `${pages} pages`);
  verify(of);
});

test("nothing goes while no more than the threshold is idle", () => {
  const of = fakeHeap({ trimThreshold: 16 * MIB });
  shuffled(of, 60_000, 200, 1000);
  const before = footprintPages(of);
  assert.is(settle(of, new IdleSteps()), 1);
  assert.is(footprintPages(of), before);
});

test("holes between live blocks are looked at once, and left", () => {
  const of = fakeHeap({ trimThreshold: 0 });
  shuffled(of, 20_000, 200, 2);
  const steps = new IdleSteps();
  settle(of, steps);
  const before = footprintPages(of);
  assert.is(step(of, steps, true), "done");
  assert.is(footprintPages(of), before);
  verify(of);
});

test("in a busy program a part goes each time, and only of what was idle the last time, too", () => {
  const of = fakeHeap({ trimThreshold: MIB });
  const blocks = Array.from({ length: 100 }, () => of.heap.allocate(100_000));
  setControl(of, "trimPages", 100_000); // the policy keeps still
  for (const pointer of blocks.slice(0, 90)) free(of, pointer);
  setControl(of, "trimPages", MIB / PAGE);
  const steps = new IdleSteps();
  const full = footprintPages(of);
  assert.is(step(of, steps, false), "later");
  assert.is(footprintPages(of), full, "the first time nothing is known of the last one");
  step(of, steps, false);
  assert.ok(footprintPages(of) < full);
});

test("what other threads freed is taken back by a step", () => {
  const of = fakeHeap();
  const owner = anotherThread(of, 2);
  const pointers = Array.from({ length: 40 }, () => owner.heap.allocate(5000));
  of.os.threads.current = 1;
  for (const pointer of pointers) assert.ok(sendBack(of.heap, pointer));
  of.heap.outbox.flush();
  of.os.threads.current = 2;
  assert.ok(owner.heap.hasReturned);
  step(owner, new IdleSteps(), true);
  assert.not(owner.heap.hasReturned);
  verify(owner);
});

test.run();
