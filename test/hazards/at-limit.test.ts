/**
 * At the limit no call fails that has room: what lies idle is given back first, what a block has already is not asked for
 * again, and pages that are not used are not counted.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findings } from "../support/child.js";

const program = new URL("./programs/at-limit.ts", import.meta.url);

function scenario(name: string, verdict: (found: Record<string, unknown>) => void): void {
  test(name, async () => verdict(await findings(program, { args: [name] })));
}

scenario("an aligned block with a mapping, while the heap lies idle", ({ aligned }) => assert.is(aligned, 0));
scenario("a mapped block that grows, while the heap lies idle", ({ grown }) => assert.ok(grown));
scenario("a block above the threshold in the heap that shrinks", ({ kept }) =>
  assert.equal(kept, [true, true, true]),
);
scenario("a mapped block that shrinks, where the heap has no room for it", ({ kept }) => assert.ok(kept));
scenario("a mapped block that grows below a threshold that has risen", ({ grown }) => assert.ok(grown));
scenario("an aligned block that fits into a mapping and not into the heap", ({ aligned }) =>
  assert.is(aligned, 0),
);
scenario("what the heap was charged for and never touched", ({ aligned }) => assert.is(aligned, 0));
scenario("growing over pages that were given back takes those it needs", ({ kept, more }) => {
  assert.ok(kept, "it grew where it was");
  assert.ok((more as number) <= 16_384, `the footprint grew by ${more} bytes`);
});
scenario(
  "an aligned mapped block that shrinks to nothing, where the heap has no room for it",
  ({ kept, usable, found }) => assert.equal([kept, usable, found], [true, 4096, true]),
);
scenario("an empty block aligned to more than a page, with a mapping of its own", ({ blocks }) =>
  assert.is(blocks, 1),
);

test.run();
