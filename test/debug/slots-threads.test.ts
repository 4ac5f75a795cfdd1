/**
 * Blocks with pages of their own, in all threads: any of them frees those of others, and a thread that dies loses no slot.
 */
import { once } from "node:events";
import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Random, testSeed } from "../support/seed.js";

const SLOTS = 32;
const TERMINATIONS = 30;
const path = new URL("../../dist/index.cjs", import.meta.url).pathname;

process.env.HEAPWRIGHT_GUARD = "1";
const { check, free, malloc, owns, read, stats, usableSize, walk } = createRequire(import.meta.url)(
  path,
) as typeof import("../../src/index.js");

/** Runs JavaScript in a worker that has the library; ends with it. */
function worker(source: string, workerData: unknown = null): Worker {
  const program = `
    const { parentPort, workerData } = require("node:worker_threads");
    const { check, free, malloc, realloc, usableSize, write, view, fill } = require(${JSON.stringify(path)});
    ${source}`;
  return new Worker(program, { eval: true, workerData });
}

const apart = () => [...walk()].filter(({ state }) => state === "mapped").map(({ pointer }) => pointer);

test("a thread frees and resizes what another allocated, and an error says which was which", async () => {
  const block = malloc(100);
  const [theirs] = await once(
    worker(
      `free(workerData); const block = malloc(64); fill(block, 7, 64); parentPort.postMessage(block);`,
      block,
    ),
    "message",
  );
  assert.not.ok(owns(block));
  assert.throws(
    () => read.u8(block),
    /which was freed\n +allocated by malloc in the main thread[\s\S]*\n +freed by free in worker \d+, /,
  );
  assert.is(usableSize(theirs), 64);
  assert.is(read.u8(theirs, 63), 7);
  assert.throws(() => read.u8(theirs, 64), /allocated by malloc in worker \d+, /);
  free(theirs);
  const resized = worker(
    `const moved = realloc(workerData, 500); parentPort.postMessage(usableSize(moved)); free(moved);`,
    malloc(10),
  );
  assert.equal(await once(resized, "message"), [504]);
  await once(resized, "exit");
  for (const pointer of apart()) free(pointer); // of the thread that ended
  assert.is(stats().allocated, 0);
  check();
});

test("a thread without the variable takes none, and knows those of others", async () => {
  const block = malloc(50);
  const other = new Worker(
    `const { workerData, parentPort } = require("node:worker_threads");
    const { free, malloc, usableSize } = require(${JSON.stringify(path)});
    const had = usableSize(workerData);
    free(workerData);
    parentPort.postMessage([had, usableSize(malloc(50))]);`,
    { eval: true, workerData: block, env: {} },
  );
  assert.equal(await once(other, "message"), [[50, 56]]);
  await once(other, "exit");
  assert.not.ok(owns(block));
});

test("threads that are terminated at any moment lose no slot and leave whole blocks", async () => {
  const random = new Random(testSeed("slots of threads"));
  const source = `
    parentPort.postMessage("up");
    const blocks = [];
    for (let i = 0; ; i = (i * 7 + 1) % 1000) {
      if (blocks.length < 6) {
        const block = malloc(i);
        fill(block, 5, i);
        blocks.push(block);
      } else free(blocks.splice(i % 6, 1)[0]);
    }`;
  let running: Worker[] = [];
  for (let ended = 0; ended < TERMINATIONS; ended++) {
    while (running.length < 3) {
      const one = worker(source);
      await once(one, "message");
      running.push(one);
    }
    for (let i = random.int(0, 2000); i > 0; i--) free(malloc(i));
    const [victim] = running.splice(random.int(0, 2), 1);
    await victim!.terminate();
    check();
  }
  for (const one of running) await one.terminate();
  running = [];
  for (const pointer of apart()) free(pointer);
  check();
  const blocks = Array.from({ length: SLOTS }, () => malloc(100));
  assert.is(apart().length, SLOTS);
  for (const block of blocks) free(block);
});

test.run();
