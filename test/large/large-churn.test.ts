/**
 * The dynamic threshold rises when blocks of about a size are mapped and freed again and again; a fixed one does not.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { doublingOf, LEAST_THRESHOLD } from "../../src/large/large-churn.js";
import type { Pointer } from "../../src/memory/memory.js";
import { defaults } from "../../src/process/settings.js";
import { allocate, churn, free, isMapped, KIB } from "../support/churn.js";
import { control, fakeHeap, verify } from "../support/fake-heap.js";
import { MIB, PAGE } from "../support/fake-os.js";

test("it is the default, and starts at 128 KiB", () => {
  assert.is(defaults.mmapThreshold, "dynamic");
  const of = fakeHeap();
  assert.is(of.heap.mmapThreshold, 128 * KIB);
  assert.ok(isMapped(of, allocate(of, 128 * KIB + 1)));
  assert.not.ok(isMapped(of, allocate(of, 128 * KIB)));
});

test("the fourth free of about a size raises it to the end of that doubling", () => {
  const of = fakeHeap();
  for (const size of [600, 1000, 700]) free(of, allocate(of, size * KIB));
  assert.is(of.heap.mmapThreshold, 128 * KIB);
  free(of, allocate(of, 800 * KIB));
  assert.is(of.heap.mmapThreshold, MIB);
  assert.is(churn(of, MIB, 100), 0, "from then on the heap serves them");
  assert.is(churn(of, MIB + 1, 1), 1, "and nothing larger");
  verify(of);
});

test("blocks of other sizes do not add to it", () => {
  const of = fakeHeap();
  for (const size of [200, 400, 800, 1600, 3200, 200, 400, 800, 1600, 3200])
    free(of, allocate(of, size * KIB));
  assert.is(of.heap.mmapThreshold, 128 * KIB);
});

test("one giant block, or a few that are freed at the end, leave it where it is", () => {
  const of = fakeHeap({}, { viewLimit: 128 * MIB });
  free(of, allocate(of, 30 * MIB));
  const blocks = Array.from({ length: 8 }, () => allocate(of, 200 * KIB));
  for (const pointer of blocks.slice(0, 2)) free(of, pointer);
  assert.is(of.heap.mmapThreshold, 128 * KIB);
});

test("where most blocks stay, frees of the others never raise it", () => {
  const of = fakeHeap({}, { viewLimit: 256 * MIB });
  for (let i = 0; i < 100; i++) {
    const [first] = [allocate(of, 200 * KIB), allocate(of, 200 * KIB), allocate(of, 200 * KIB)];
    free(of, first);
  }
  assert.is(of.heap.mmapThreshold, 128 * KIB);
});

test("blocks of more than 32 MiB are mapped, however often", () => {
  const of = fakeHeap({}, { viewLimit: 128 * MIB });
  assert.is(churn(of, 33 * MIB, 10), 10);
  assert.is(of.heap.mmapThreshold, 128 * KIB);
  assert.is(churn(of, 20 * MIB, 10), 4);
  assert.is(of.heap.mmapThreshold, 32 * MIB);
});

test("a fixed threshold stays", () => {
  const of = fakeHeap({ mmapThreshold: LEAST_THRESHOLD });
  assert.is(churn(of, MIB, 20), 20);
  const pointer = allocate(of, MIB);
  for (let i = 0; i < 20; i++) of.heap.large.resize(pointer, i % 2 === 0 ? MIB / 4 : MIB);
  assert.is(of.heap.mmapThreshold, LEAST_THRESHOLD);
});

test("a block that shrinks before it is freed counts by what it was", () => {
  const of = fakeHeap();
  const before = control(of, "mmaps");
  for (let i = 0; i < 10; i++) {
    const pointer = allocate(of, MIB - 16);
    free(of, isMapped(of, pointer) ? (of.heap.large.resize(pointer, 300 * KIB) as Pointer) : pointer);
  }
  assert.is(control(of, "mmaps") - before, 4);
  assert.is(of.heap.mmapThreshold, MIB);
});

test("one that shrinks within its doubling counts once", () => {
  const of = fakeHeap();
  for (let i = 0; i < 3; i++) free(of, of.heap.large.resize(allocate(of, 1000 * KIB), 900 * KIB) as Pointer);
  assert.is(of.heap.mmapThreshold, 128 * KIB);
});

test("what churned goes back by the trim threshold, which is left as it was set", () => {
  const of = fakeHeap({ trimThreshold: MIB }, { viewLimit: 128 * MIB });
  churn(of, 8 * MIB - 16, 20);
  assert.is(of.heap.mmapThreshold, 8 * MIB);
  assert.is(control(of, "trimPages"), MIB / PAGE);
  assert.ok(of.heap.pressure().footprint < 3 * MIB, `${of.heap.pressure().footprint} bytes are held`);
});

test("doublingOf: 0 just above the least, one more with each doubling", () => {
  assert.is(doublingOf(LEAST_THRESHOLD + 1), 0);
  assert.is(doublingOf(2 * LEAST_THRESHOLD), 0);
  assert.is(doublingOf(2 * LEAST_THRESHOLD + 1), 1);
  assert.is(doublingOf(32 * MIB), 7);
});

test.run();
