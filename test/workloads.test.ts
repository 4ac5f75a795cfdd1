/**
 * The benchmarks' workloads do what they say: each leaves the heap whole, has a twin in C, and ends up in a table with
 * the right ratio.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Allocator } from "../bench/allocators/allocator.js";
import { heapwright } from "../bench/allocators/heapwright.js";
import { TooSlow } from "../bench/answer.js";
import { type Event, geometricMean, hold } from "../bench/contest.js";
import { formatContest } from "../bench/contest-table.js";
import type { Goal } from "../bench/goal.js";
import { judge } from "../bench/judge.js";
import type { WorkloadResult } from "../bench/measure.js";
import { buildNative, runNativeWorkload } from "../bench/native/build.js";
import { recordProgram } from "../bench/native/recorder.js";
import { below, next, seedOf } from "../bench/random.js";
import { runChild } from "../bench/spawn.js";
import { OP, parseTrace } from "../bench/trace.js";
import { isSingleWorkload, isThreadsWorkload, twinned, workloads } from "../bench/workloads/index.js";
import { check } from "../src/index.js";

const SCALE = 1 / 256;
const BRIEFLY = { scale: SCALE, milliseconds: 1, warmupMilliseconds: 1 };

/** heapwright, and how many blocks it was asked for. */
function countingAllocator(): { allocator: Allocator; calls(): number } {
  let calls = 0;
  const allocator: Allocator = {
    ...heapwright,
    malloc: (bytes) => {
      calls++;
      return heapwright.malloc(bytes);
    },
    calloc: (bytes) => {
      calls++;
      return heapwright.calloc(bytes);
    },
    realloc: (block, oldBytes, bytes) => {
      calls++;
      return heapwright.realloc(block, oldBytes, bytes);
    },
  };
  return { allocator, calls: () => calls };
}

for (const workload of workloads) {
  if (!isSingleWorkload(workload)) {
    test(`${workload.name}: its threads get through it, on one heap`, () => {
      const ask = { workload: workload.name, allocator: "heapwright", ...BRIEFLY };
      const { first, median, footprint } = runChild("workload", ask);
      assert.ok(first > 0 && median > 0);
      assert.ok(footprint! > 0);
      if (isThreadsWorkload(workload)) assert.ok(footprint! < 4 * 2 ** 20, `${footprint} bytes`);
    });
  } else {
    test(`${workload.name}: passes leave the heap whole, and are as long as they say`, () => {
      const counted = countingAllocator();
      const { operations, pass } = workload.prepare(counted.allocator, SCALE);
      pass();
      const first = counted.calls();
      pass();
      check();
      const second = counted.calls() - first;
      // alloc-test only expects that half of its steps find an empty slot, and growing begins with a malloc.
      assert.ok(
        second >= operations / 3 && second <= operations * 1.5,
        `${second} calls, ${operations} said`,
      );
    });
  }
}

test("single calls are timed, and what the clock takes is told", () => {
  const { malloc, free, clock } = runChild("latency", {
    workload: "random",
    allocator: "heapwright",
    ...BRIEFLY,
  });
  assert.ok(malloc > 0 && free > 0 && clock > 0);
  const ask = { workload: "larson", allocator: "heapwright", ...BRIEFLY };
  assert.throws(() => runChild("latency", ask), /larson is no workload for one thread/);
});

const native = buildNative("bench");
if (native.program === null) console.log(native.reason);
/** A test of a program in C, where there is a compiler. */
const testNative = native.program === null ? test.skip : test;

testNative("every workload has a twin in C", () => {
  for (const { name } of twinned) {
    const { first, median } = runNativeWorkload(native.program!, { workload: name, ...BRIEFLY });
    assert.ok(first > 0 && median > 0, name);
  }
});

/** heapwright, and the calls it got, as a recording numbers blocks: the number freed last is used first. */
function recordingAllocator(): { allocator: Allocator; calls: string[] } {
  const calls: string[] = [];
  const ids = new Map<unknown, number>();
  const vacant: number[] = [];
  const note = (op: number, block: unknown, bytes: number, id = vacant.pop() ?? ids.size + vacant.length) => {
    ids.set(block, id);
    calls.push(`${op} ${id} ${bytes}`);
    return block;
  };
  const allocator: Allocator = {
    ...heapwright,
    malloc: (bytes) => note(OP.malloc, heapwright.malloc(bytes), bytes),
    calloc: (bytes) => note(OP.calloc, heapwright.calloc(bytes), bytes),
    realloc(block, oldBytes, bytes) {
      const id = ids.get(block)!;
      ids.delete(block);
      return note(OP.realloc, heapwright.realloc(block, oldBytes, bytes), bytes, id);
    },
    free(block) {
      if (block === heapwright.none) return;
      calls.push(`${OP.free} ${ids.get(block)} 0`);
      vacant.push(ids.get(block)!);
      ids.delete(block);
      heapwright.free(block);
    },
  };
  return { allocator, calls };
}

