/**
 * What lies idle goes back by itself, in whatever order it was freed, while the program does nothing more; and what sees to that keeps
 * nothing alive.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findings } from "../support/child.js";

const program = new URL("./programs/idle.ts", import.meta.url);
const MIB = 2 ** 20;

/** More than the trim threshold and the pages of what stays. */
const SETTLED = 48 * MIB;

for (const [what, scenario] of [
  ["two million blocks", "shuffled"],
  ["as many of a Heap", "shuffled in a Heap"],
]) {
  test(`${what} freed in random order go back within seconds`, async () => {
    type Found = { full: number; freed: number; footprint: number; milliseconds: number };
    const { full, freed, footprint, milliseconds } = await findings<Found>(program, { args: [scenario!] });
    assert.ok(full > 390 * MIB && freed > 60 * MIB, `${freed} of ${full} bytes are there when all is freed`);
    assert.ok(footprint < SETTLED, `${footprint} bytes after ${milliseconds} ms`);
  });
}

test("a program ends at its natural end", async () => {
  assert.equal(await findings(program, { args: ["ends"] }), { timers: 0 });
});

test("and so does a worker", async () => {
  assert.equal(await findings(program, { args: ["worker ends"] }), { timers: 0 });
});

test("a threshold of mappings that rose falls while nobody asks for large blocks", async () => {
  const found = await findings<{ risen: number; fallen: number }>(program, { args: ["threshold"] });
  assert.equal(found, { risen: 0, fallen: 1 });
});

test("no store of an AsyncLocalStorage is kept", async () => {
  const found = await findings<{ kept: boolean }>(program, { args: ["context"], nodeArgs: ["--expose-gc"] });
  assert.not(found.kept);
});

test.run();
