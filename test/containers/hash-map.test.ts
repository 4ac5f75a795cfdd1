/**
 * HashMap: what one thread sees of it, beside JavaScript's Map; then readers beside a writer, some of which are terminated.
 */
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { HashMap, Vector } from "../../src/containers/index.js";
import { check, free, malloc, type Pointer, read, stats, struct, write } from "../../src/index.js";
import { refusesEach } from "../access/refuse.js";
import { findings } from "../support/child.js";
import { Random, testSeed } from "../support/seed.js";
import { anotherThread } from "../support/thread.js";
import { throwsHeapError } from "../support/throws.js";
import { compiled } from "../threads/compiled.js";
import { judgeMap } from "./judge.js";
import type { Findings } from "./programs/map.js";

const Point = struct({ x: "f64", y: "i32" });
const [WRITER, CHANGING] = [12, 16];

/** Keys that collide often, and those that are hard to tell apart. */
const keysOf = {
  string: fc.oneof(
    fc.constantFrom(
      "",
      "a",
      "b",
      "\0",
      "é",
      "\u0100",
      "\ud800",
      "\ufffd",
      "ÿ",
      "x".repeat(40),
      "\u0101".repeat(40),
    ),
    fc.string({ maxLength: 3 }),
  ),
  f64: fc.oneof(
    fc.constantFrom(0, -0, Number.NaN, Infinity, -1, 0.5, 2 ** 31, 2 ** 32, 2 ** 53),
    fc.nat(40),
    fc.double(),
  ),
  u32: fc.oneof(fc.nat(40), fc.integer({ min: 0, max: 2 ** 32 - 1 })),
  i64: fc.oneof(fc.bigInt({ min: -20n, max: 20n }), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  u64: fc.oneof(fc.bigInt({ min: 0n, max: 20n }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
};
const valuesOf = {
  f64: fc.double(),
  string: fc.string({ maxLength: 60, unit: "binary" }),
  bool: fc.boolean(),
  u64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
};

function walk<K extends keyof typeof keysOf, V extends keyof typeof valuesOf>(
  key: K,
  value: V,
  reading: boolean,
): void {
  const name = `${key} to ${value}${reading ? ", as a reader" : ""}`;
  test(`behaves like Map: ${name}`, () => {
    const step = fc.record({
      key: keysOf[key] as fc.Arbitrary<string | number | bigint>,
      value: fc.option(valuesOf[value] as fc.Arbitrary<unknown>, { freq: 2 }),
    });
    const property = fc.property(fc.array(step, { maxLength: 250 }), (steps) => {
      using map = new HashMap(key, value) as unknown as HashMap<"string", "string">;
      const other = HashMap.at(map.pointer, key, value) as unknown as typeof map;
      const model = new Map<unknown, unknown>();
      if (reading) map.read(() => {}); // so that blocks are retired
      for (const { key, value } of steps as { key: string; value: string | null }[]) {
        if (value === null) assert.is(map.delete(key), model.delete(key));
        else {
          map.set(key, value);
          model.set(key, value);
        }
        if (reading) map.release(); // so that get() pins
        assert.equal(other.get(key), model.get(key));
        assert.is(other.has(key), model.has(key));
        assert.is(other.size, model.size);
      }
      const found = new Map<unknown, unknown>();
      map.forEach((value, key) => {
        found.set(key, value);
      });
      assert.is(found.size, model.size);
      for (const [key, value] of model)
        assert.ok(found.has(key) && Object.is(found.get(key), value), String(key));
      if (steps.length % 3 === 0) {
        map.clear();
        assert.is(map.size, 0);
        for (const key of model.keys()) assert.not.ok(map.has(key as string));
      }
    });
    fc.assert(property, { seed: testSeed(name), numRuns: 30 });
    assert.is(stats().blocks, 0);
    check();
  });
}

walk("string", "string", false);
walk("string", "f64", true);
walk("f64", "f64", false);
walk("u32", "string", true);
walk("i64", "u64", false);
walk("u64", "bool", true);

test("grows to many entries, and shrinks to none", () => {
  using map = new HashMap("u32", "u32");
  for (let i = 0; i < 50_000; i++) map.set(i * 65_536, i);
  assert.is(map.size, 50_000);
  for (let i = 0; i < 50_000; i++) assert.is(map.get(i * 65_536), i);
  for (let i = 0; i < 50_000; i++) assert.ok(map.delete(i * 65_536));
  assert.is(map.size, 0);
  const { blocks } = stats();
  for (let i = 0; i < 200_000; i++) {
    map.set(i, i);
    map.delete(i);
  }
  assert.is(stats().blocks, blocks);
});

test("records are had by the writer, and in read()", async () => {
  using map = new HashMap("string", Point);
  map.set("a", { x: 1.5, y: -2 });
  assert.is(map.get("a")!.x, 1.5);
  map.release();
  throwsHeapError(() => map.get("a"), "ERR_INVALID_STATE", /read\(\)/);
  assert.equal(
    map.read(() => [map.get("a")!.y, map.get("b"), map.read(() => map.get("a")!.x)]),
    [-2, undefined, 1.5],
  );
  const seen: unknown[] = [];
  map.forEach(({ x, y }, key) => {
    seen.push([key, x, y]);
  });
  assert.equal(seen, [["a", 1.5, -2]]);
  throwsHeapError(() => map.set("a", { z: 1 } as never), "ERR_INVALID_ARG", /z/);
  assert.is(map.get("a")!.x, 1.5);
});

test("what is read stays until read() ends, and is freed then", () => {
  using map = new HashMap("u32", Point);
  map.set(1, { x: 0 });
  map.read(() => {
    const first = map.get(1)!;
    const { blocks } = stats();
    for (let i = 1; i < 5000; i++) map.set(1, { x: i });
    assert.is(first.x, 0);
    assert.ok(stats().blocks - blocks >= 4990, "nothing was freed");
  });
  const { blocks } = stats();
  for (let i = 0; i < 20_000; i++) map.set(1, { x: i });
  assert.ok(stats().blocks < blocks - 4000, `${stats().blocks} of ${blocks} are left`);
});

test("bytes are copies", () => {
  using map = new HashMap("u32", "bytes");
  map.set(1, new Uint8Array([1, 2, 3])).set(2, new Uint8Array(0));
  const found = map.get(1)!;
  found[0] = 9;
  assert.equal([...map.get(1)!], [1, 2, 3]);
  assert.is(map.get(2)!.length, 0);
});

test("one writer at a time, until it releases the map or ends", async () => {
  using map = new HashMap("u32", "u32");
  const { id, end } = await anotherThread();
  write.i32(map.pointer, id, WRITER);
  for (const change of [() => map.set(1, 1), () => map.delete(1), () => map.clear(), () => map.free()]) {
    throwsHeapError(change, "ERR_INVALID_STATE", new RegExp(`thread ${id} is the writer`));
  }
  assert.is(map.get(1), undefined);
  map.release(); // another's
  throwsHeapError(() => map.set(1, 1), "ERR_INVALID_STATE");
  await end();
  map.set(1, 1);
  assert.is(map.get(1), 1);
});

test("what node:vm cuts off is finished or undone by the next change", () => {
  using map = new HashMap("u32", "bytes");
  map.read(() => {}); // so that blocks are retired
  const random = new Random(testSeed("cut off"));
  const model = new Map<number, number>();
  let [key, version] = [0, 0];
  const work = () => {
    for (;;) {
      key = random.int(0, 60);
      version = random.int(0, 255);
      if (version < 80) {
        version = -1;
        map.delete(key);
        model.delete(key);
      } else {
        map.set(key, new Uint8Array(version).fill(version));
        model.set(key, version);
      }
    }
  };
  let broken = 0;
  for (let i = 0; i < 150; i++) {
    assert.throws(() => runInNewContext("work()", { work }, { timeout: 2 }), /timed out/);
    if (read.u32(map.pointer, CHANGING) !== 0) broken++;
    map.delete(100);
    assert.is(read.u32(map.pointer, CHANGING), 0);
    const there = map.get(key)?.length ?? -1;
    assert.ok(there === version || there === (model.get(key) ?? -1), `${key} has ${there}`);
    if (there === -1) model.delete(key);
    else model.set(key, there);
    assert.is(map.size, model.size);
    for (const [key, version] of model) assert.equal(map.get(key), Buffer.alloc(version, version));
  }
  assert.ok(broken > 0, "some were in the middle of a change");
  map.release();
  const needed = map.size + 3; // the map, its table, this thread as a reader
  assert.ok(
    stats().blocks - needed <= broken,
    `${stats().blocks} blocks, ${needed} needed, ${broken} cut off`,
  );
});

test("wrong arguments", () => {
  refusesEach(
    "keys",
    "ERR_INVALID_ARG",
    ["text", "bool", "f32", null, {}, undefined, ["bytes"], ["u8", 4]],
    (key) => new HashMap(key, "u32"),
  );
  for (const length of [0, 0.5, 2 ** 16 + 1]) {
    throwsHeapError(() => new HashMap(["bytes", length], "u32"), "ERR_INVALID_ARG", /1 to 65536 bytes/);
  }
  refusesEach(
    "values",
    "ERR_INVALID_ARG",
    ["text", null, {}, undefined],
    (value) => new HashMap("u32", value),
  );
  using map = new HashMap("u8", "string");
  for (const call of [
    (key: never) => map.get(key),
    (key: never) => map.has(key),
    (key: never) => map.delete(key),
  ]) {
    refusesEach("u8", "ERR_INVALID_ARG", ["1", null, 1n, Symbol("1"), -1, 256, 0.5, Number.NaN], call);
  }
  refusesEach("string", "ERR_INVALID_ARG", [null, undefined, {}, 1n], (value) => map.set(1, value));
  throwsHeapError(() => map.set(1, 1 as never), "ERR_INVALID_ARG", /takes a string, got 1/);
  using longs = new HashMap("u64", "bytes");
  refusesEach("u64", "ERR_INVALID_ARG", ["1", null], (key) => longs.get(key));
  throwsHeapError(() => longs.get(1 as never), "ERR_INVALID_ARG", /bigints as keys \(u64\), got 1/);
  throwsHeapError(() => longs.get(-1n), "ERR_INVALID_ARG", /-1n/);
  throwsHeapError(() => longs.get(2n ** 64n), "ERR_INVALID_ARG");
  refusesEach("bytes", "ERR_INVALID_ARG", ["text", null, [1], new Uint16Array(1)], (value) =>
    longs.set(1n, value),
  );
  throwsHeapError(() => HashMap.at(map.pointer, "u8", "f64"), "ERR_INVALID_ARG", /another type/);
  throwsHeapError(() => HashMap.at(map.pointer, "u16", "string"), "ERR_INVALID_ARG", /another type/);
  using vector = new Vector("u8");
  throwsHeapError(() => HashMap.at(vector.pointer, "u8", "u8"), "ERR_INVALID_POINTER", /a Vector/);
  const block = malloc(64);
  throwsHeapError(() => HashMap.at(block, "u8", "u8"), "ERR_INVALID_POINTER");
  free(block);
  throwsHeapError(() => HashMap.at(5 as Pointer, "u8", "u8"), "ERR_INVALID_POINTER");
  const gone = new HashMap("u8", "u8");
  gone.free();
  throwsHeapError(() => gone.free(), "ERR_DOUBLE_FREE");
});

test("readers beside a writer, some of which are terminated", async () => {
  judgeMap(await findings<Findings>(compiled("map", "containers/programs"), { args: ["4"] }), 4);
});

test.run();
