/**
 * Waiting for a word while the event loop goes on: woken by any thread and counted once each, timed out, terminated, too many.
 */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { atomic, calloc, free, idle, malloc, NULL, offset, type Pointer } from "../../src/index.js";
import { MAX_WAITERS } from "../../src/memory/control.js";
import { patience } from "../support/surroundings.js";
import { refuses } from "./refuse.js";

const LONG = patience(20_000);

function start(run: "waitWithoutSleep" | "answer" | "sleep", ...args: unknown[]): Worker {
  const module = new URL("./in-worker-atomic.ts", import.meta.url).href;
  return new Worker(new URL("../hazards/programs/boot.mjs", import.meta.url), {
    workerData: { module, run, args },
  });
}

async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + LONG;
  while (!condition()) {
    assert.ok(Date.now() < end, "it did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** How many wait or sleep at the pointer, by their own account. */
const there = (pointer: Pointer) => atomic.i32.load(pointer, 4);

test("not equal, out of time, and woken by the thread itself", async () => {
  const word = calloc(1, 16);
  assert.is(await atomic.waitAsync(word, 1), "not-equal");
  assert.is(await atomic.waitAsync(word, 0, 0), "timed-out");
  const start = performance.now();
  assert.is(await atomic.waitAsync(word, 0, 30), "timed-out");
  assert.ok(performance.now() - start > 25);
  assert.is(atomic.notify(word), 0, "nobody waits any more");
  const waits = [1, 2, 3].map(() => atomic.waitAsync(word, 0));
  const elsewhere = atomic.waitAsync(offset(word, 4), 0);
  assert.is(atomic.notify(word, 2), 2);
  assert.is(await Promise.race(waits), "ok");
  assert.is(atomic.notify(word), 1);
  assert.equal(await Promise.all(waits), ["ok", "ok", "ok"]);
  assert.is(atomic.notify(offset(word, 4)), 1);
  assert.is(await elsewhere, "ok");
  free(word);
});

test("a thread that is idle meanwhile is woken", async () => {
  const word = calloc(1, 4);
  const woken = atomic.waitAsync(word, 0);
  idle();
  assert.is(atomic.notify(word), 1);
  assert.is(await woken, "ok");
  free(word);
});

test("a block far up in the window is told from others", async () => {
  const far = malloc(8_000_000);
  const word = offset(far, 4_000_000);
  atomic.i32.store(word, 7);
  const wait = atomic.waitAsync(word, 7, LONG);
  assert.is(atomic.notify(far), 0);
  assert.is(atomic.notify(word), 1);
  assert.is(await wait, "ok");
  free(far);
});

test("workers that wait are woken one by one, with one that sleeps, and those that were terminated do not count", async () => {
  const word = calloc(1, 16);
  const workers = [1, 2, 3].map(() => start("waitWithoutSleep", word, LONG));
  const said: unknown[] = [];
  for (const worker of workers) worker.on("message", (text) => said.push(text));
  const doomed = start("waitWithoutSleep", word, LONG);
  const sleeper = start("sleep", word, LONG);
  await until(() => there(word) === 5);
  await doomed.terminate();
  assert.is(atomic.notify(word, 2), 2);
  await until(() => said.length >= 1);
  assert.is(atomic.notify(word), 2);
  await until(() => said.length === 3);
  assert.equal(said, ["ok", "ok", "ok"]);
  assert.is(atomic.notify(word), 0);
  await Promise.all([...workers, sleeper].map((worker) => worker.terminate()));
  free(word);
});

test("no call is lost between two threads that call each other, and none of them is busy meanwhile", async () => {
  const rounds = 300;
  const word = calloc(1, 16);
  const answer = once(start("answer", word, rounds), "message");
  for (let i = 0; i < rounds; i++) {
    atomic.i32.store(word, 2 * i + 1);
    atomic.notify(word);
    while (atomic.i32.load(word) === 2 * i + 1) {
      assert.is.not(await atomic.waitAsync(word, 2 * i + 1, LONG), "timed-out", `round ${i}`);
    }
  }
  assert.equal(await answer, ["ok"]);
  const before = process.cpuUsage();
  assert.is(await atomic.waitAsync(word, 2 * rounds, 300), "timed-out");
  const { user, system } = process.cpuUsage(before);
  assert.ok(user + system < 250_000, `${user + system} µs of processor time in 300 ms`);
  free(word);
});

test("as many as there is room for, and one too many; then there is room again", async () => {
  const word = calloc(1, 16);
  for (let round = 0; round < 2; round++) {
    const waits = Array.from({ length: MAX_WAITERS }, () => atomic.waitAsync(word, 0, LONG));
    const { message } = refuses("one too many", "ERR_INVALID_STATE", () => atomic.waitAsync(word, 0));
    assert.match(message, /512 waits/);
    assert.is(atomic.notify(word, 500), 500);
    assert.is(atomic.notify(word), 12);
    assert.is(new Set(await Promise.all(waits)).size, 1);
  }
  free(word);
});

test("places of a worker that was terminated are free again", async () => {
  const word = calloc(1, 16);
  const waits = Array.from({ length: MAX_WAITERS - 1 }, () => atomic.waitAsync(word, 0, LONG));
  const doomed = start("waitWithoutSleep", word, LONG);
  await until(() => there(word) === 1);
  refuses("one too many", "ERR_INVALID_STATE", () => atomic.waitAsync(word, 0));
  await doomed.terminate();
  waits.push(atomic.waitAsync(word, 0, LONG));
  assert.is(atomic.notify(word), MAX_WAITERS);
  await Promise.all(waits);
  free(word);
});

test("what is no place, no number or no time", () => {
  const word = calloc(1, 16);
  refuses("NULL", "ERR_INVALID_POINTER", () => atomic.waitAsync(NULL, 0));
  refuses("between two words", "ERR_INVALID_ARG", () => atomic.waitAsync(offset(word, 2), 0));
  refuses("a bigint", "ERR_INVALID_ARG", () => atomic.waitAsync(word, 0n as never));
  refuses("no time", "ERR_INVALID_ARG", () => atomic.waitAsync(word, 0, Number.NaN));
  refuses("a text", "ERR_INVALID_ARG", () => atomic.waitAsync(word, 0, "1" as never));
  free(word);
});

test("a process lives while it waits, and ends after that", async () => {
  const program = `
    import { atomic, calloc } from ${JSON.stringify(new URL("../../src/index.ts", import.meta.url).href)};
    const word = calloc(1, 16);
    setTimeout(() => atomic.notify(word), 100).unref();
    console.log(await atomic.waitAsync(word, 0, 300), await atomic.waitAsync(word, 0, 20));`;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--import", "tsx", "--input-type=module", "-e", program],
    { cwd: fileURLToPath(new URL("../..", import.meta.url)), timeout: patience(60_000) }, // it loads what loads TypeScript
  );
  assert.is(stdout.trim(), "ok timed-out");
});

test.run();
