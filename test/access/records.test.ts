/**
 * What records are besides plain fields: pointers to each other, unions, enumerations, packed, with an array at the end; set,
 * copied, freed, sorted and searched.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  free,
  NULL,
  type Pointer,
  type RecordOf,
  read,
  stats,
  struct,
  union,
  write,
} from "../../src/index.js";
import { Random, testSeed } from "../support/seed.js";
import { throwsHeapError } from "../support/throws.js";
import { refuses } from "./refuse.js";

const Node = struct({ key: "u32", left: ["pointer", "self"], right: ["pointer", "self"] });
const Point = struct({ x: "f64", y: "f64", tag: "u8" });

test("pointers to records are records, or null", () => {
  const root = Node.alloc({ key: 5 });
  assert.is(root.left, null);
  root.left = Node.alloc({ key: 3 });
  root.left.right = Node.alloc({ key: 4 });
  assert.is(root.left?.right?.key, 4);
  assert.is(read.pointer(root.pointer, Node.offsets.left), root.left!.pointer);
  assert.instance(root.left, root.constructor as () => void);
  Node.free(root.left!.right!);
  Node.free(root.left!);
  root.left = null;
  assert.is(read.pointer(root.pointer, Node.offsets.left), NULL);
  for (const wrong of [undefined, {}, "8", Point.alloc(), true]) {
    const error = refuses("a wrong record", "ERR_INVALID_ARG", () => (root.left = wrong as never));
    assert.match(error.message, /null/);
    if (typeof wrong === "object" && "pointer" in wrong) free(wrong.pointer as Pointer);
  }
  Node.free(root);
});

test("a pointer to nowhere throws when it is followed, and not before", () => {
  const node = Node.alloc();
  write.pointer(node.pointer, 16 as Pointer, Node.offsets.left);
  const stray = node.left!;
  assert.is(stray.pointer, 16);
  throwsHeapError(() => stray.key, "ERR_INVALID_POINTER");
  Node.free(node);
});

test("pointers to another struct, to one defined later, and arrays of pointers", () => {
  const Item = struct({
    at: ["pointer", Point],
    owner: ["pointer", () => Box],
    all: [["pointer", Point], 2],
  });
  const Box: ReturnType<typeof struct<{ id: "u8" }>> = struct({ id: "u8" });
  const point = Point.alloc({ x: 2 });
  const box = Box.alloc({ id: 7 });
  const item = Item.alloc({ at: point, owner: box as never });
  item.all.set(1, point);
  assert.is(item.at?.x, 2);
  assert.is((item.owner as RecordOf<typeof Box> | null)?.id, 7);
  assert.equal([item.all.get(0), item.all.get(1)?.x], [null, 2]);
  assert.is(item.toObject().at, point.pointer);
  for (const record of [point, box, item]) free(record.pointer);
});

test("structs that point to themselves and say the same are one; others are not", () => {
  const define = () => struct({ next: ["pointer", "self"], value: "u8" });
  assert.is(define(), define());
  assert.is.not(define() as unknown, struct({ next: "pointer", value: "u8" }));
  assert.is.not(define() as unknown, struct({ next: ["pointer", Point], value: "u8" }));
});

test("set() writes what is given, and toObject() gives it back for JSON and a spread", () => {
  const Line = struct({ name: ["char", 8], ends: [Point, 2], middle: Point, few: ["u16", 3], on: "bool" });
  const line = Line.alloc();
  const returned = line.set({ name: "a", ends: [{ x: 1 }, { y: 2, tag: 3 }], few: [7], on: true });
  assert.is(returned, line);
  line.set({ middle: { tag: 9 } });
  const copy = line.toObject();
  const zero = { x: 0, y: 0, tag: 0 };
  assert.equal(copy, {
    name: "a",
    ends: [
      { ...zero, x: 1 },
      { ...zero, y: 2, tag: 3 },
    ],
    middle: { ...zero, tag: 9 },
    few: [7, 0, 0],
    on: true,
  });
  assert.equal(JSON.parse(JSON.stringify(copy)), copy);
  assert.equal(structuredClone(copy), copy);
  const twin = Line.alloc(copy);
  assert.equal(twin.toObject(), copy);
  refuses("an unknown name", "ERR_INVALID_ARG", () => line.set({ nome: "b" } as never));
  assert.equal(line.ends.toArray(), copy.ends);
  assert.equal(line.few.toArray(), copy.few);
  Line.free(line);
  Line.free(twin.pointer);
});

test("fields called as methods are take their place", () => {
  const Odd = struct({ set: "u8", toObject: "u8", free: "u8", at: struct({ toObject: "u8", set: "i8" }) });
  const odd = Odd.alloc({ set: 1, toObject: 2, free: 3, at: { toObject: 4 } });
  assert.equal([odd.set, odd.toObject, odd.free, odd.at.toObject, odd.at.set], [1, 2, 3, 4, 0]);
  const Around = struct({ odd: Odd });
  assert.equal(Around.at(odd.pointer).toObject().odd.at, { toObject: 4, set: 0 });
  Odd.free(odd);
});

test("a freed record points nowhere, and freeing it twice is an error", () => {
  const before = stats().blocks;
  const point = Point.alloc({ x: 1 });
  const { pointer } = point;
  Point.free(point);
  assert.is(point.pointer, NULL);
  assert.is(stats().blocks, before);
  throwsHeapError(() => point.x, "ERR_INVALID_POINTER");
  throwsHeapError(() => Point.free(pointer), "ERR_DOUBLE_FREE");
  for (const wrong of ["8", undefined]) {
    throwsHeapError(() => Point.free(wrong as never), "ERR_INVALID_POINTER");
  }
});

test("an enumeration's values have names, and others are numbers", () => {
  const Light = struct({
    color: ["u8", { red: 0, green: 1, blue: 200 }],
    level: ["i16", { low: -1, high: 1 }],
  });
  const light = Light.alloc({ color: "green", level: "low" });
  assert.equal([light.color, light.level], ["green", "low"]);
  assert.is(read.i16(light.pointer, Light.offsets.level), -1);
  light.color = 7;
  assert.is(light.color, 7);
  const error = refuses("no such name", "ERR_INVALID_ARG", () => (light.color = "yellow" as never));
  assert.match(error.message, /red, green, blue.*yellow/);
  refuses("a name of every object", "ERR_INVALID_ARG", () => (light.color = "toString" as never));
  refuses("half a value", "ERR_INVALID_ARG", () => (light.color = 0.5));
  Light.free(light);
});

test("bits follow each other, are read as they were written, and leave their neighbours as they were", () => {
  const random = new Random(testSeed("bits"));
  for (let round = 0; round < 200; round++) {
    const widths = Array.from({ length: random.int(1, 8) }, () => {
      const unit = ["u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "bool"][random.int(0, 8)]!;
      return [unit, unit === "bool" ? 1 : random.int(1, Number(unit.slice(1)))] as const;
    });
    const definition = Object.fromEntries(widths.map(([unit, bits], i) => [`f${i}`, `${unit}:${bits}`]));
    const Bits = struct(definition as { f0: "u8:1" });
    const record = Bits.alloc() as unknown as Record<string, unknown>;
    const expected: Record<string, unknown> = {};
    for (let step = 0; step < 40; step++) {
      const i = random.int(0, widths.length - 1);
      const [unit, bits] = widths[i]!;
      const value = (BigInt(random.next()) << 32n) | BigInt(random.next());
      const kept = unit.startsWith("i") ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
      const isWide = unit.endsWith("64");
      record[`f${i}`] = unit === "bool" ? kept !== 0n : isWide ? value : Number(BigInt.asIntN(32, value));
      expected[`f${i}`] = unit === "bool" ? kept !== 0n : isWide ? kept : Number(kept);
      for (const [name, wanted] of Object.entries(expected)) {
        assert.is(record[name], wanted, `${name} of ${JSON.stringify(definition)}`);
      }
    }
    free(record.pointer as Pointer);
  }
});

test("packed and aligned structs, fields that are not aligned among them", () => {
  const Packed = struct({ tag: "u8", value: "f64", next: "pointer", few: ["u32", 2] }, { packed: true });
  assert.equal([Packed.size, Packed.alignment], [25, 1]);
  assert.equal(Packed.offsets, { tag: 0, value: 1, next: 9, few: 17 });
  const some = Packed.array(3);
  const record = some.at(1);
  record.set({ tag: 255, value: 0.1, next: record.pointer, few: [1, 2 ** 32 - 1] });
  assert.equal(record.toObject(), { tag: 255, value: 0.1, next: record.pointer, few: [1, 2 ** 32 - 1] });
  assert.is(some.at(0).few.get(1), 0);
  assert.is(some.at(2).tag, 0);
  free(some.pointer);
  const Two = struct({ tag: "u8", value: "f64" }, { packed: 2 });
  assert.equal([Two.size, Two.alignment, Two.offsets.value], [10, 2, 2]);
  const Line = struct({ tag: "u8" }, { align: 64 });
  assert.equal([Line.size, Line.alignment], [64, 64]);
  for (const options of [{ packed: 3 }, { align: 3 }, { align: 8192 }, { pack: 1 }]) {
    refuses(JSON.stringify(options), "ERR_INVALID_ARG", () => struct({ tag: "u8" }, options as never));
  }
});

test("a union's fields lie at one place", () => {
  const Value = union({ whole: "u32", real: "f32", bytes: ["u8", 5] });
  assert.equal([Value.size, Value.alignment, Value.offsets], [8, 4, { whole: 0, real: 0, bytes: 0 }]);
  const Tagged = struct({ kind: "u8", value: Value });
  const tagged = Tagged.alloc({ value: { real: 1 } });
  assert.is(tagged.value.whole, 0x3f80_0000);
  assert.is(tagged.value.bytes.get(3), 0x3f);
  Tagged.free(tagged);
  assert.is.not(Value as unknown, struct({ whole: "u32", real: "f32", bytes: ["u8", 5] }));
});

test("an array at the end is as long as its field says", () => {
  const before = stats().blocks;
  const Message = struct({ id: "u8", count: "u16", rows: [Point, "count"] });
  assert.equal([Message.size, Message.offsets.rows], [8, 8]);
  const message = Message.alloc({ rows: [{ x: 1 }, { x: 2 }, { tag: 3 }], count: 3 });
  assert.is(message.rows.length, 3);
  assert.equal(
    [...message.rows].map((row) => row.x),
    [1, 2, 0],
  );
  assert.is(message.rows.pointer, message.pointer + 8);
  message.count = 2;
  assert.is(message.toObject().rows.length, 2);
  refuses("an index", "ERR_INVALID_ARG", () => message.rows.at(2));
  refuses("more than there are", "ERR_INVALID_ARG", () => Message.alloc({ count: 1, rows: [{}, {}] }));
  refuses("a count that is none", "ERR_INVALID_ARG", () => Message.alloc({ count: -1 }));
  refuses("an array of messages", "ERR_INVALID_ARG", () => Message.array(2));
  Message.free(message);
  const Texts = struct({ count: "u64", bytes: ["u8", "count"] });
  const texts = Texts.alloc({ count: 100n, bytes: new Uint8Array(100).fill(7) });
  assert.is(
    [...texts.bytes].reduce((sum, byte) => sum + byte),
    700,
  );
  Texts.free(texts);
  assert.is(stats().blocks, before);
});

test("definitions that are none", () => {
  const Tail = struct({ count: "u8", tail: ["u8", "count"] });
  const wrong: Array<[string, unknown]> = [
    ["no such counter", { count: "u8", tail: ["u8", "cuont"] }],
    ["a counter behind", { tail: ["u8", "count"], count: "u8" }],
    ["a counter that is no integer", { count: "f64", tail: ["u8", "count"] }],
    ["an array of tails", { tails: [Tail, 2] }],
    ["a tail in the middle", { tail: Tail, more: "u8", rest: ["u8", "more"], end: "u8" }],
    ["no bits", { x: "u8:0" }],
    ["too many bits", { x: "u8:9" }],
    ["bits of a double", { x: "f64:3" }],
    ["an array of bits", { x: ["u8:3", 2] }],
    ["an enumeration without names", { x: ["u8", {}] }],
    ["an enumeration of texts", { x: ["u8", { a: "b" }] }],
    ["an enumeration of doubles", { x: ["f64", { a: 1 }] }],
    ["a pointer to a scalar", { x: ["pointer", "u8"] }],
    ["a pointer to a definition", { x: ["pointer", { y: "u8" }] }],
  ];
  for (const [what, definition] of wrong) {
    refuses(what, "ERR_INVALID_ARG", () => struct(definition as { x: "f64" }));
  }
  refuses("bits in a packed struct", "ERR_INVALID_ARG", () => struct({ x: "u8:3" }, { packed: true }));
  refuses("a union that is none", "ERR_INVALID_ARG", () => union(null as never));
  const Later = struct({ to: ["pointer", (() => ({})) as () => typeof Node] });
  const later = Later.alloc();
  write.pointer(later.pointer, later.pointer);
  refuses("a function that gives no struct", "ERR_INVALID_ARG", () => later.to);
  Later.free(later);
});

test("sort() orders records as Array's sort() does, and search() finds the first", () => {
  const random = new Random(testSeed("sort"));
  const Row = struct({ key: "i32", place: "u32", pad: ["u8", 5] });
  for (const length of [0, 1, 2, 3, 10, 1000]) {
    const rows = Row.array(length);
    const model = Array.from(rows, (row, place) => {
      row.set({ key: random.int(0, length), place, pad: [place & 255] });
      return row.toObject();
    });
    assert.is(
      rows.sort((a, b) => a.key - b.key),
      rows,
    );
    model.sort((a, b) => a.key - b.key);
    assert.equal(rows.toArray(), model);
    for (let key = -1; key <= length + 1; key++) {
      const first = model.findIndex((row) => row.key === key);
      const place = model.filter((row) => row.key < key).length;
      assert.is(
        rows.search((row) => row.key - key),
        first < 0 ? ~place : first,
      );
    }
    let calls = 0;
    const failing = () => {
      if (++calls > 3) throw new Error("stop");
      return -1;
    };
    if (length > 5) assert.throws(() => rows.sort(failing), /stop/);
    assert.equal(rows.toArray(), model, "as it was");
    free(rows.pointer);
  }
  const rows = Row.array(3);
  refuses("no function", "ERR_INVALID_ARG", () => rows.sort("key" as never));
  refuses("no function", "ERR_INVALID_ARG", () => rows.search(undefined as never));
  free(rows.pointer);
});

test.run();
