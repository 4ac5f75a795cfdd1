/**
 * Callbacks of async_hooks run wherever something asynchronous begins, and may use the heap there.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findings } from "../support/child.js";

test("an init callback of async_hooks may allocate and free, also where the heap itself calls it", async () => {
  const found = await findings<{ inside: number; deepest: number; wrong: number }>(
    new URL("./programs/async-hooks.ts", import.meta.url),
  );
  assert.is(found.wrong, 0);
  assert.is(found.deepest, 1, "what the callback does calls it no more");
  assert.ok(found.inside > 100, `${found.inside} callbacks while the heap was at work`);
});

test.run();
