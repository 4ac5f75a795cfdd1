/**
 * A raised dynamic threshold falls when blocks are allocated to stay, and when smaller ones alone are asked for.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Pointer } from "../../src/memory/memory.js";
import { allocate, churn, free, isMapped, KIB } from "../support/churn.js";
import { anotherThread, control, fakeHeap, sendBack, setControl, verify } from "../support/fake-heap.js";
import { MIB } from "../support/fake-os.js";
import { Random, testSeed } from "../support/seed.js";

test("it falls when blocks are allocated to stay: at most 64 MiB of them lie in the heap", () => {
  const of = fakeHeap({}, { viewLimit: 512 * MIB });
  churn(of, MIB - 16, 10);
  const kept = Array.from({ length: 100 }, () => allocate(of, MIB - 16));
  const inHeap = kept.filter((pointer) => !isMapped(of, pointer)).length;
  assert.ok(inHeap >= 60 && inHeap <= 65, `${inHeap} MiB`);
  assert.is(of.heap.mmapThreshold, 128 * KIB);
  assert.ok(isMapped(of, allocate(of, 200 * KIB)));
  for (const pointer of kept) free(of, pointer);
  verify(of);
  assert.is(of.heap.mmapThreshold, MIB, "and rises again with those that are freed");
});

test("batches of up to 64 MiB are churn as well", () => {
  const of = fakeHeap({}, { viewLimit: 512 * MIB });
  const batch = () => {
    const before = control(of, "mmaps");
    const blocks = Array.from({ length: 60 }, () => allocate(of, MIB));
    for (const pointer of blocks) free(of, pointer);
    return control(of, "mmaps") - before;
  };
  assert.is(batch(), 60);
  assert.equal([batch(), batch(), batch()], [0, 0, 0]);
});

test("it falls by half when smaller blocks alone are asked for, and stays with one of its size in between", () => {
  const of = fakeHeap({}, { viewLimit: 128 * MIB });
  churn(of, 7 * MIB, 4);
  for (let i = 0; i < 20; i++) {
    churn(of, 200 * KIB, 200);
    churn(of, 7 * MIB, 1);
  }
  assert.is(of.heap.mmapThreshold, 8 * MIB);
  churn(of, 200 * KIB, 256);
  assert.is(of.heap.mmapThreshold, 4 * MIB);
  churn(of, 200 * KIB, 20_000);
  assert.is(of.heap.mmapThreshold, 256 * KIB, "where 200 KiB are");
  assert.is(churn(of, 7 * MIB, 1), 1);
});

test("sizes that alternate are all served", () => {
  const of = fakeHeap({}, { viewLimit: 128 * MIB });
  const random = new Random(testSeed("large-churn"));
  const sizes = [200 * KIB, 500 * KIB, MIB, 3 * MIB, 10 * MIB];
  const live: Pointer[] = [];
  const step = () => {
    if (live.length >= 3) free(of, live.shift()!);
    live.push(allocate(of, sizes[random.int(0, sizes.length - 1)]!));
  };
  for (let i = 0; i < 100; i++) step();
  const before = control(of, "mmaps");
  for (let i = 0; i < 1000; i++) step();
  assert.ok(control(of, "mmaps") - before <= 4, `${control(of, "mmaps") - before} mappings`);
  verify(of);
});

test("blocks that another thread frees count as returned when they are taken back", () => {
  const of = fakeHeap({}, { viewLimit: 256 * MIB });
  churn(of, MIB, 4);
  const other = anotherThread(of, 7);
  const before = control(of, "mmaps");
  for (let i = 0; i < 300; i++) {
    of.os.threads.current = 1;
    const pointer = allocate(of, MIB);
    of.os.threads.current = 7;
    if (isMapped(of, pointer)) other.heap.large.free(pointer);
    else sendBack(other.heap, pointer);
  }
  assert.ok(control(of, "mmaps") - before < 20, `${control(of, "mmaps") - before} of 300 were mapped`);
});

test("a raised threshold that a takeover finds with senseless counts falls or stays, and nothing else", () => {
  for (const [credit, others] of [
    [-(2 ** 31), 2 ** 30],
    [2 ** 31 - 1, -5],
  ] as const) {
    const of = fakeHeap();
    churn(of, MIB, 4);
    setControl(of, "churnCredit", credit);
    setControl(of, "churnOthers", others);
    churn(of, MIB, 3);
    churn(of, 300 * KIB, 300);
    verify(of);
  }
});

test.run();
