/**
 * The benches as programs: what imports what, and that each does what its table says.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { recordedRows } from "../bench/clients/recorded.js";
import { assertSame, programFiles, runProgram } from "../bench/clients/written.js";
import { coldContestants } from "../bench/cold.js";
import { geometricMeans } from "../bench/compare.js";
import { QUICK } from "../bench/effort.js";
import { buildNative, runNative } from "../bench/native/build.js";
import { runChild } from "../bench/spawn.js";
import { OP, readTrace, type Trace, unpack } from "../bench/trace.js";

const FOLDER = fileURLToPath(new URL("../bench", import.meta.url));

/** The modules of bench/ that a module of it imports, on demand too. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(FOLDER, file), "utf8");
  return [...text.matchAll(/(?:from |import\()"(\.[^"]+)\.js"/g)]
    .map(([, path]) => `${join(dirname(file), path!)}.ts`)
    .filter((path) => !path.startsWith(".."));
}

/** A way from a file back to itself; null when there is none. */
function circleFrom(file: string, path: readonly string[], clean: Set<string>): string[] | null {
  if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
  if (clean.has(file)) return null;
  for (const imported of importsOf(file)) {
    const circle = circleFrom(imported, [...path, file], clean);
    if (circle !== null) return circle;
  }
  clean.add(file);
  return null;
}

test("no module of bench/ imports itself by way of others", () => {
  const files = readdirSync(FOLDER, { recursive: true, encoding: "utf8" }).filter(
    (file) => file.endsWith(".ts") && !file.startsWith("build/"),
  );
  const clean = new Set<string>();
  for (const file of files) assert.is(circleFrom(file, [], clean), null, file);
  assert.is(clean.size, files.length);
});

const sqlite = readTrace("sqlite");

/** Asks for the first `count` records of a trace in a fresh process. */
function cold(contestant: string, trace: Trace, ...marks: number[]) {
  return runChild("cold", { contestant, trace: trace.name, file: unpack(trace), marks });
}

for (const contestant of coldContestants) {
  test(`cold: ${contestant} replays a recorded program, and the clock is read on the way`, () => {
    const { load, passed } = cold(contestant, sqlite, 1000, 1000, 50_000);
    assert.ok(load >= 0);
    assert.is(passed.length, 3);
    assert.ok(passed[0]! > 0 && passed[0]! <= passed[1]! && passed[1]! < passed[2]!, String(passed));
  });
}

test("cold: what is timed is done", () => {
  const raw = sqlite.raw.slice();
  raw[8] = OP.aligned;
  raw[8 + sqlite.count] = 60; // log2 of an alignment that is refused
  const damaged = { ...sqlite, name: "damaged", raw };
  assert.throws(() => cold("heapwright", damaged, 1), /alignment must be a power of two/);
});

test("cold: a contestant that does not exist is refused by name", () => {
  assert.throws(() => cold("jemalloc", sqlite, 1), /no contestant "jemalloc"/);
});

const THIS_NODE = { path: undefined, version: process.versions.node };

/** What is compared with whom, in the order of the rows. */
function shown(rows: ReturnType<typeof recordedRows>): string[] {
  return rows.map(({ workload, measure, peerName, ours, peer }) => {
    assert.ok(ours > 0 && peer > 0, `${workload}, ${measure}`);
    return `${workload}: ${measure}, ${peerName}`;
  });
}

test("clients: without a C compiler recorded programs stand beside libc through koffi alone", () => {
  const rows = recordedRows(["sqlite"], QUICK, THIS_NODE, null);
  assert.equal(shown(rows), ["sqlite: per operation, libc through koffi"]);
});

const native = buildNative();
if (native.program === null) console.log(native.reason);
/** A test of a program in C, where there is a compiler. */
const testNative = native.program === null ? test.skip : test;

testNative("clients: with one, beside glibc in time and memory", () => {
  const rows = recordedRows(["sqlite"], QUICK, THIS_NODE, native.program);
  assert.equal(shown(rows).slice(0, 3), [
    "sqlite: per operation, glibc in C",
    "sqlite: per operation, libc through koffi",
    "sqlite: peak footprint, glibc in C",
  ]);
  const footprint = rows[2]!;
  const { ours, peer } = footprint;
  assert.ok(ours > sqlite.peakLive, `${ours} bytes hold ${sqlite.peakLive}`);
  // What is resident, of which a kernel that is short of memory takes some back.
  assert.ok(peer > sqlite.peakLive / 2, `${peer} bytes of glibc's hold ${sqlite.peakLive}`);
});

testNative("the replayer in C replays the whole trace", () => {
  const { ns, ops, peakLive } = runNative(native.program!, sqlite, 2);
  assert.is(ns.length, 2);
  assert.is(ops, sqlite.count);
  assert.is(peakLive, sqlite.peakLive);
});

for (const { file, names, sides } of programFiles) {
  test(`clients: the programs are those of ${file}`, async () => {
    const { programs } = await import(`${FOLDER}/clients/${file}`);
    assert.equal(Object.keys(programs), names);
    for (const ways of Object.values<object>(programs))
      assert.equal(Object.keys(ways).sort(), [...sides].sort());
  });

  for (const name of names) {
    test(`clients: ${name} computes the same by ${sides.join(", ")}`, () => {
      const results = sides.map((side) => runProgram(name, side, THIS_NODE));
      for (const { first, best } of results) assert.ok(first > 0 && best > 0);
      assertSame(name, results);
      const wrong = { first: 1, best: 1, result: -1 };
      assert.throws(() => assertSame(name, [...results, wrong]), /one side computed \d+(\.\d+)?, another -1/);
    });
  }
}

test("programs come before tuned loops", () => {
  const file = `${FOLDER}/run.ts`;
  const { status, stderr } = spawnSync(process.execPath, ["--import", "tsx", file, "hot"], {
    encoding: "utf8",
  });
  assert.is(status, 2);
  assert.match(stderr, /^there is no figure "hot"; there are: cold, clients, pair, /);
});

test("the mean of several programs is taken round by round", () => {
  assert.equal(
    geometricMeans([
      [1, 10],
      [4, 1000],
    ]).map((mean) => Math.round(mean)),
    [2, 100],
  );
});

test.run();
