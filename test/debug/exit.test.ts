/**
 * What the environment switches on, in the package as it is published: reports at exit, of all threads, as text and as JSON; in
 * programs that import, and in such that require.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { LeakSnapshot } from "../../src/debug/index.js";
import { runProgram } from "../support/child.js";

const leaky = new URL("./programs/leaky.mjs", import.meta.url);
const library = new URL("../../dist/index.js", import.meta.url);
const folder = mkdtempSync(join(tmpdir(), "heapwright-leaks-"));

test.after(() => rmSync(folder, { recursive: true, force: true }));

test("HEAPWRIGHT_LEAKS=1 prints a report at the end; without it nothing is printed", async () => {
  const loud = await runProgram(leaky, { args: [library.href], env: { HEAPWRIGHT_LEAKS: "1" } });
  assert.is(loud.code, 0, loud.stderr);
  assert.match(loud.stderr, /^heapwright: \d blocks, \d+ bytes, of \d stacks?/);
  assert.match(
    loud.stderr,
    /1000 bytes in 1 block by malloc, oldest [\d.]+ s\n {4}at forget \(.*leaky\.mjs:\d+:\d+\)/,
  );
  assert.match(
    loud.stderr,
    /4000 bytes in 1 block by malloc, oldest [\d.]+ s, ended worker \d+ \(.*leaky\.mjs\)/,
  );
  for (const value of ["", "0", "off"]) {
    const silent = await runProgram(leaky, { args: [library.href], env: { HEAPWRIGHT_LEAKS: value } });
    assert.equal([silent.code, silent.stderr], [0, ""]);
  }
});

test("HEAPWRIGHT_LEAKS=FILE writes it as JSON: blocks of ended, terminated and living threads, and what was freed is not there", async () => {
  const file = join(folder, "leaks.json");
  const outcome = await runProgram(leaky, { args: [library.href], env: { HEAPWRIGHT_LEAKS: file } });
  assert.equal([outcome.code, outcome.stderr], [0, ""]);
  const { groups, bytes } = JSON.parse(readFileSync(file, "utf8")) as LeakSnapshot;
  const of = (thread: number) =>
    groups.filter((group) => group.thread.id === thread && group.bytes > 7).map((group) => group.bytes);
  assert.equal(of(0), [1000]);
  assert.equal(of(1), [300], "another thread freed the other");
  assert.equal(of(2), [4000, 300]);
  assert.equal(of(3), [4000, 300]);
  const alive = groups.map(({ thread }) => [thread.id, thread.isAlive]);
  assert.equal(
    new Map(alive as [number, boolean][]),
    new Map([
      [2, false],
      [3, true],
      [0, true],
      [1, false],
    ]),
  );
  assert.is(bytes, 1000 + 300 + 2 * 4300 + 7, "of Heaps the one whose thread lives");
});

test("a file that cannot be written is said, and the report printed", async () => {
  const file = join(folder, "there is no folder", "leaks.json");
  const { code, stderr } = await runProgram(leaky, { args: [library.href], env: { HEAPWRIGHT_LEAKS: file } });
  assert.is(code, 0);
  assert.match(stderr, /HEAPWRIGHT_LEAKS: ENOENT.*here is the report instead\nheapwright: \d blocks/);
});

test("a program that imports the tools as well shares what is noted", async () => {
  for (const [name, flag, text] of [
    ["import", "--input-type=module", (path: string) => `import * as x from ${JSON.stringify(path)};`],
    ["require", "--input-type=commonjs", (path: string) => `const x = require(${JSON.stringify(path)});`],
  ] as const) {
    const ending = name === "import" ? "js" : "cjs";
    const path = (file: string) => new URL(`../../dist/${file}.${ending}`, import.meta.url).pathname;
    const program =
      `${text(path("index")).replace("x", "heap").replace("* as heap", "* as heap")}` +
      `${text(path("debug")).replace(/\bx\b/, "debug")}` +
      "heap.malloc(123); console.log(JSON.stringify(debug.leaks.report().bytes));";
    const { execFileSync } = await import("node:child_process");
    const output = execFileSync(process.execPath, [flag, "-e", program], {
      env: { ...process.env, HEAPWRIGHT_LEAKS: "1" },
      stdio: ["ignore", "pipe", "pipe"],
      encoding: "utf8",
    });
    assert.is(output, "123\n", name);
  }
});

test("HEAPWRIGHT_DEBUG=1 guards the blocks of all threads, and verifies them at the end", async () => {
  const program = new URL("./programs/overrun.mjs", import.meta.url);
  const run = (what: string) =>
    runProgram(program, { args: [library.href, what], env: { HEAPWRIGHT_DEBUG: "1" } });
  const fine = await run("nothing");
  assert.equal([fine.code, fine.stderr], [0, ""]);
  assert.equal(JSON.parse(fine.stdout), { own: "ERR_OUT_OF_BOUNDS", other: "ERR_OUT_OF_BOUNDS" });
  const behind = await run("behind");
  assert.is(behind.code, 1);
  assert.match(
    behind.stderr,
    /^heapwright: the block of 40 bytes at 0x[0-9a-f]+ was overrun: something wrote at its byte 40\n +allocated by malloc\n +at .*overrun\.mjs:\d+/,
  );
  const freed = await run("freed");
  assert.is(freed.code, 1);
  assert.match(
    freed.stderr,
    /was written to after it was freed, at its byte 7\n[\s\S]*freed by free\n +at .*overrun\.mjs/,
  );
});

test("what the library loads by itself finds all that it takes of the library", () => {
  const code = readFileSync(new URL("../../dist/debug.cjs", import.meta.url), "utf8");
  const given = readFileSync(new URL("../../src/tools.ts", import.meta.url), "utf8");
  const list = /holder\[LOADED\] = \{([^}]+)\}/
    .exec(given)![1]!
    .split(",")
    .map((name) => name.trim());
  const taken = new Set(Array.from(code.matchAll(/\bindex_js\.(\w+)/g), ([, name]) => name!));
  assert.ok(taken.has("internals"));
  for (const name of taken) assert.ok(list.includes(name), `${name} is taken and not given`);
});

test.run();
