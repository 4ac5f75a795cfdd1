/**
 * Structs: records read and write memory in place, wherever it lies, and whatever is wrong is refused.
 */
import { inspect } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { heap } from "../../src/api/malloc.js";
import {
  check,
  compare,
  copy,
  cstring,
  free,
  malloc,
  NULL,
  type Pointer,
  read,
  readCString,
  type ScalarName,
  stats,
  struct,
  usableSize,
  view,
  write,
} from "../../src/index.js";
import { notNumbers, notWhole, nowhere, refuses, refusesEach } from "./refuse.js";

const { base, span } = heap.window;
const Point = struct({ x: "f64", y: "f64", tag: "u8" });

test("a layout as C makes it", () => {
  assert.equal([Point.size, Point.alignment, Point.offsets], [24, 8, { x: 0, y: 8, tag: 16 }]);
  const Mixed = struct({ a: "u8", b: "u16", c: "u8", d: "u32", e: "bool", f: "pointer", g: ["char", 3] });
  assert.equal(Mixed.offsets, { a: 0, b: 2, c: 4, d: 8, e: 12, f: 16, g: 24 });
  assert.is(Mixed.size, 32);
  const Nested = struct({ before: "u8", points: [Point, 2], after: "u8" });
  assert.equal([Nested.offsets, Nested.size], [{ before: 0, points: 8, after: 56 }, 64]);
});

test("every scalar, at its limits, with its neighbours untouched", () => {
  const limits: Record<ScalarName, readonly unknown[]> = {
    u8: [0, 255],
    i8: [-128, 127],
    u16: [0, 65_535],
    i16: [-32_768, 32_767],
    u32: [0, 2 ** 32 - 1],
    i32: [-(2 ** 31), 2 ** 31 - 1],
    u64: [0n, 2n ** 64n - 1n],
    i64: [-(2n ** 63n), 2n ** 63n - 1n],
    f32: [-0, 2 ** -149, Number.POSITIVE_INFINITY, Math.fround(0.1)],
    f64: [-0, 5e-324, Number.MAX_VALUE, Number.NaN],
    bool: [true, false],
    pointer: [NULL, 2 ** 47 - 1],
    function: [NULL, 2 ** 47 - 1],
  };
  for (const [name, values] of Object.entries(limits) as Array<[ScalarName, readonly unknown[]]>) {
    const Three = struct({ before: "u8", value: name, after: "u8" } as const);
    const record = Three.alloc() as {
      pointer: Pointer;
      before: number;
      value: unknown;
      after: number;
    };
    record.before = 0xa5;
    record.after = 0x5a;
    for (const value of values) {
      record.value = value;
      assert.ok(Object.is(record.value, value), `${name}: ${String(value)} became ${String(record.value)}`);
    }
    assert.equal([record.before, record.after], [0xa5, 0x5a], name);
    free(record.pointer);
  }
});

test("a record is the memory: read and write see the same, and so do other records of it", () => {
  const point = Point.alloc();
  assert.equal([point.x, point.y, point.tag], [0, 0, 0], "alloc gives zeroes");
  point.x = 1.5;
  write.f64(point.pointer, -2, 8);
  assert.is(read.f64(point.pointer), 1.5);
  assert.is(Point.at(point.pointer).y, -2);
  free(point.pointer);
});

test("alloc and array give zeroes where other things lay before", () => {
  const old = malloc(24 * 10);
  view(old).fill(0xff);
  free(old);
  const points = Point.array(10);
  assert.is(points.pointer, old, "the same block");
  assert.ok([...points].every((point) => point.x === 0 && point.y === 0 && point.tag === 0));
  free(points.pointer);
});

test("records in a large block, and at an address that is not aligned", () => {
  const many = Point.array(100_000);
  assert.is(many.byteLength, 2_400_000);
  many.at(99_999).y = 7;
  assert.is(read.f64(many.pointer, 99_999 * 24 + 8), 7);
  const odd = Point.at((many.pointer + 5) as Pointer);
  odd.x = 0.1;
  assert.is(odd.x, 0.1);
  assert.is(read.f64(many.pointer, 5), 0.1);
  free(many.pointer);
});

