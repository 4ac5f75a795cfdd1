/**
 * JavaScript may be cut off in a thread that goes on, as the timeout of node:vm and Ctrl-C in a REPL do: no catch and no
 * finally runs. The heap is as whole as before, and nobody waits for what was held.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findings } from "../support/child.js";
import { patience } from "../support/surroundings.js";

const program = new URL("./programs/cut-off.ts", import.meta.url);
const holder = new URL("./programs/cut-off-holder.ts", import.meta.url);
/** A system call and a walk over a table, on a machine that is busy: where nobody lets the lock go this has no end. */
const LONGEST_MS = patience(10_000);

for (const nodeArgs of [[], ["--no-opt", "--no-sparkplug"], ["--always-sparkplug"]]) {
  test(`cut off at any moment, ${nodeArgs.join(" ") || "compiled as V8 likes"}`, async () => {
    const { cuts } = await findings<{ cuts: number }>(program, { nodeArgs });
    assert.ok(cuts > 100, `cut off ${cuts} times`);
  });
}

for (const [held, how] of [
  ["the lock", "large"],
  ["the adoption mutex", "idle"],
] as const) {
  test(`a thread that is cut off with ${held} lets it go, although it never uses the heap again`, async () => {
    const { longest, rounds } = await findings<{ longest: number; rounds: number }>(holder, { args: [how] });
    assert.ok(rounds > 0);
    assert.ok(longest < LONGEST_MS, `malloc and trim took ${longest} ms`);
  });
}

test.run();
