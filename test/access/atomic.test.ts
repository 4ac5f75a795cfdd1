/**
 * Atomics on the heap's memory: each operation gives what JavaScript's own does, threads count exactly, and those that sleep
 * are woken, time out, or are terminated.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { atomic, calloc, free, malloc, offset, type Pointer, typed } from "../../src/index.js";
import { COUNTERS } from "./in-worker-atomic.js";
import { notNumbers, nowhere, refuses } from "./refuse.js";

const WORKERS = 3;
const TIMES = 3000;
/** Bounds what must not be reached. */
const LONG = 20_000;

function start(run: "count" | "sleep", ...args: unknown[]): Worker {
  const module = new URL("./in-worker-atomic.ts", import.meta.url).href;
  const boot = new URL("../hazards/programs/boot.mjs", import.meta.url);
  return new Worker(boot, { workerData: { module, run, args } });
}

async function result(worker: Worker): Promise<unknown> {
  const [said] = (await once(worker, "message")) as [unknown];
  return said;
}

async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + LONG;
  while (!condition()) {
    assert.ok(Date.now() < end, "it did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

test("each operation gives what JavaScript's own gives, near and far", () => {
  for (const pointer of [calloc(1, 64), calloc(1, 1_000_000)]) {
    const kinds = {
      i32: typed(Int32Array, pointer, 4),
      u32: typed(Uint32Array, pointer, 4),
      i64: typed(BigInt64Array, pointer, 4),
      u64: typed(BigUint64Array, pointer, 4),
    };
    for (const [kind, words] of Object.entries(kinds)) {
      const ours = atomic[kind as "i32"];
      const wide = kind.endsWith("64");
      const value = (n: number) => (wide ? BigInt(n) : n) as number;
      const theirs = (wide ? new BigInt64Array(4) : new Int32Array(4)) as Int32Array;
      const twin = new (words.constructor as Int32ArrayConstructor)(theirs.buffer);
      const at = 2 * words.BYTES_PER_ELEMENT;
      words.fill(value(0) as never);
      for (const n of [0, 1, -1, 5, 2 ** 31, -(2 ** 31), 0x1234_5678]) {
        for (const name of ["add", "sub", "xor", "or", "and", "exchange", "add"] as const) {
          assert.is(
            ours[name](pointer, value(n), at),
            Atomics[name](twin, 2, value(n)),
            `${kind}.${name} ${n}`,
          );
          assert.is(ours.load(pointer, at), Atomics.load(twin, 2), `${kind}.${name} ${n}: what is left`);
        }
        const there = ours.load(pointer, at);
        assert.is(ours.compareExchange(pointer, there, value(7), at), there);
        assert.is(ours.compareExchange(pointer, value(6), value(8), at), value(7));
        ours.store(pointer, there, at);
      }
      assert.equal(
        [...words].map(Number).filter((_, i) => i !== 2),
        [0, 0, 0],
        "its neighbours",
      );
    }
    free(pointer);
  }
});

test("threads count exactly, and a lock that they sleep for keeps them apart", async () => {
  const pointer = calloc(1, 64);
  const workers = Array.from({ length: WORKERS }, (_, i) => start("count", pointer, TIMES, i));
  assert.equal(await Promise.all(workers.map(result)), new Array(WORKERS).fill(TIMES));
  const all = WORKERS * TIMES;
  assert.is(atomic.u32.load(pointer, COUNTERS.u32), all);
  assert.is(atomic.i32.load(pointer, COUNTERS.i32), -all);
  assert.is(atomic.u64.load(pointer, COUNTERS.u64), 2n * BigInt(all));
  assert.is(atomic.i64.load(pointer, COUNTERS.i64), -2n * BigInt(all));
  assert.is(atomic.u32.load(pointer, COUNTERS.flips), 0, "each bit was turned an even number of times");
  assert.is(atomic.i32.load(pointer, COUNTERS.plain), all);
  free(pointer);
});

test("those that sleep are woken, as many as are asked for", async () => {
  const pointer = calloc(1, 64);
  const workers = [start("sleep", pointer, LONG), start("sleep", pointer, LONG)];
  const results = workers.map(result);
  await until(() => atomic.i32.load(pointer, 4) === 2);
  assert.is(atomic.notify(pointer, 0), 0);
  let woken = 0;
  const wake = (count: number) => {
    woken += atomic.notify(pointer, count);
    return woken;
  };
  await until(() => wake(1) === 1);
  assert.is(await Promise.race(results), "ok");
  await until(() => wake(Infinity) === 2);
  assert.equal(await Promise.all(results), ["ok", "ok"]);
  assert.is(atomic.notify(pointer), 0, "nobody sleeps any more");
  free(pointer);
});

test("a change before a sleep, and a time that is up", () => {
  const pointer = calloc(1, 16);
  assert.is(atomic.wait(pointer, 1), "not-equal");
  const began = performance.now();
  assert.is(atomic.wait(pointer, 0, 150), "timed-out", "longer than a thread sleeps at a time");
  assert.ok(performance.now() - began >= 149);
  for (const timeout of [0, -5, 0.01]) assert.is(atomic.wait(pointer, 0, timeout), "timed-out");
  atomic.u32.store(pointer, 0xffff_ffff);
  assert.is(atomic.wait(pointer, 0xffff_ffff, 1), "timed-out", "an unsigned number is the same word");
  free(pointer);
});

test("a worker that sleeps for ever can be terminated, and nobody hears from it", async () => {
  const pointer = calloc(1, 64);
  const worker = start("sleep", pointer, Infinity);
  await until(() => atomic.i32.load(pointer, 4) === 1);
  const began = Date.now();
  await worker.terminate();
  assert.ok(Date.now() - began < LONG / 2, "within the time that it sleeps at a time");
  assert.is(atomic.wait(pointer, 0, 5), "timed-out");
  assert.is(atomic.notify(pointer), 0);
  free(pointer);
});

test("what is no address, not aligned or no number is refused", () => {
  const block = malloc(64);
  for (const pointer of nowhere as readonly Pointer[]) {
    refuses(`add at ${pointer}`, "ERR_INVALID_POINTER", () => atomic.u32.add(pointer, 1));
    refuses(`load at ${pointer}`, "ERR_INVALID_POINTER", () => atomic.i64.load(pointer));
    refuses(`wait at ${pointer}`, "ERR_INVALID_POINTER", () => atomic.wait(pointer, 0, 0));
    refuses(`notify at ${pointer}`, "ERR_INVALID_POINTER", () => atomic.notify(pointer));
  }
  for (const pointer of notNumbers as readonly Pointer[]) {
    refuses("a pointer of another type", "ERR_INVALID_POINTER", () => atomic.u32.load(pointer));
  }
  for (const at of [1, 2, 3]) {
    const { message } = refuses("odd", "ERR_INVALID_ARG", () => atomic.i32.load(block, at));
    assert.match(message, /^atomic\.i32: the address must be a multiple of 4, got 0x/);
    refuses("odd", "ERR_INVALID_ARG", () => atomic.wait(offset(block, at), 0, 0));
    refuses("odd", "ERR_INVALID_ARG", () => atomic.notify(offset(block, at)));
  }
  refuses("half a long", "ERR_INVALID_ARG", () => atomic.u64.add(block, 1n, 4));
  refuses("expected", "ERR_INVALID_ARG", () => atomic.wait(block, 0n as never));
  refuses("no time", "ERR_INVALID_ARG", () => atomic.wait(block, 0, Number.NaN));
  for (const count of [-1, 0.5, Number.NaN, "1" as never])
    refuses(`count ${count}`, "ERR_INVALID_ARG", () => atomic.notify(block, count));
  free(block);
});

test("an offset is a pointer again, and what makes none is refused", () => {
  const block = malloc(64);
  assert.is(offset(offset(block, 48), -16), block + 32);
  for (const bytes of notNumbers) refuses("bytes", "ERR_INVALID_ARG", () => offset(block, bytes as never));
  for (const bytes of [0.5, Number.NaN, Infinity])
    refuses(`${bytes} bytes`, "ERR_INVALID_ARG", () => offset(block, bytes));
  refuses("below 0", "ERR_INVALID_POINTER", () => offset(block, -block - 1));
  assert.is(offset(BigInt(block), 8), block + 8);
  refuses("text", "ERR_INVALID_POINTER", () => offset(`${block}` as never, 8));
  free(block);
});

test.run();
