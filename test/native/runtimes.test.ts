/**
 * Beside koffi on Node: the same package in Bun and Deno, where they are installed, and pointers in calls of node:ffi, where
 * Node has it.
 */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findings } from "../support/child.js";
import { compiled, removeCompiled } from "./compiled.js";

const LIMIT_MS = 60_000;
const smoke = fileURLToPath(new URL("./programs/smoke.mjs", import.meta.url));
const permission = fileURLToPath(new URL("./programs/permission.mjs", import.meta.url));
const root = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);

test.after(removeCompiled);

/** What a program printed last; null, and a line, where there is no such runtime. */
async function lastLine(command: string, args: readonly string[]): Promise<string | null> {
  try {
    const { stdout } = await run(command, [...args, smoke], { timeout: LIMIT_MS });
    return stdout.trimEnd().split("\n").at(-1)!;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    console.log(`skipped: ${command} is not installed`);
    return null;
  }
}

for (const [name, command, ...args] of [
  ["Node", process.execPath],
  ["Bun", "bun"],
  ["Deno", "deno", "run", "--allow-all", "--node-modules-dir=manual"],
] as const) {
  test(`${name} runs what people use of the package`, async () => {
    const line = await lastLine(command, args);
    if (line === null) return;
    assert.equal(JSON.parse(line), {
      blocks: [42, 42],
      records: 999,
      refusal: "ERR_DOUBLE_FREE",
      functions: [1, 104, 0, 0, 1],
      otherThread: true,
      worker: [5, 6],
    });
  });
}

const mayForbid = process.allowedNodeEnvironmentFlags.has("--permission");
const testPermission = mayForbid ? test : test.skip;
if (!mayForbid) console.log("skipped: this Node has no permission model that allows add-ons");

testPermission(
  "where /proc and sockets are forbidden the linker says which koffi is loaded, and all works",
  async () => {
    const flags = ["--permission", "--allow-addons", `--allow-fs-read=${root}`];
    const { stdout } = await run(process.execPath, [...flags, permission], { timeout: LIMIT_MS });
    const found = JSON.parse(stdout) as { unsaid: string; here: boolean; elsewhere: boolean };
    assert.is(found.unsaid, "none");
    assert.equal([found.here, found.elsewhere], [true, true]);
  },
);

const { getBuiltinModule } = process as { getBuiltinModule?: (name: string) => unknown };
const testFfi = getBuiltinModule?.("node:ffi") === undefined ? test.skip : test;
if (testFfi === test.skip) console.log("skipped: this Node has no node:ffi");

testFfi("node:ffi takes pointers and function pointers, made a BigInt", async () => {
  const path = compiled(new URL("./programs/threads.c", import.meta.url));
  if (path === null) return;
  const found = await findings<Record<string, unknown>>(new URL("./programs/node-ffi.ts", import.meta.url), {
    args: [path],
  });
  const { blocks, expected, ...others } = found;
  assert.equal(others, { lengths: [7, 3], same: true, last: 33, failures: 0, left: 0 });
  assert.is(blocks, expected);
});

test.run();
