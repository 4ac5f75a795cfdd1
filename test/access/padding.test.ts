/**
 * assign() writes all of a record, and clearPadding() what belongs to no field: beside koffi's layouts for random definitions.
 */
import fc from "fast-check";
import type { TypeObject } from "koffi";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  calloc,
  check,
  compare,
  fill,
  free,
  malloc,
  type Pointer,
  stats,
  struct,
  union,
  view,
} from "../../src/index.js";
import { testSeed } from "../support/seed.js";
import { throwsHeapError } from "../support/throws.js";
import { anyStruct, toKoffi, toStruct } from "./definitions.js";
import { refuses } from "./refuse.js";

/** Marks the bytes of all members, as koffi lays them out. */
function mark(type: TypeObject, bytes: Uint8Array, at: number): void {
  if (type.primitive === "Record") {
    for (const { type: member, offset } of Object.values(type.members!)) mark(member, bytes, at + offset);
  } else if (type.primitive === "Array") {
    for (let i = 0; i < type.length!; i++) mark(type.ref!, bytes, at + i * type.ref!.size);
  } else bytes.fill(0xff, at, at + type.size);
}

test("what belongs to no member for koffi is cleared, and nothing else", () => {
  let padded = 0;
  const property = fc.property(anyStruct, (shape) => {
    const Random = toStruct(shape);
    const wanted = new Uint8Array(Random.size);
    mark(toKoffi(shape), wanted, 0);
    if (wanted.includes(0)) padded++;
    const pointer = malloc(Random.size);
    fill(pointer, 0xff, Random.size);
    Random.clearPadding(pointer);
    assert.equal([...view(pointer, Random.size)], [...wanted]);
    free(pointer);
  });
  fc.assert(property, { seed: testSeed("padding"), numRuns: 150 });
  assert.ok(padded > 30, `${padded} of 150 have padding`);
  assert.is(stats().blocks, 0);
});

function bitsOf(type: { size: number; clearPadding(pointer: Pointer): void }): number[] {
  const pointer = malloc(type.size);
  fill(pointer, 0xff, type.size);
  type.clearPadding(pointer);
  const bits = [...view(pointer, type.size)];
  free(pointer);
  return bits;
}

test("bit-fields, unions, packed structs and an array at the end", () => {
  assert.equal(bitsOf(struct({ a: "u16:3", b: "u16:7", c: "u8" })), [0xff, 3, 0xff, 0]);
  assert.equal(bitsOf(struct({ a: "u64:33", b: "bool:1" })), [0xff, 0xff, 0xff, 0xff, 3, 0, 0, 0]);
  const Part = struct({ a: "u8", b: "u16" });
  assert.equal(bitsOf(union({ part: Part, second: ["u8", 2] })), [0xff, 0xff, 0xff, 0xff]);
  assert.equal(bitsOf(union({ a: "u8", b: "u32:4" })), [0xff, 0, 0, 0]);
  assert.equal(bitsOf(struct({ a: "u8", b: "u16" }, { packed: true })), [0xff, 0xff, 0xff]);
  assert.equal(bitsOf(struct({ n: "u8", items: ["u32", "n"] })), [0xff, 0, 0, 0]);
});

test("a struct may be larger than any typed array", () => {
  const Huge = struct({ bytes: ["u8", 2 ** 46], last: "f64" });
  assert.is(Huge.offsets.last, 2 ** 46);
  const pointer = malloc(16);
  assert.throws(() => Huge.clearPadding(pointer), /not inside the heap/);
  free(pointer);
});

test("assign() copies a record, or writes values and zero where nothing is said", () => {
  const Part = struct({ a: "u8", b: "u16" });
  const Whole = struct({
    id: "u32",
    part: Part,
    name: ["char", 8],
    list: ["i16", 3],
  });
  const values = { id: 7, part: { b: 9 }, name: "seven", list: [1, -2] };
  const made = Whole.alloc(values);
  const other = calloc(3, Whole.size);
  const middle = (other + Whole.size) as Pointer;
  fill(other, 0xff, 3 * Whole.size);
  Whole.assign(middle, values);
  assert.is(compare(middle, made.pointer, Whole.size), 0);
  assert.equal(Whole.at(middle).toObject(), {
    id: 7,
    part: { a: 0, b: 9 },
    name: "seven",
    list: [1, -2, 0],
  });
  Whole.assign(middle);
  assert.ok(view(middle, Whole.size).every((byte) => byte === 0));
  Whole.assign(middle, made);
  assert.is(compare(middle, made.pointer, Whole.size), 0);
  const around = [view(other, Whole.size), view((middle + Whole.size) as Pointer, Whole.size)];
  assert.ok(around.every((bytes) => bytes.every((byte) => byte === 0xff)));
  throwsHeapError(() => Whole.assign(middle, { size: 1 } as never), "ERR_INVALID_ARG", /size/);
  throwsHeapError(() => Whole.assign(middle, Part.at(other) as never), "ERR_INVALID_ARG", /a record/);
  throwsHeapError(() => Whole.assign(middle, null as never), "ERR_INVALID_ARG", /null/);
  free(made.pointer);
  free(other);
  refuses("assign", "ERR_INVALID_POINTER", () => Whole.assign(8 as Pointer, values));
  refuses("clearPadding", "ERR_INVALID_POINTER", () => Whole.clearPadding(8 as Pointer));
  check();
});

test("assign() has no room for an array at the end", () => {
  const List = struct({ n: "u8", items: ["u32", "n"] });
  const pointer = calloc(1, List.size + 8);
  throwsHeapError(
    () => List.assign(pointer, { n: 2, items: [1, 2] }),
    "ERR_INVALID_ARG",
    /items, at the end/,
  );
  List.assign(pointer, { n: 2 });
  assert.equal(List.at(pointer).toObject(), { n: 2, items: [0, 0] });
  free(pointer);
});

test.run();