test("structs and arrays inside a struct", () => {
  const Inner = struct({ id: "i16", values: ["f32", 3] });
  const Outer = struct({
    tag: "u8",
    one: Inner,
    many: [Inner, 4],
    grid: [["u8", 3], 2],
    names: [["char", 6], 2],
  });
  const outer = Outer.alloc();
  outer.one.id = -1;
  outer.many.at(3).values.set(2, 0.5);
  outer.grid.at(1).set(2, 9);
  outer.names.set(1, "five5");
  assert.is(outer.one.pointer, outer.pointer + Outer.offsets.one);
  assert.is(read.f32(outer.pointer, Outer.offsets.many + 3 * Inner.size + 12), 0.5);
  assert.is(read.u8(outer.pointer, Outer.offsets.grid + 5), 9);
  assert.equal([...outer.names], ["", "five5"]);
  assert.equal(
    [...outer.grid].map((row) => [...row]),
    [
      [0, 0, 0],
      [0, 0, 9],
    ],
  );
  assert.equal([outer.many.length, outer.many.byteLength, outer.grid.length], [4, 64, 2]);
  copy(outer.one.pointer, outer.many.at(3).pointer, Inner.size);
  assert.is(outer.one.values.get(2), 0.5);
  assert.throws(() => {
    (outer as { one: unknown }).one = outer.many.at(0);
  }, TypeError);
  free(outer.pointer);
});

test("texts inside a struct are padded with NUL, and refused when they do not fit", () => {
  const Named = struct({ before: "u8", name: ["char", 8], after: "u8" });
  const named = Named.alloc();
  view(named.pointer, Named.size).fill(0xee);
  named.name = "abc";
  assert.equal([...view(named.pointer, Named.size)], [0xee, 97, 98, 99, 0, 0, 0, 0, 0, 0xee]);
  named.name = "né😀"; // 1 + 2 + 4 bytes
  assert.is(named.name, "né😀");
  for (const [text, why] of [
    ["12345678", "char[8]"],
    ["éééé", "char[8]"],
    ["a\0b", "NUL"],
  ] as const) {
    const refusal = refuses(JSON.stringify(text), "ERR_INVALID_ARG", () => (named.name = text));
    assert.match(refusal.message, why);
    assert.is(named.name, "né😀", "as it was");
  }
  refuses("a number", "ERR_INVALID_ARG", () => ((named as { name: unknown }).name = 5));
  view(named.pointer, Named.size).fill(0x61);
  assert.is(named.name, "aaaaaaaa", "a text that C filled to the end");
  assert.is(named.after, 0x61);
  free(named.pointer);
});

test("a linked list, walked by one record that moves", () => {
  const Node = struct({ next: "pointer", text: "pointer", value: "i32" });
  let head = NULL;
  for (let i = 0; i < 100; i++) {
    const node = Node.alloc();
    node.next = head;
    node.value = i;
    node.text = cstring(`node ${i}`);
    head = node.pointer;
  }
  const node = Node.at(head);
  let expected = 99;
  while (node.pointer !== NULL) {
    assert.is(node.value, expected);
    assert.is(readCString(node.text), `node ${expected--}`);
    const { next, text } = node;
    free(text);
    free(node.pointer);
    node.pointer = next;
  }
  assert.is(expected, -1);
  refuses("a field of nothing", "ERR_INVALID_POINTER", () => node.value);
});

test("an array is walked by for … of, by index, and by a cursor", () => {
  const points = Point.array(1000);
  for (let i = 0; i < points.length; i++) points.at(i).x = i;
  const distinct = [...points];
  assert.is(distinct.length, 1000);
  assert.is(distinct[3]!.x, 3, "each is a record of its own");
  let next = 0;
  for (const point of points) assert.is(point.x, next++);
  assert.is(next, 1000);
  const cursor = points.at(0);
  for (let i = 999; i >= 0; i--) {
    cursor.pointer = points.pointerAt(i);
    assert.is(cursor.x, i);
  }
  const same = Point.array(500, points.pointerAt(500));
  assert.equal([same.length, same.at(0).x, same.pointer], [500, 500, points.pointerAt(500)]);
  assert.is(compare(same.pointer, points.pointerAt(500), same.byteLength), 0);
  free(points.pointer);
});

test("an array of nothing is a block, and has no record", () => {
  const none = Point.array(0);
  assert.equal([...none], []);
  refuses("its first", "ERR_INVALID_ARG", () => none.at(0));
  assert.ok(usableSize(none.pointer) > 0);
  free(none.pointer);
});

test("indices outside an array", () => {
  const Row = struct({ values: ["f64", 4] });
  const rows = Row.array(4);
  const { values } = rows.at(3);
  const wrong = [...notNumbers, ...notWhole, 4, 2 ** 32];
  const calls: Record<string, (index: number) => unknown> = {
    at: (index) => rows.at(index),
    pointerAt: (index) => rows.pointerAt(index),
    get: (index) => values.get(index),
    set: (index) => values.set(index, 1),
  };
  for (const [what, call] of Object.entries(calls)) refusesEach(what, "ERR_INVALID_ARG", wrong, call);
  free(rows.pointer);
});

