/**
 * The classes of structs: one for equal definitions, and the same without code from text as with it.
 */
import { spawnSync } from "node:child_process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { nodeArguments } from "../../scripts/runnable.js";
import { struct } from "../../src/index.js";
import { patience } from "../support/surroundings.js";

const LIMIT_MS = 60_000;

for (const name of ["struct", "values", "closed", "records", "../bigint"]) {
  test(`${name}.test.ts passes where code from strings is forbidden`, () => {
    const file = new URL(`${name}.test.ts`, import.meta.url);
    const flags = ["--disallow-code-generation-from-strings"];
    const run = spawnSync(process.execPath, [...flags, ...nodeArguments(file)], {
      encoding: "utf8",
      timeout: patience(LIMIT_MS),
    });
    assert.is(run.status, 0, run.stdout + run.stderr);
    assert.match(run.stdout, /Passed: +[1-9]/);
  });
}

test("equal definitions are one struct, with one class", () => {
  const define = () => struct({ x: "f64", few: ["u8", 3], at: struct({ y: "i32" }), name: ["char", 4] });
  assert.is(define(), define());
});

test("definitions that differ in anything are structs of their own", () => {
  const Inner = struct({ y: "i32" });
  const all = [
    struct({ x: "f64", y: "f64" }),
    struct({ y: "f64", x: "f64" }),
    struct({ x: "f64", y: "f32" }),
    struct({ x: "f64", y: ["f64", 1] }),
    struct({ x: "f64", y: ["f64", 2] }),
    struct({ x: "f64", y: ["char", 1] }),
    struct({ x: "f64", y: "bool" }),
    struct({ x: "f64", y: "u8" }),
    struct({ x: "f64", y: Inner }),
    struct({ x: "f64", y: struct({ y: "u32" }) }),
    struct({ x: "f64", y: [Inner, 1] }),
    struct({ x: "f64", y: [["i32", 1], 1] }),
  ];
  assert.is(new Set<unknown>(all).size, all.length);
});

test.run();
