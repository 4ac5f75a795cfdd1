/**
 * Records and arrays refuse properties that they do not have, by name and index, and are else the objects that they were.
 */
import { deepStrictEqual } from "node:assert";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { free, type Pointer, struct } from "../../src/index.js";
import { refuses } from "./refuse.js";

const Inner = struct({ age: "u8", length: "u32" });
const Outer = struct({ inner: Inner, few: ["f64", 2], rows: [["u8", 2], 2], name: ["char", 8] });

/** As a program in JavaScript sees an object. */
type Loose = { [name: PropertyKey]: unknown };
const loose = (object: unknown) => object as Loose;

test("a property that is no field is refused, and the fields are named", () => {
  const outer = Outer.alloc();
  const records = Outer.array(2, outer.pointer);
  const typo = refuses("a typo", "ERR_INVALID_ARG", () => (loose(outer.inner).agee = 3));
  assert.instance(typo, TypeError);
  assert.match(typo.message, /"agee".*fields are age, length\b/);
  const wrong: Array<[string, unknown, PropertyKey, RegExp]> = [
    ["a record", outer, "Name", /inner, few, rows, name/],
    ["a symbol", outer, Symbol("mine"), /Symbol\(mine\)/],
    ["a prototype", outer, "__proto__", /__proto__/],
    ["an element", outer.few, 0, /set\(i, value\)/],
    ["a length of an array of values", outer.few, "size", /set\(i, value\)/],
    ["a row", outer.rows, 1, /at\(i\)/],
    ["a record of an array", records, 1, /at\(i\)/],
  ];
  for (const [what, object, name, message] of wrong) {
    const error = refuses(what, "ERR_INVALID_ARG", () => (loose(object)[name] = 1));
    assert.instance(error, TypeError);
    assert.match(error.message, message);
    if (name !== "__proto__") assert.is(loose(object)[name], undefined, what);
  }
  refuses("Object.assign", "ERR_INVALID_ARG", () => Object.assign(outer, { name: "x", nam: "y" }));
  assert.is(outer.name, "x", "the field before it was set");
  free(outer.pointer);
});

test("an array cannot be moved", () => {
  const outer = Outer.alloc();
  for (const array of [outer.few, outer.rows, Outer.array(1, outer.pointer)]) {
    const { pointer } = array;
    assert.throws(() => (loose(array).pointer = 8), TypeError);
    assert.is(array.pointer, pointer);
  }
  free(outer.pointer);
});

test("what they have can be set, and the rest of them is an object's", () => {
  const outer = Outer.alloc();
  outer.inner.length = 7;
  outer.few.set(1, 0.5);
  const { inner } = outer;
  assert.equal(Object.keys(inner), []);
  assert.equal(Object.keys(outer.few), ["length"]);
  assert.ok(inner instanceof Object);
  assert.is(String(inner), "[object Object]");
  assert.is(JSON.stringify(outer.inner), '{"age":0,"length":7}');
  assert.is(JSON.stringify({ few: outer.few, rows: outer.rows }), '{"few":[0,0.5],"rows":[[0,0],[0,0]]}');
  assert.is("agee" in inner, false);
  assert.is("age" in inner, true);
  inner.pointer = (inner.pointer + 4) as Pointer;
  assert.is(inner.age, 7, "a record was moved to where the length lies");
  assert.equal(structuredClone(inner), {}, "an address is sent as record.pointer");
  const same = outer.inner;
  assert.not.throws(() => deepStrictEqual(same, outer.inner));
  assert.throws(() => deepStrictEqual(same, inner), /deep/);
  free(outer.pointer);
});

test.run();
