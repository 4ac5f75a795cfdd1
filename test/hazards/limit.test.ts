/**
 * The limit: the footprint never goes above it, a request that would is refused with ERR_OUT_OF_MEMORY whatever its
 * size, nothing else changes by that, and memory that was freed or given back is used again.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Stats } from "../../src/index.js";
import { findings } from "../support/child.js";

interface Found {
  codes: Record<string, string>;
  /** What lived each time nothing more fitted. */
  rounds: Array<{ allocated: number; blocks: number }>;
  peakFootprint: number;
  end: Stats;
}

const program = new URL("./programs/limit.ts", import.meta.url);
const pages = new URL("./programs/limit-pages.ts", import.meta.url);
const LIMIT = 24 * 2 ** 20;

function keptTo(limit: number, { codes, rounds, peakFootprint, end }: Found): void {
  for (const [way, code] of Object.entries(codes)) assert.is(code, "ERR_OUT_OF_MEMORY", way);
  for (const { allocated } of rounds) {
    assert.ok(
      allocated > limit * 0.9 && allocated <= limit,
      `${allocated} of ${limit} bytes were put to use`,
    );
  }
  assert.ok(peakFootprint <= limit && peakFootprint > limit * 0.99, `the peak was ${peakFootprint}`);
  assert.is(end.blocks, 0);
  assert.is(end.allocated, 0);
}

test("HEAPWRIGHT_LIMIT", async () => {
  const env = { HEAPWRIGHT_LIMIT: "24M" };
  keptTo(LIMIT, await findings<Found>(program, { args: ["environment", String(LIMIT)], env }));
});

test("configure({ limit })", async () => {
  keptTo(LIMIT, await findings<Found>(program, { args: ["configure", String(LIMIT)] }));
});

test("configure wins over the environment", async () => {
  const env = { HEAPWRIGHT_LIMIT: "1G" };
  keptTo(LIMIT, await findings<Found>(program, { args: ["configure", String(LIMIT)], env }));
});

test("the limit holds for mapped segments too", async () => {
  const env = { HEAPWRIGHT_RESERVE: "0" };
  keptTo(LIMIT, await findings<Found>(program, { args: ["configure", String(LIMIT)], env }));
});

test("at the limit, pages given back are used again and counted again", async () => {
  const found = await findings<{
    refused: number;
    above: number;
    highest: number;
    trimmed: number;
    peak: number;
  }>(pages, { env: { HEAPWRIGHT_LIMIT: "4000000" } });
  assert.ok(found.refused > 100, `${found.refused} requests were refused`);
  assert.ok(found.trimmed > 4_000_000, `${found.trimmed} bytes were given back`);
  assert.is(found.above, 0, `the footprint was ${found.highest} at a limit of 4000000`);
  assert.ok(found.peak <= 4_000_000);
});

test.run();
