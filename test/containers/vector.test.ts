/**
 * Vector: beside JavaScript's arrays; from other threads; and where one is terminated while it grows.
 */
import { once } from "node:events";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Queue, Vector } from "../../src/containers/index.js";
import { check, type Pointer, type ScalarName, stats, struct, typed } from "../../src/index.js";
import { refusesEach } from "../access/refuse.js";
import { testSeed } from "../support/seed.js";
import { throwsHeapError } from "../support/throws.js";
import type { fillIn } from "./in-worker.js";

const Point = struct({ x: "f64", name: ["char", 8], ends: ["u16", 3] });

const valuesOf: Partial<Record<ScalarName, fc.Arbitrary<unknown>>> = {
  u8: fc.nat(255),
  i16: fc.integer({ min: -32768, max: 32767 }),
  f64: fc.double(),
  u64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  bool: fc.boolean(),
};

for (const [type, values] of Object.entries(valuesOf)) {
  test(`behaves like an array: ${type}`, () => {
    const zero = type === "u64" ? 0n : type === "bool" ? false : 0;
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.record({ push: values }) },
      { weight: 2, arbitrary: fc.record({ set: fc.tuple(fc.nat(50), values) }) },
      { weight: 3, arbitrary: fc.constant({ pop: true }) },
      { weight: 1, arbitrary: fc.record({ resize: fc.nat(80) }) },
    );
    const property = fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      using vector = new Vector(type as "f64");
      const other = Vector.at(vector.pointer, type as "f64");
      const model: unknown[] = [];
      for (const step of steps as unknown as Record<string, never>[]) {
        if ("push" in step) {
          model.push(step.push);
          assert.ok(Object.is(vector.push(step.push), step.push));
        }
        if ("pop" in step) assert.ok(Object.is(other.pop(), model.pop()));
        if ("set" in step) {
          const [index, value] = step.set as [number, never];
          if (index < model.length) {
            vector.set(index, value);
            model[index] = value;
          } else
            throwsHeapError(
              () => vector.set(index, value),
              "ERR_INVALID_ARG",
              /an index below its length of \d+/,
            );
        }
        if ("resize" in step) {
          while (model.length < step.resize) model.push(zero);
          model.length = step.resize;
          other.resize(step.resize);
        }
        assert.is(other.length, model.length);
        assert.ok(other.capacity >= other.length);
      }
      assert.equal([...other], model);
      for (const [i, value] of model.entries()) assert.ok(Object.is(vector.get(i), value));
    });
    fc.assert(property, { seed: testSeed(`vector of ${type}`), numRuns: 25 });
    assert.is(stats().blocks, 0);
    check();
  });
}

test("records", () => {
  using points = new Vector(Point);
  for (let i = 0; i < 1000; i++) points.push({ x: i, name: `n${i}`, ends: [i] });
  points.push().x = 5;
  assert.is(points.length, 1001);
  assert.equal([points.get(1000).x, points.get(1000).name], [5, ""]);
  const { x, name, ends } = points.get(999);
  assert.equal([x, name, ...ends], [999, "n999", 999, 0, 0]);
  points.set(0, { name: "first" });
  assert.equal([points.get(0).x, points.get(0).name], [0, "first"]);
  throwsHeapError(() => points.push({ z: 1 } as never), "ERR_INVALID_ARG");
  assert.is(points.pop()?.x, 5);
  assert.equal([points.length, Point.at(points.data).name], [1000, "first"]);
});

test("is contiguous, and grows in steps that get larger", () => {
  using numbers = new Vector("f32");
  let moves = 0;
  for (let i = 0, data = numbers.data; i < 100_000; i++) {
    numbers.push(i);
    if (numbers.data !== data) moves++;
    ({ data } = numbers);
  }
  assert.ok(moves < 20, `${moves}`);
  assert.is(typed(Float32Array, numbers.data, numbers.length)[99_999], 99_999);
  assert.is(stats().blocks, 2);
});