for (const workload of workloads) {
  if (!isSingleWorkload(workload)) continue;
  const { name } = workload;
  testNative(`${name}: its twin asks for the same blocks in the same order, and frees the same`, () => {
    const { allocator, calls } = recordingAllocator();
    const { pass } = workload.prepare(allocator, SCALE);
    for (let passes = 0; passes < 3; passes++) pass();
    const trace = parseTrace(name, recordProgram(native.program!, [name, String(SCALE), "0", "0"], "ignore"));
    assert.ok(trace.count >= calls.length, "it makes as many passes at least");
    for (const [i, call] of calls.entries())
      assert.is(`${trace.op[i]} ${trace.id[i]} ${trace.size[i]}`, call, `call ${i}`);
  });
}

test("a workload that does not exist is refused by name", () => {
  const ask = { workload: "larsen", allocator: "heapwright", ...BRIEFLY };
  assert.throws(() => runChild("workload", ask), /no workload "larsen"; there are: pair, random/);
});

test("random numbers stay in their range and do not repeat soon", () => {
  let state = seedOf(0);
  const seen = new Set<number>();
  for (let i = 0; i < 10_000; i++) {
    state = next(state);
    seen.add(state);
    const value = below(state, 497);
    assert.ok(Number.isInteger(value) && value >= 0 && value < 497);
  }
  assert.is(seen.size, 10_000);
});

/** A result of so many nanoseconds, with a peak of so many MiB. */
function result(median: number, mebibytes: number): WorkloadResult {
  return { first: 2 * median, median, resident: mebibytes * 2 ** 20, footprint: null };
}

interface Fake {
  readonly name: string;
  /** By round. */
  readonly results: WorkloadResult[];
}

test("a ratio is taken within its round, and the median of the rounds is shown", () => {
  const ours: Fake = { name: "heapwright", results: [result(10, 2), result(20, 2), result(40, 2)] };
  const peer: Fake = { name: "peer", results: [result(10, 4), result(10, 4), result(80, 4)] };
  const taken = new Map<Fake, number>();
  const event: Event<Fake> = {
    name: "fake",
    what: "nothing",
    admits: () => true,
    sample(fake) {
      const round = taken.get(fake) ?? 0;
      taken.set(fake, round + 1);
      return fake.results[round]!;
    },
  };
  const row = hold(event, [ours, peer], 3);
  const cell = row.cells[1]!;
  assert.not.type(cell, "string");
  if (typeof cell === "string") return;
  assert.is(cell.ns, 10);
  assert.is(cell.ratio, 1);
  assert.equal(cell.spread, [0.5, 2]);
  assert.is(cell.peakRatio, 0.5);
  const contest = { name: "", title: "", notes: [], columns: ["heapwright", "peer"], rows: [row, row] };
  assert.is(geometricMean(contest, 1, "ratio"), 1);
  assert.is(geometricMean(contest, 1, "peakRatio"), 0.5);
});

test("a goal is met by any of its bounds, and is left out where none can be checked", () => {
  const cell = (ns: number, ratio: number) => ({
    ns,
    first: ns,
    peak: 0,
    ratio,
    spread: [1, 1] as const,
    peakRatio: 1,
  });
  const row = (workload: string, goal: Goal, ns: number, ratio: number) => ({
    workload,
    what: "",
    goal,
    cells: [cell(ns, 1), cell(1, ratio)],
  });
  const rows = [
    row("by time", { ns: 15, times: { peer: 1.25 } }, 15, 9),
    row("by ratio", { ns: 15, times: { peer: 1.25 } }, 20, 1.25),
    row("missed", { ns: 15, times: { peer: 1.25 } }, 20, 1.3),
    row("unknown", { times: { "another peer": 1 } }, 20, 1.3),
  ];
  const judged = judge({ name: "", title: "", notes: [], columns: ["heapwright", "peer"], rows });
  assert.equal(
    judged.map(({ workload, met }) => `${workload} ${met}`),
    ["by time true", "by ratio true", "missed false"],
  );
  assert.equal(judged[2]!.bounds, ["20.00 ns (at most 15)", "1.30 times peer (at most 1.25)"]);
});

