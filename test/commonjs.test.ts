/**
 * The package in projects that know only CommonJS: Jest as it is configured by default, and TypeScript 5.4. Both are
 * fetched, and these tests are skipped with a line where that cannot be.
 */
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { makeProject } from "./support/project.js";

const JEST = "jest@30.5.2";
const TYPESCRIPT = "typescript@5.4.5";

const project = makeProject("commonjs");
test.after(() => project.remove());

const SUITE = `
const { buffer, check, free, HeapError, malloc, stats, struct, view } = require("heapwright");
const { Vector } = require("heapwright/containers");

test("a heap", () => {
  const pointer = malloc(100);
  view(pointer)[0] = 3;
  expect(buffer(pointer)[0]).toBe(3);
  free(pointer);
  expect(() => free(pointer)).toThrow(HeapError);
  const Point = struct({ x: "f64" });
  const point = Point.alloc();
  point.x = 4;
  expect(Point.at(point.pointer).x).toBe(4);
  free(point.pointer);
  const vector = new Vector("u8");
  expect(vector.push(5)).toBe(5);
  expect(() => vector.get(1)).toThrow(HeapError);
  vector.free();
  check();
  expect(stats().blocks).toBe(0);
});
`;

test("Jest, which loads it for each file anew, in one process", () => {
  const fetched = project.fetch(JEST);
  if (fetched === null) return;
  project.write("one.test.js", SUITE);
  project.write("two.test.js", SUITE);
  const jest = join(fetched, "node_modules/jest/bin/jest.js");
  const report = ["--json", "--runInBand", "--testPathIgnorePatterns", "fetched-"];
  const found = JSON.parse(project.run(process.execPath, [jest, ...report])) as Record<string, number>;
  assert.is(found.numPassedTestSuites, 2);
  assert.is(found.numPassedTests, 2);
});

test("TypeScript 5.4, in CommonJS files", () => {
  const fetched = project.fetch(TYPESCRIPT);
  if (fetched === null) return;
  const program = `
import { free, malloc, stats, type Pointer } from "heapwright";
import { Vector } from "heapwright/containers";
const vector = new Vector("f64");
const number: number = vector.push(1);
Vector.at(vector.pointer, "f64").free();
const pointer: Pointer = malloc(100);
// @ts-expect-error: an address made up by hand
free(4096);
free(pointer);
console.log(stats().blocks);
`;
  project.write("typed.ts", program.replace("free(4096)", "if (pointer === 0) free(4096)"));
  const compiler = join(fetched, "node_modules/typescript/bin/tsc");
  const options = [
    "--strict",
    "--target",
    "es2022",
    "--module",
    "node16",
    "--lib",
    "es2022,esnext.disposable",
  ];
  project.run(process.execPath, [compiler, ...options, "typed.ts"]);
  assert.is(project.run(process.execPath, ["typed.js"]), "0\n");
  // As projects are set that know no exports: types are found all the same.
  const old = options.map((option) => (option === "node16" ? "commonjs" : option));
  project.run(process.execPath, [compiler, ...old, "--moduleResolution", "node10", "typed.ts"]);
});

test.run();
