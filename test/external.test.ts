/**
 * stats().external: what Node counts, without the address space of the views, in each thread and whatever views were made.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { startWorker } from "../scripts/worker.js";
import { free, malloc, stats, view } from "../src/index.js";

const MIB = 2 ** 20;
/** Far above what a program that does nothing has, far below a window. */
const MOST = 64 * MIB;

test("no address space is in it, a Buffer is, and a block is not", () => {
  const before = stats().external;
  assert.ok(process.memoryUsage().external >= 4 * 2 ** 30, "Node counts the window");
  assert.ok(before > 0 && before < MOST, `${before} bytes`);
  const block = malloc(8 * MIB);
  view(block).fill(1);
  const withBlock = stats().external;
  assert.ok(Math.abs(withBlock - before) < MIB, `${before} and then ${withBlock} bytes with a view`);
  const kept = Buffer.alloc(8 * MIB, 1);
  const withBuffer = stats().external - withBlock;
  assert.ok(withBuffer > 7 * MIB && withBuffer < 9 * MIB, `${withBuffer} bytes more with a Buffer of 8 MiB`);
  assert.is(kept[0], 1);
  free(block);
});

test("and in a worker", async () => {
  const worker = startWorker(new URL("./external-in-worker.ts", import.meta.url), null);
  const [external] = await new Promise<number[]>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  assert.ok(external! > 0 && external! < MOST, `${external} bytes`);
});

test.run();
