/**
 * Owners that work, or sleep in Atomics.wait, while the main thread frees their blocks and trims: all blocks stay whole, none is
 * lost, and pages come back although no owner is ever in its event loop.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findings } from "../support/child.js";

interface Found {
  readonly given: number;
  readonly codes: readonly number[];
  readonly blocks: number;
  readonly allocated: number;
}

test("trim() takes back what owners do not, whatever they do", async () => {
  const found = await findings<Found>(new URL("./programs/reclaim.ts", import.meta.url), { args: ["60"] });
  assert.ok(found.given > 2 ** 20, `${found.given} bytes given back`);
  assert.equal(found.codes, [0, 0, 0]);
  assert.is(found.blocks, 0);
  assert.is(found.allocated, 0);
});

test.run();