test("records are copied, also one of its own that moves meanwhile", () => {
  using points = new Vector(Point);
  points.push({ x: 1.5, name: "first", ends: [1, 2, 3] });
  for (let i = 1; i < 5000; i++) points.push(points.get(i - 1)).ends.set(0, i & 0xff);
  for (let i = 1; i < 5000; i++) {
    const { x, name, ends } = points.get(i);
    assert.equal([x, name, ends.toArray()], [1.5, "first", [i & 0xff, 2, 3]]);
  }
  points.set(1, { x: 2 });
  points.set(0, points.get(1));
  assert.equal(points.get(0).toObject(), { x: 2, name: "", ends: [0, 0, 0] });
  assert.equal(points.get(2).toObject(), {
    x: 1.5,
    name: "first",
    ends: [2, 2, 3],
  });
  const whole = points.get(2).toObject();
  throwsHeapError(() => points.set(2, { x: 9, name: "too long for it" }), "ERR_INVALID_ARG");
  assert.equal(points.get(2).toObject(), whole, "as it was");
  const { length } = points;
  throwsHeapError(() => points.push({ x: 9, name: "too long for it" }), "ERR_INVALID_ARG");
  assert.is(points.length, length);
  assert.equal(points.push().toObject(), { x: 0, name: "", ends: [0, 0, 0] });
  const Other = struct({
    x: "f64",
    name: ["char", 8],
    ends: ["u16", 3],
    more: "u8",
  });
  const other = Other.alloc();
  throwsHeapError(() => points.push(other), "ERR_INVALID_ARG", /a record/);
  throwsHeapError(() => points.set(0, other), "ERR_INVALID_ARG", /a record/);
  Other.free(other);
});

test("threads write elements of one, each its own", async () => {
  using numbers = new Vector("u32");
  numbers.resize(3000);
  const workers = [0, 1, 2].map(
    (part) =>
      new Worker(new URL("../hazards/programs/boot.mjs", import.meta.url), {
        workerData: {
          module: new URL("./in-worker.ts", import.meta.url).href,
          run: "fillIn" satisfies keyof typeof import("./in-worker.js"),
          args: [numbers.pointer, part, 3] satisfies Parameters<typeof fillIn>,
        },
      }),
  );
  await Promise.all(workers.map((worker) => once(worker, "exit")));
  assert.equal(
    [...numbers],
    Array.from({ length: 3000 }, (_, i) => i * i),
  );
});

test("one that is cut off while it grows is whole, and loses a block at the most", () => {
  const ROUNDS = 60;
  const before = stats().blocks;
  for (let i = 0; i < ROUNDS; i++) {
    const vector = new Vector("u32");
    let next = 0;
    const work = () => {
      for (;;) {
        vector.push(next);
        next++;
      }
    };
    assert.throws(() => runInNewContext("work()", { work }, { timeout: 1 }), /timed out/);
    const { length } = vector;
    assert.ok(length === next || length === next + 1, `${length} elements, ${next} are known of`);
    while (vector.length <= length * 2) vector.push(vector.length); // grows on
    let sum = 0;
    for (const number of vector) sum += number;
    assert.is(sum, (vector.length * (vector.length - 1)) / 2);
    vector.free();
  }
  assert.ok(stats().blocks - before < ROUNDS, `${stats().blocks} blocks`);
});

test("wrong arguments", () => {
  refusesEach(
    "types",
    "ERR_INVALID_ARG",
    ["int", null, {}, undefined, Float64Array, "string"],
    (type) => new Vector(type),
  );
  using vector = new Vector("u8");
  vector.push(1);
  for (const call of [(index: never) => vector.get(index), (index: never) => vector.set(index, 1)]) {
    for (const index of ["0", null, undefined, 1, -1, 0.5, Number.NaN]) {
      throwsHeapError(() => call(index as never), "ERR_INVALID_ARG", /an index below its length of 1, got/);
    }
  }
  for (const length of ["0", null, -1, 0.5, 2 ** 32]) {
    throwsHeapError(() => vector.resize(length as never), "ERR_INVALID_ARG", /a whole number/);
  }
  assert.is(vector.length, 1);
  throwsHeapError(() => Vector.at(vector.pointer, "i8"), "ERR_INVALID_ARG", /another type/);
  using queue = new Queue(64);
  throwsHeapError(() => Vector.at(queue.pointer, "u8"), "ERR_INVALID_POINTER", /is a Queue/);
  throwsHeapError(() => Vector.at(8 as Pointer, "u8"), "ERR_INVALID_POINTER");
  const gone = new Vector("u8");
  gone.free();
  throwsHeapError(() => gone.free(), "ERR_DOUBLE_FREE");
});

test.run();
