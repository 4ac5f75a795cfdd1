/**
 * StringTable: beside a Map, from several threads, and cut off in the middle.
 */
import { once } from "node:events";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Queue, StringTable } from "../../src/containers/index.js";
import { check, type Pointer, stats } from "../../src/index.js";
import { refusesEach } from "../access/refuse.js";
import { testSeed } from "../support/seed.js";
import { throwsHeapError } from "../support/throws.js";

test("gives equal strings the same number, and others another", () => {
  const text = fc.oneof(
    fc.constantFrom("", "\ud800", "\ufffd", "\u0100"),
    fc.string({ unit: "binary", maxLength: 40 }),
  );
  const property = fc.property(fc.array(text, { maxLength: 300 }), (texts) => {
    using table = new StringTable();
    const other = StringTable.at(table.pointer);
    const model = new Map<string, number>();
    for (const text of texts) {
      assert.is(table.find(text), model.get(text) ?? 0);
      if (!model.has(text)) model.set(text, model.size + 1);
      assert.is(other.intern(text), model.get(text));
    }
    for (const [text, id] of model) assert.equal([table.get(id), table.find(text)], [text, id]);
    assert.equal([table.size, table.get(0), table.get(model.size + 1)], [model.size, undefined, undefined]);
  });
  fc.assert(property, { seed: testSeed("strings"), numRuns: 25 });
  assert.is(stats().blocks, 0);
  check();
});

test("many strings", () => {
  using table = new StringTable();
  for (let i = 1; i <= 20_000; i++) assert.is(table.intern(`name ${i}`), i);
  for (let i = 1; i <= 20_000; i++) assert.is(table.get(i), `name ${i}`);
});

test("threads that intern the same strings at the same time agree", async () => {
  using table = new StringTable();
  const names = Array.from({ length: 5000 }, (_, i) => `name ${(i * 7919) % 2500}`);
  const found = [0, 1, 2].map(async (turn) => {
    const worker = new Worker(new URL("../hazards/programs/boot.mjs", import.meta.url), {
      workerData: {
        module: new URL("./in-worker.ts", import.meta.url).href,
        run: "intern",
        args: [table.pointer, turn === 1 ? [...names].reverse() : names],
      },
    });
    const exited = once(worker, "exit"); // from now on: the end may come in the same turn as the message
    const [ids] = (await once(worker, "message")) as [number[]];
    await exited;
    return turn === 1 ? [...ids].reverse() : ids;
  });
  const [first, second, third] = await Promise.all(found);
  assert.equal(first, second);
  assert.equal(first, third);
  assert.is(table.size, 2500);
  for (const [i, name] of names.entries()) assert.is(table.get(first![i]!), name);
});

test("what is cut off leaves it whole", async () => {
  const table = new StringTable();
  let next = 0;
  const work = () => {
    for (;;) {
      const id = table.intern(`name ${next}`);
      if (table.get(id) !== `name ${next}`) throw new Error(`${id} is not ${next}`);
      next++;
    }
  };
  for (let i = 0; i < 40; i++) {
    assert.throws(() => runInNewContext("work()", { work }, { timeout: 1 }), /timed out/);
    await null;
    for (let i = Math.max(0, next - 50); i <= next + 1; i++)
      assert.is(table.get(table.intern(`name ${i}`)), `name ${i}`);
  }
  const ids = new Set(Array.from({ length: next + 2 }, (_, i) => table.find(`name ${i}`)));
  assert.is(ids.size, next + 2);
  assert.not.ok(ids.has(0));
  assert.ok(table.size - ids.size <= 40);
  table.free();
});

test("wrong arguments", () => {
  using table = new StringTable();
  for (const call of [(text: never) => table.intern(text), (text: never) => table.find(text)]) {
    refusesEach("text", "ERR_INVALID_ARG", [null, undefined, 1n, {}, ["a"]], call);
  }
  refusesEach("get", "ERR_INVALID_ARG", ["1", null, 1n, -1, 0.5, Number.NaN, 2 ** 32], (id) => table.get(id));
  using queue = new Queue(64);
  throwsHeapError(() => StringTable.at(queue.pointer), "ERR_INVALID_POINTER", /is a Queue/);
  throwsHeapError(() => StringTable.at(8 as Pointer), "ERR_INVALID_POINTER");
  const gone = new StringTable();
  gone.free();
  throwsHeapError(() => gone.free(), "ERR_DOUBLE_FREE");
});

test.run();
