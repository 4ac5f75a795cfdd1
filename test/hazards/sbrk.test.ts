/**
 * The program break is shared with libc's malloc, which moves it under a lock of its own. Our heap and libc's must
 * never overlap, whoever asks first: with an arena per thread, and with one arena for all, where every thread's malloc
 * asks for a higher break.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Stats } from "../../src/index.js";
import { findings } from "../support/child.js";
import { isGlibc, leftOut } from "../support/glibc.js";

const onGlibc = isGlibc ? test : leftOut;

interface Found {
  peaks: number[];
  /** Operations on libc's malloc by the main thread and by the worker. */
  mine: number;
  worker: number;
  stats: Stats;
}

const program = new URL("./programs/beside-libc.ts", import.meta.url);
const PEAK = 150e6;
const LIMIT_MS = 180_000;

async function livesBesideLibc(waves: number, env: Record<string, string>): Promise<void> {
  const options = { args: [String(waves)], env, limitMs: LIMIT_MS };
  const { peaks, mine, worker, stats } = await findings<Found>(program, options);
  assert.ok(
    peaks.every((peak) => peak >= PEAK),
    `the heap grew to ${peaks.join(", ")} bytes`,
  );
  assert.ok(mine > 5_000 && worker > 5_000, `libc's malloc was called ${mine} and ${worker} times`);
  assert.is(stats.blocks, 0);
  assert.ok(stats.grows > 10, `the heap grew ${stats.grows} times`);
}

onGlibc("no overlap with libc's malloc, an arena per thread", () => livesBesideLibc(3, {}));

onGlibc("no overlap with libc's malloc, one arena for all threads", () =>
  livesBesideLibc(2, { MALLOC_ARENA_MAX: "1" }),
);

test.run();
