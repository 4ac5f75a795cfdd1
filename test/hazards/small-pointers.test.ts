/**
 * Where the program break is below 2 GiB, as in Node's own binaries, pointers to large blocks are small integers to V8 as
 * those to small ones are: an array of them has no boxes and no doubles.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findings } from "../support/child.js";
import { isGlibc, leftOut } from "../support/glibc.js";

const onGlibc = isGlibc ? test : leftOut;

interface Found {
  breakAt: number;
  mmaps: number;
  /** Whether the arrays of small and of large blocks hold small integers only. */
  elements: [boolean, boolean];
  /** Pointers to large blocks that came out of a field and generic code as small integers. */
  fields: number;
}

const program = new URL("./programs/small-pointers.ts", import.meta.url);

for (const [where, args] of [
  ["", []],
  [", also where the break cannot be moved", ["blocked"]],
] as const) {
  onGlibc(`pointers to small and to mapped blocks are small integers${where}`, async () => {
    const found = await findings<Found>(program, { args, nodeArgs: ["--allow-natives-syntax"] });
    if (found.breakAt === 0 || found.breakAt > 2 ** 31 - 256 * 2 ** 20) {
      console.log("skipped: this node's program break is not below 2 GiB");
      return;
    }
    assert.ok(found.mmaps >= 1000, `${found.mmaps} mappings`);
    assert.equal(found.elements, [true, true]);
    assert.is(found.fields, 1000);
  });
}

test.run();