test("what lies inside a record cannot be assigned, and the error says what can", () => {
  const Inside = struct({ inner: Point, list: ["i32", 3] });
  const record = Inside.alloc() as unknown as {
    inner: unknown;
    list: unknown;
    pointer: Pointer;
  };
  for (const name of ["inner", "list"] as const) {
    const error = refuses(name, "ERR_INVALID_ARG", () => (record[name] = [1, 2, 3]));
    assert.match(error.message, new RegExp(`^${name} is a struct or an array .*copy\\(\\)`));
  }
  free(record.pointer);
});

test("records and arrays that would not lie inside the heap", () => {
  const points = Point.array(2);
  const wrong = [...notNumbers, ...nowhere, base, base + span - Point.size + 1];
  refusesEach("at", "ERR_INVALID_POINTER", wrong, (pointer) => Point.at(pointer));
  const places = wrong.filter((pointer) => pointer !== undefined);
  refusesEach("array(2, …)", "ERR_INVALID_POINTER", places, (pointer) => Point.array(2, pointer));
  refuses("array over the end", "ERR_INVALID_POINTER", () => Point.array(2 ** 48, points.pointer));
  refusesEach("array(length)", "ERR_INVALID_ARG", [...notNumbers, ...notWhole], (n) => Point.array(n));
  refuses("an array that no memory holds", "ERR_OUT_OF_MEMORY", () => Point.array(2 ** 45));
  const stray = points.at(0);
  for (const pointer of [...nowhere, base, base + span, ...notNumbers]) {
    const move = () => {
      stray.pointer = pointer as Pointer;
    };
    refuses(`a field at ${String(pointer)}`, "ERR_INVALID_POINTER", () => {
      move();
      return stray.x;
    });
    refuses(`a field set at ${String(pointer)}`, "ERR_INVALID_POINTER", () => {
      move();
      stray.x = 1;
    });
  }
  free(points.pointer);
});

test("definitions that are none", () => {
  const wrong: Array<[string, unknown]> = [
    ["nothing", {}],
    ["null", null],
    ["a name", "f64"],
    ["undefined", undefined],
    ["an unknown scalar", { x: "f46" }],
    ["a name of Object's", { x: "toString" }],
    ["a char outside an array", { x: "char" }],
    ["a plain object", { x: { y: "f64" } }],
    ["what looks like a struct", { x: { ...Point } }],
    ["a length of 0", { x: ["f64", 0] }],
    ["a length of 1.5", { x: ["f64", 1.5] }],
    ["no length", { x: ["f64"] }],
    ["a length as text", { x: ["f64", "3"] }],
    ["too long an array", { x: ["f64", 2 ** 52] }],
    ["an array of nothing", { x: [undefined, 3] }],
    ["an index as name", { 0: "f64" }],
    ["a name with a space", { "a b": "f64" }],
    ["the name pointer", { pointer: "pointer" }],
    ["the name __proto__", { ["__proto__"]: "u8" }],
  ];
  for (const [what, definition] of wrong) {
    refuses(what, "ERR_INVALID_ARG", () => struct(definition as { x: "f64" }));
  }
});

test("any C name is a field's, also one that objects have already", () => {
  const Odd = struct({
    constructor: "u8",
    toString: "u16",
    hasOwnProperty: "u8",
    $x: "u8",
    _: "u8",
    next: "u8",
  });
  const odd = Odd.alloc();
  odd.constructor = 1;
  odd.toString = 2;
  odd.hasOwnProperty = 3;
  odd.next = 4;
  assert.equal([...view(odd.pointer, Odd.size)].slice(0, 8), [1, 0, 2, 0, 3, 0, 0, 4]);
  free(odd.pointer);
});

test("a struct cannot be changed, and console.log shows a record with its fields", () => {
  assert.ok(Object.isFrozen(Point) && Object.isFrozen(Point.offsets));
  const Shown = struct({ name: ["char", 8], at: Point, few: ["u8", 2] });
  const shown = Shown.alloc();
  shown.name = "n";
  shown.few.set(0, 4);
  const text = inspect(shown, { depth: 3 });
  for (const part of ["pointer:", "name: 'n'", "x: 0", "few: [ 4, 0 ]"]) assert.ok(text.includes(part), text);
  free(shown.pointer);
});

test("nothing is left", () => {
  check();
  assert.is(stats().blocks, 0);
});

test.run();
