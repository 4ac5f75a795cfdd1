/**
 * Several threads take address space at the same time, and run out of memory at the same time.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Stats } from "../../src/index.js";
import { findings } from "../support/child.js";
import { compiled } from "./compiled.js";

const MIB = 2 ** 20;
const THREADS = 4;
const EACH = 24;
const LIMIT = 32;
/** The least that a heap commits at once. */
const STEP = 64 * 1024;
/** Each thread tries so often. */
const REFUSALS = 50;

for (const [name, env] of [
  ["the range taken with sbrk", {}],
  ["segments from mmap", { HEAPWRIGHT_RESERVE: "0" }],
] as const) {
  test(`threads grow between one another into ${name}`, async () => {
    const found = await findings<Stats & { idle: number }>(compiled("growth"), {
      args: ["grow", String(THREADS), String(EACH)],
      env,
    });
    assert.ok(found.segments > 2 * THREADS, `${found.segments} segments: they lie between one another`);
    assert.ok(found.peakFootprint > THREADS * EACH * 0.9 * MIB, `at most ${found.peakFootprint} bytes`);
    // What is free in a segment's last run, and what is cached, is little beside what is in use.
    assert.ok(found.peakFootprint < THREADS * EACH * 1.3 * MIB, `at most ${found.peakFootprint} bytes`);
    assert.ok(found.idle < 4 * MIB, `${found.idle} bytes when all was freed`);
  });
}

test("threads that run out of memory together are all told, and it is there again", async () => {
  const found = await findings<Stats & { said: number[] }>(compiled("growth"), {
    args: ["full", String(THREADS), "0"],
    env: { HEAPWRIGHT_LIMIT: `${LIMIT}M` },
  });
  assert.is(found.said.length, THREADS);
  for (const refusals of found.said) assert.is(refusals, REFUSALS);
  assert.ok(found.peakFootprint <= LIMIT * MIB, `at most ${found.peakFootprint} bytes`);
  assert.ok(found.peakFootprint > 0.9 * LIMIT * MIB, `at most ${found.peakFootprint} bytes`);
});

test("threads that charge at the same moment do not exceed the limit together", async () => {
  type Race = Stats & { said: Array<{ refused: number; base: number }> };
  const args = ["race", String(THREADS), "0"];
  const { said } = await findings<Race>(compiled("growth"), { args });
  const base = Math.max(...said.map((thread) => thread.base));
  const limit = base + 2.5 * STEP; // two of them may have one
  const found = await findings<Race>(compiled("growth"), { args, env: { HEAPWRIGHT_LIMIT: String(limit) } });
  const refused = found.said.reduce((sum, thread) => sum + thread.refused, 0);
  assert.ok(refused > 0, "nobody was ever refused");
  assert.ok(found.peakFootprint <= limit, `at most ${found.peakFootprint} bytes with a limit of ${limit}`);
});

test.run();
