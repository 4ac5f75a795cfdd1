/**
 * Threads that come and go; after tests of glibc's malloc.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Stats } from "../../src/index.js";
import { findings } from "../support/child.js";
import { compiled } from "./compiled.js";

const MIB = 2 ** 20;
/** glibc's has 100,000; a worker takes 100 ms of a processor. HEAPWRIGHT_TEST_THREADS asks for more of them. */
const THREADS = Number(process.env.HEAPWRIGHT_TEST_THREADS ?? 60);
const LIMIT_MS = 180_000 + THREADS * 200;

test("threads end while others use their blocks (tst-malloc-thread-exit)", async () => {
  const found = await findings<Stats & { resized: number }>(compiled("generations"), {
    args: ["exit", "12"],
  });
  assert.ok(found.resized > 500, `${found.resized} blocks were resized`);
  assert.ok(found.peakFootprint < 32 * MIB, `at most ${found.peakFootprint} bytes`);
});

test(`${THREADS} threads leave nothing behind (tst-malloc-tcache-leak)`, async () => {
  const found = await findings<Stats & { settled: number; last: number }>(compiled("generations"), {
    args: ["leak", String(THREADS)],
    limitMs: LIMIT_MS,
  });
  const { settled, last } = found;
  assert.ok(last < settled + MIB, `the footprint went from ${settled} to ${last} bytes`);
  assert.ok(found.segments <= 4, `${found.segments} segments`);
});

test("threads take over the same heaps at once, and each heap goes to one", async () => {
  const [threads, rounds] = [3, 300];
  const { got, left } = await findings<{ got: number[]; left: number }>(compiled("takeover"), {
    args: [threads, rounds].map(String),
  });
  const all = got.reduce((sum, heaps) => sum + heaps, 0);
  assert.ok(all >= rounds * threads * 0.5, `${all} heaps changed hands`);
  assert.ok(
    all <= rounds * left,
    `${all} times a heap was taken over, ${left} at most in each of ${rounds} rounds`,
  );
  assert.ok(
    got.every((heaps) => heaps > 0),
    `they got ${got.join(", ")} heaps`,
  );
});

test("aligned blocks are freed by other threads (tst-aligned-alloc-random-thread-cross)", async () => {
  const found = await findings<Stats>(compiled("aligned-cross"), { args: ["4", "5000"] });
  assert.ok(found.remoteFrees > 1000, `${found.remoteFrees} blocks were freed by another thread`);
  assert.ok(found.peakFootprint < 64 * MIB, `at most ${found.peakFootprint} bytes`);
});

test.run();
