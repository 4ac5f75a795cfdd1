/**
 * HashMap by records and by bytes, beside JavaScript's Map by their text.
 */
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { HashMap } from "../../src/containers/index.js";
import { check, fill, free, malloc, stats, struct, union, write } from "../../src/index.js";
import { refusesEach } from "../access/refuse.js";
import { testSeed } from "../support/seed.js";
import { throwsHeapError } from "../support/throws.js";

const Part = struct({ tag: "u8", at: "u16" });
const Key = struct({
  kind: "u8",
  id: "i64",
  bits: "u8:3",
  name: ["char", 5],
  parts: [Part, 2],
  end: "u8",
});

/** Few values for each field, so that keys are met again, and differ in one alone. */
const anyKey = fc.record({
  kind: fc.nat(1),
  id: fc.constantFrom(0n, -1n, 2n ** 40n),
  bits: fc.nat(1),
  name: fc.constantFrom("", "a", "ab"),
  parts: fc.tuple(fc.record({ tag: fc.nat(1), at: fc.constantFrom(0, 300) }), fc.constant({ tag: 1, at: 1 })),
  end: fc.nat(1),
});
type AnyKey = typeof anyKey extends fc.Arbitrary<infer K> ? K : never;
const textOf = (key: unknown) =>
  JSON.stringify(key, (_, part) => (typeof part === "bigint" ? `${part}` : part));

for (const reading of [false, true]) {
  test(`behaves like Map: records${reading ? ", as a reader" : ""}`, () => {
    const step = fc.record({
      key: anyKey,
      asRecord: fc.boolean(),
      value: fc.option(fc.nat(), { freq: 2 }),
    });
    const property = fc.property(fc.array(step, { maxLength: 120 }), fc.nat(255), (steps, dirt) => {
      using map = new HashMap(Key, "u32");
      const other = HashMap.at(map.pointer, Key, "u32");
      const model = new Map<string, number>();
      const record = Key.at(malloc(Key.size));
      const given = (key: AnyKey, asRecord: boolean) => {
        if (!asRecord) return key;
        fill(record.pointer, dirt, Key.size); // padding too
        record.set(key);
        return record;
      };
      for (const { key, asRecord, value } of steps) {
        const text = textOf(key);
        if (value === null) assert.is(map.delete(given(key, asRecord)), model.delete(text));
        else {
          map.set(given(key, asRecord), value);
          model.set(text, value);
        }
        if (reading) map.release(); // so that get() pins
        for (const way of [true, false]) assert.is(other.get(given(key, way)), model.get(text));
        assert.is(other.has(given(key, !asRecord)), model.has(text));
        assert.is(other.size, model.size);
      }
      const found = new Map<string, number>();
      map.forEach((value, key) => {
        found.set(textOf(key.toObject()), value);
      });
      assert.equal([...found].sort(), [...model].sort());
      map.clear();
      assert.is(map.size, 0);
      free(record.pointer);
    });
    fc.assert(property, { seed: testSeed(`records ${reading}`), numRuns: 40 });
    assert.is(stats().blocks, 0);
    check();
  });
}

for (const length of [1, 3, 16, 37]) {
  test(`behaves like Map: ${length} bytes`, () => {
    const key = fc.array(fc.constantFrom(0, 1, 255), {
      minLength: length,
      maxLength: length,
    });
    const step = fc.record({
      key,
      value: fc.option(fc.string({ maxLength: 9 }), { freq: 2 }),
    });
    const property = fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      using map = new HashMap(["bytes", length], "string");
      const model = new Map<string, string>();
      for (const { key, value } of steps) {
        const bytes = new Uint8Array(key);
        if (value === null) assert.is(map.delete(bytes), model.delete(String(key)));
        else {
          map.set(bytes, value);
          model.set(String(key), value);
        }
        bytes.fill(9); // which it has a copy of
        assert.is(map.get(Buffer.from(key)), model.get(String(key)));
        assert.is(map.size, model.size);
      }
      const found = new Map<string, string>();
      map.forEach((value, key) => {
        found.set([...key].join(), value);
        key.fill(7); // a copy
      });
      assert.equal([...found].sort(), [...model].sort());
    });
    fc.assert(property, { seed: testSeed(`bytes ${length}`), numRuns: 40 });
    assert.is(stats().blocks, 0);
    check();
  });
}

