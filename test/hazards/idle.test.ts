/**
 * What lies idle goes back by itself, in whatever order it was freed, while the program does nothing more; and what sees to that keeps
 * nothing alive.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findings } from "../support/child.js";

const program = new URL("./programs/idle.ts", import.meta.url);
const MIB = 2 ** 20;

test("two million blocks freed in random order go back within seconds", async () => {
  const found = await findings<{ full: number; freed: number; footprint: number; milliseconds: number }>(
    program,
    { args: ["shuffled"] },
  );
  const { full, freed, footprint, milliseconds } = found;
  assert.ok(full > 390 * MIB && freed > 60 * MIB, `${freed} of ${full} bytes are there when all is freed`);
  assert.ok(footprint < 48 * MIB, `${footprint} bytes after ${milliseconds} ms`);
});

test("and so do those of a Heap", async () => {
  const { full, footprint } = await findings<{ full: number; footprint: number }>(program, {
    args: ["shuffled in a Heap"],
  });
  assert.ok(full > 95 * MIB, `${full} bytes`);
  assert.ok(footprint < 16 * MIB, `${footprint} bytes`);
});

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