test("a goal for memory is judged apart from time, and not by a few pages", () => {
  const row = (workload: string, ratio: number, peak: number, peakRatio: number) => {
    const cell = { ns: 1, first: 1, peak, ratio, spread: [1, 1] as const, peakRatio };
    return { workload, what: "", goal: { times: { peer: 1 }, peaks: { peer: 1.05 } }, cells: [cell, cell] };
  };
  const rows = [row("both", 1, 2 ** 20, 1.05), row("neither", 2, 2 ** 20, 1.1), row("small", 1, 4096, 3)];
  const contest = { name: "", title: "", notes: [], columns: ["heapwright", "peer"], rows };
  assert.equal(
    judge(contest).map(({ workload, met }) => `${workload} ${met}`),
    ["both true", "both, peak true", "neither false", "neither, peak false", "small true"],
  );
});

test("a mean has a goal for each contestant, and none where a row of it is missing", () => {
  const cell = (ratio: number) => ({
    ns: 1,
    first: 1,
    peak: 2 ** 20,
    ratio,
    spread: [1, 1] as const,
    peakRatio: 1.5,
  });
  const rows = ["one", "two", "other"].map((workload, i) => ({
    workload,
    what: "",
    cells: [cell(1), cell([0.5, 2, 9][i]!), cell([2, 8, 9][i]!)],
  }));
  const groups = [
    { name: "both", rows: ["one", "two"], goal: { times: { peer: 1.1, rival: 3.9, stranger: 1 } } },
    { name: "memory", rows: ["one", "two"], goal: { peaks: { peer: 1 } } },
    { name: "more", rows: ["one", "three"], goal: { times: { peer: 9 } } },
  ];
  const contest = { name: "", title: "", notes: [], columns: ["heapwright", "peer", "rival"], rows, groups };
  assert.equal(judge(contest), [
    { workload: "mean of both", met: true, bounds: ["1.00 times peer (at most 1.1)"] },
    { workload: "mean of both", met: false, bounds: ["4.00 times rival (at most 3.9)"] },
    { workload: "mean of memory, peak", met: false, bounds: ["1.50 times peer (at most 1)"] },
  ]);
  const table = formatContest(contest, false);
  assert.match(table, /^ {2}of both +\(1\.00\) +\(4\.00\)$/m);
  assert.not.match(table, /of more/);
});

test("who is too slow is not tried again, and who does not take part is not asked", () => {
  const asked: string[] = [];
  const event: Event<Fake> = {
    name: "fake",
    what: "nothing",
    admits: ({ name }) => name !== "stranger",
    sample({ name, results }) {
      asked.push(name);
      if (name === "snail") throw new TooSlow("took more than a moment");
      return results[0]!;
    },
  };
  const fakes = ["heapwright", "snail", "stranger"].map((name) => ({ name, results: [result(1, 1)] }));
  const { cells } = hold(event, fakes, 3);
  assert.equal(cells.slice(1), ["too slow", "absent"]);
  assert.is(asked.filter((name) => name === "snail").length, 1);
  assert.not.ok(asked.includes("stranger"));
});

test("where heapwright is too slow, the others' times are shown, and its goal and every mean with that row are missed", () => {
  const event = (tooSlow: boolean): Event<Fake> => ({
    name: tooSlow ? "fake" : "other",
    what: "nothing",
    goal: { ns: 10, times: { peer: 1.2 } },
    admits: () => true,
    sample({ name, results }) {
      if (tooSlow && name === "heapwright") throw new TooSlow("took more than a moment");
      return results[0]!;
    },
  });
  const fakes = ["heapwright", "peer"].map((name) => ({ name, results: [result(7, 1)] }));
  const rows = [hold(event(true), fakes, 2), hold(event(false), fakes, 2)];
  const groups = [{ name: "both", rows: ["fake", "other"], goal: { times: { peer: 2 } } }];
  const contest = { name: "", title: "", notes: [], columns: ["heapwright", "peer"], rows, groups };
  assert.match(formatContest(contest, true), /^fake +too slow +7\.00$/m);
  assert.equal(
    judge(contest).map(({ workload, met }) => `${workload} ${met}`),
    ["fake false", "other true", "mean of both false"],
  );
  assert.is(geometricMean(contest, 1, "ratio"), Number.POSITIVE_INFINITY);
  assert.match(formatContest(contest, true), /^ {2}of both +\(Infinity\)$/m);
});

test.run();
