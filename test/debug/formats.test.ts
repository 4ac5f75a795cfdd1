/**
 * Profiles as files: each format is decoded again, and has the sums and the stacks that went in.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { Profile } from "pprof-format";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { FlameData, SavedCall } from "../../src/debug/formats/flame-data.js";
import { writeProfile } from "../../src/debug/index.js";
import type { Sample } from "../../src/debug/profile-data.js";
import { Random, testSeed } from "../support/seed.js";
import { throwsHeapError } from "../support/throws.js";
import { someProfile } from "./some-profile.js";

type Sum = Exclude<keyof Sample, "stack">;

const data = someProfile(new Random(testSeed("profile")));
const folder = mkdtempSync(join(tmpdir(), "heapwright-profile-"));
test.after(() => rmSync(folder, { recursive: true }));

function written(name: string): Buffer {
  writeProfile(data, join(folder, name));
  return readFileSync(join(folder, name));
}

function sumOf(sum: Sum): number {
  return data.samples.reduce((all, sample) => all + sample[sum], 0);
}

/** What each stack, outermost call first, has of a sum. */
function sumsByStack(sum: Sum): Map<string, number> {
  const sums = new Map<string, number>();
  for (const sample of data.samples) {
    const stack = [...sample.stack].reverse().map((frame) => frame.function || "(anonymous)");
    add(sums, stack, sample[sum]);
  }
  return sums;
}

function add(sums: Map<string, number>, stack: readonly string[], amount: number): void {
  const key = stack.join(" > ");
  sums.set(key, (sums.get(key) ?? 0) + amount);
}

/** Sums are rounded once for each stack, of which several may have the same names. */
function sameSums(found: Map<string, number>, sum: Sum): void {
  const known = sumsByStack(sum);
  for (const key of new Set([...found.keys(), ...known.keys()])) {
    const [is, was] = [found.get(key) ?? 0, known.get(key) ?? 0];
    assert.ok(Math.abs(is - was) <= data.samples.length / 2, `${key}: ${is} for ${was}`);
  }
  const total = [...found.values()].reduce((all, each) => all + each, 0);
  assert.ok(Math.abs(total - sumOf(sum)) <= data.samples.length / 2, `${total} for ${sumOf(sum)}`);
}

interface V8Node {
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly selfSize: number;
  readonly id: number;
  readonly children: readonly V8Node[];
}

for (const [name, sum] of [
  ["live.heapprofile", "liveBytes"],
  ["all.allocated.heapprofile", "allocatedBytes"],
] as const) {
  test(`${name}, as DevTools reads it`, () => {
    const { head, samples } = JSON.parse(written(name).toString()) as {
      head: V8Node;
      samples: { size: number; nodeId: number }[];
    };
    const sums = new Map<string, number>();
    const sizes = new Map<number, number>();
    const visit = (node: V8Node, stack: readonly string[]) => {
      add(sums, stack, node.selfSize);
      assert.not(sizes.has(node.id));
      sizes.set(node.id, node.selfSize);
      assert.ok(Number.isSafeInteger(node.selfSize) && node.callFrame.lineNumber >= -1);
      for (const child of node.children)
        visit(child, [...stack, child.callFrame.functionName || "(anonymous)"]);
    };
    visit(head, []);
    assert.is(head.callFrame.functionName, "(root)");
    sameSums(sums, sum);
    for (const { size, nodeId } of samples) assert.is(sizes.get(nodeId), size);
    assert.is(samples.length, [...sizes.values()].filter((size) => size > 0).length);
  });
}

test("x.pb.gz, as pprof reads it", () => {
  const profile = Profile.decode(gunzipSync(written("x.pb.gz")));
  const text = (index: number | bigint) => profile.stringTable.strings[Number(index)]!;
  assert.equal(
    profile.sampleType.map(({ type, unit }) => `${text(type)} ${text(unit)}`),
    ["alloc_objects count", "alloc_space bytes", "inuse_objects count", "inuse_space bytes"],
  );
  const names = new Map(profile.function.map(({ id, name }) => [Number(id), text(name)]));
  const calls = new Map(
    profile.location.map(({ id, line }) => [Number(id), names.get(Number(line[0]!.functionId))!]),
  );
  assert.is(names.size, profile.function.length);
  for (const [index, sum] of (
    ["allocatedCount", "allocatedBytes", "liveCount", "liveBytes"] as const
  ).entries()) {
    const sums = new Map<string, number>();
    for (const { locationId, value } of profile.sample) {
      const stack = locationId.map((id) => calls.get(Number(id))!).reverse();
      add(sums, stack, Number(value[index]));
    }
    sameSums(sums, sum);
  }
  assert.is(Number(profile.timeNanos) / 1e6, data.startTime);
  assert.is(Number(profile.durationNanos), data.durationMs * 1e6);
  assert.is(Number(profile.period), data.every);
});

test("x.html, as its page reads it", () => {
  const page = written("x.html").toString();
  const json = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(page)![1]!;
  const { root } = JSON.parse(json) as FlameData;
  for (const [at, sum] of [
    [4, "liveBytes"],
    [5, "liveCount"],
    [6, "allocatedBytes"],
    [7, "allocatedCount"],
  ] as const) {
    const sums = new Map<string, number>();
    const visit = (call: SavedCall, stack: readonly string[]) => {
      add(sums, stack, call[at]);
      for (const child of call[8]) visit(child, [...stack, child[0] || "(anonymous)"]);
    };
    visit(root, []);
    sameSums(sums, sum);
  }
});

test("no samples are a profile too", () => {
  for (const name of ["none.heapprofile", "none.pb.gz", "none.html"])
    writeProfile({ ...data, samples: [] }, join(folder, name));
});

test("another ending", () => {
  for (const name of ["x.txt", "heapprofile", "x.pb", ""])
    throwsHeapError(
      () => writeProfile(data, name),
      "ERR_INVALID_ARG",
      /\.heapprofile, \.pb\.gz or \.html; got "/,
    );
  throwsHeapError(() => writeProfile(data, 3 as never), "ERR_INVALID_ARG", /got 3/);
});

test("a file that cannot be written", () => {
  assert.throws(() => writeProfile(data, join(folder, "no/x.html")), /ENOENT.*no\/x\.html/);
});

test.run();