test("numbers are told apart by their bytes, and a union by what is in no smaller member", () => {
  using map = new HashMap(struct({ x: "f64" }), "u32");
  map.set({ x: 0 }, 1).set({ x: -0 }, 2).set({ x: Number.NaN }, 3);
  assert.equal([map.get({ x: 0 }), map.get({ x: -0 }), map.get({ x: Number.NaN }), map.size], [1, 2, 3, 3]);
  const Either = union({ small: "u8", large: ["u8", 3] });
  const Padded = struct({ either: Either, word: "u16" }); // one byte of padding, and none within the union
  using unions = new HashMap(Padded, "u32");
  unions.set({ either: { large: [1, 2, 3] } }, 1);
  assert.is(unions.get({ either: { small: 1 } }), undefined);
  const key = Padded.alloc({ either: { large: [1, 2, 3] } });
  write.u8(key.pointer, 9, 3);
  assert.is(unions.get(key), 1);
  free(key.pointer);
});

test("a getter among a key's values may use the map", () => {
  using map = new HashMap(Part, "u32");
  map.set({ tag: 1, at: 2 }, 3).set({ tag: 4, at: 5 }, 6);
  const outer = {
    tag: 4,
    get at() {
      assert.is(map.get({ tag: 1, at: 2 }), 3);
      return 5;
    },
  };
  assert.is(map.get(outer), 6);
  assert.is(map.has({ tag: 1, at: 5 }), false);
});

test("a map of a thread that wrote only keeps no reader", () => {
  const before = stats().blocks;
  using map = new HashMap(Part, "u32");
  for (let at = 0; at < 10; at++) map.set({ at }, at);
  for (let at = 0; at < 10; at++) assert.is(map.get({ at }), at);
  assert.is(stats().blocks - before, 2 + 10); // itself, its table, entries
});

test("wrong keys", () => {
  using map = new HashMap(Part, "u32");
  map.delete({}); // makes this thread the writer
  const Other = struct({ tag: "u8", at: "u16", more: "u8" });
  const other = Other.alloc();
  for (const call of [(key: never) => map.get(key), (key: never) => map.set(key, 1)]) {
    refusesEach("record", "ERR_INVALID_ARG", [null, undefined, "text", 1n], call);
    throwsHeapError(() => call(1 as never), "ERR_INVALID_ARG", /a record, or values for one, as key, got 1/);
    refusesEach("fields", "ERR_INVALID_ARG", [{ size: 1 }, [1, 2], other], call);
  }
  assert.is(map.size, 0);
  map.set({ at: 1 }, 1);
  assert.is(map.get({ at: 1 }), 1);
  free(other.pointer);
  using bytes = new HashMap(["bytes", 4], "u32");
  refusesEach("bytes", "ERR_INVALID_ARG", ["text", null, [1, 2, 3, 4], new Uint16Array(2)], (key) =>
    bytes.get(key),
  );
  throwsHeapError(() => bytes.get(new Uint8Array(3)), "ERR_INVALID_ARG", /keys of 4 bytes, got 3/);
  throwsHeapError(() => HashMap.at(bytes.pointer, ["bytes", 5], "u32"), "ERR_INVALID_ARG", /another type/);
  throwsHeapError(
    () => HashMap.at(bytes.pointer, struct({ x: "u32" }), "u32"),
    "ERR_INVALID_ARG",
    /another type/,
  );
  const huge = struct({ bytes: ["u8", 2 ** 17] });
  throwsHeapError(() => new HashMap(huge, "u32"), "ERR_INVALID_ARG", /keys of 1 to 65536 bytes/);
});

test.run();
