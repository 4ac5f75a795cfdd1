/**
 * JavaScript's stack may be full at any call, inside the library, too: the error reaches the caller, and the heap is as
 * whole as before.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findings } from "../support/child.js";

const program = new URL("./programs/full-stack.ts", import.meta.url);

async function endures(...nodeArgs: string[]): Promise<void> {
  const { broken, pairs } = await findings<{ broken: number; pairs: number }>(program, { nodeArgs });
  assert.ok(broken > 100, `the stack was full ${broken} times`);
  assert.ok(pairs > 0, "the other thread went on");
}

for (let run = 1; run <= 3; run++)
  test(`the stack is full, with code that is compiled on the way, ${run}`, () => endures());
test("the stack is full, interpreted", () => endures("--no-opt", "--no-sparkplug"));
test("the stack is full, compiled early", () => endures("--always-sparkplug"));

test.run();
