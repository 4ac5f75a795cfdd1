/**
 * Threads of a library go on calling while the thread whose functions they have comes to its end, and after it: they get
 * NULL, and whoever joins them does not wait for ever. Each in a process of its own, which ends with a signal where that
 * goes wrong.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { runProgram } from "../support/child.js";
import { compiled, removeCompiled } from "./compiled.js";

const program = new URL("./programs/teardown.ts", import.meta.url);
const path = compiled(new URL("./programs/threads.c", import.meta.url));
const TIMES = 2; // what goes wrong depends on where each thread is

test.after(removeCompiled);

for (const [way, status] of [
  ["end", 0],
  ["exit", 0],
  ["uncaught", 1],
  ["worker-end", 0],
  ["worker-exit", 0],
  ["worker-terminate", 0],
] as const) {
  test(`the functions fail from the end on: ${way}`, async () => {
    for (let i = 0; i < TIMES && path !== null; i++) {
      const { code, signal, stdout, stderr, timedOut } = await runProgram(program, { args: [path, way] });
      assert.equal({ code, signal, timedOut }, { code: status, signal: null, timedOut: false }, stderr);
      const { given, wrong, late } = JSON.parse(stdout) as Record<string, number>;
      assert.ok(given! >= 500, `${given} blocks`);
      assert.equal({ wrong, late }, { wrong: 0, late: 0 });
    }
  });
}

test.run();
