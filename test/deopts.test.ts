/**
 * Once a workload has run for a while, V8 throws no compiled code of it away again and again: each function that is
 * deoptimized pass after pass would be timed in the interpreter, and so would a program that works like that.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compiled } from "../bench/compile.js";
import { traceNames } from "../bench/trace.js";
import { isCrewWorkload, twinned } from "../bench/workloads/index.js";
import { traceOf } from "./support/v8-trace.js";

const WARMUP_MS = 600;
const LEAST_WARMUP = 8;
const PASSES = 12;
/** A path that is taken seldom may still be compiled late, and once more after that. */
const MOST_PER_FUNCTION = 3;
/** What comes again and again is there each time. */
const LOOKS = 3;
const STEADY = "-- steady --";

/** Prints STEADY between the passes that count and those before. */
function program(prepare: string): string {
  return `
    const { pass, stop } = await (${prepare})();
    const start = performance.now();
    for (let n = 0; n < ${LEAST_WARMUP} || performance.now() - start < ${WARMUP_MS}; n++) pass();
    console.log("${STEADY}");
    for (let n = 0; n < ${PASSES}; n++) pass();
    stop?.();
  `;
}

function url(module: string): string {
  return JSON.stringify(new URL(`file://${compiled(module)}`));
}

/**
 * How many pieces of code V8 threw away of each function after STEADY. Code that it leaves where a loop ends, because nothing
 * behind the loop had run when it was compiled, it keeps and enters again.
 */
function deoptimized(prepare: string): Map<string, number> {
  const trace = traceOf("--trace-deopt", program(prepare));
  const at = trace.indexOf(STEADY);
  assert.ok(at >= 0, "the steady state was reached");
  const counts = new Map<string, number>();
  const bailout = /\[bailout .*?deoptimizing \S+ <JSFunction (\S*).*?, opt id (\d+)/g;
  const codes = [...trace.slice(at).matchAll(bailout)].map(([, name, id]) => `${name} ${id}`);
  for (const code of new Set(codes)) {
    const name = code.slice(0, code.lastIndexOf(" "));
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

/** Looks again when it was not: on a busy machine V8 may still be compiling when the passes that count begin. */
function assertSteady(prepare: string): void {
  let repeated: [string, number][] = [];
  for (let look = 0; look < LOOKS; look++) {
    repeated = [...deoptimized(prepare)].filter(([, count]) => count > MOST_PER_FUNCTION);
    if (repeated.length === 0) return;
  }
  assert.equal(repeated, [], `functions deoptimized in ${PASSES} passes, and how often`);
}

// Not those of threads that end before anything is compiled.
for (const workload of twinned) {
  test(`${workload.name}: nothing is deoptimized again and again`, () => {
    const prepare = isCrewWorkload(workload)
      ? `async () => {
          const { findWorkload } = await import(${url("workloads/index")});
          const { startCrew } = await import(${url("crew")});
          return startCrew(findWorkload("${workload.name}"), "heapwright", 1);
        }`
      : `async () => {
          const { findWorkload } = await import(${url("workloads/index")});
          const { heapwright } = await import(${url("allocators/heapwright")});
          return findWorkload("${workload.name}").prepare(heapwright, 1);
        }`;
    assertSteady(prepare);
  });
}

for (const name of traceNames) {
  test(`${name}, recorded: nothing is deoptimized again and again`, () => {
    assertSteady(`async () => {
        const { replayer } = await import(${url("replay")});
        const { readTrace } = await import(${url("trace")});
        const { replayable } = await import(${url("allocators/heapwright")});
        return { pass: replayer(readTrace("${name}"), replayable) };
      }`);
  });
}

test("a function that is deoptimized again and again is found", () => {
  // Compiled while its loop runs, and wrong about the last round; each pass makes it anew.
  const counts = deoptimized(`async () => {
    let made = 0;
    const body = "let s = 0; for (let i = 0; i < n; i++) s += i === n - 1 ? s.x : 1; return s";
    return { pass: () => new Function("n", "/* " + made++ + " */" + body)(1e7) };
  }`);
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  assert.ok(total > MOST_PER_FUNCTION, `${total} in ${PASSES} passes`);
});

test.run();
