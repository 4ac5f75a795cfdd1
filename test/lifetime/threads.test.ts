/**
 * Scopes, arenas and owners in workers: each thread has its own, their blocks are everybody's.
 */
import { once } from "node:events";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { startWorker } from "../../scripts/worker.js";
import { check, free, malloc, stats, trim, view } from "../../src/index.js";
import { testSeed } from "../support/seed.js";
import { type Ask, LISTED, type Made, PATTERN } from "./programs/lifetimes.js";

const program = new URL("./programs/lifetimes.ts", import.meta.url);
const WORKERS = 3;

/** What workers freed of this thread's, and this thread of theirs, has arrived. */
function allocated(): number {
  trim();
  return stats().allocated;
}

test("workers use arenas and scopes at once; others read their blocks; all of it is given back", async () => {
  const seed = testSeed("lifetimes");
  const before = allocated();
  const workers = Array.from({ length: WORKERS }, (_, index) => {
    const mine = malloc(1000);
    view(mine).fill(PATTERN);
    const worker = startWorker(program, { seed: seed + index, theirs: mine } satisfies Ask);
    return { worker, exit: once(worker, "exit"), made: once(worker, "message") }; // each fails with the worker
  });
  for (const { worker, exit, made } of workers) {
    const [{ listed, kept, failures }] = (await made) as [Made];
    assert.is(failures, 0);
    assert.is(listed.length, LISTED);
    // The worker waits: its arena is not disposed of yet.
    for (const pointer of listed) assert.ok(view(pointer, 100).every((byte) => byte === PATTERN));
    assert.ok(view(kept).every((byte) => byte === PATTERN));
    free(kept);
    worker.postMessage("read");
    const [code] = await exit;
    assert.is(code, 0);
  }
  assert.is(allocated(), before);
  check();
});

test.run();
