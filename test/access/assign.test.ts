/**
 * Values for several fields at once: the code that is made for object literals, beside the way for all other objects.
 */
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { calloc, check, compare, free, stats, struct, union } from "../../src/index.js";
import { testSeed } from "../support/seed.js";
import { throwsHeapError } from "../support/throws.js";

const Part = struct({ a: "u8", b: "i16" });
const All = struct({
  u8: "u8",
  i8: "i8",
  u16: "u16",
  i16: "i16",
  u32: "u32",
  i32: "i32",
  u64: "u64",
  i64: "i64",
  f32: "f32",
  f64: "f64",
  bool: "bool",
  address: "pointer",
  text: ["char", 8],
  color: ["u8", { red: 0, green: 1 }],
  low: "u16:3",
  high: "u16:9",
  next: ["pointer", "self"],
  part: Part,
  list: ["i32", 3],
  parts: [Part, 2],
});

const number = fc.oneof(fc.integer({ min: -(2 ** 33), max: 2 ** 33 }), fc.double());
const long = fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n });
const part = fc.record({ a: number, b: number }, { requiredKeys: [] });
const arbitraryOf: Record<keyof typeof All.offsets, fc.Arbitrary<unknown>> = {
  ...{ u8: number, i8: number, u16: number, i16: number, u32: number, i32: number, f32: number, f64: number },
  ...{ u64: long, i64: long, bool: fc.boolean(), address: fc.oneof(fc.nat(), fc.maxSafeNat()) },
  ...{ text: fc.string({ maxLength: 7 }), color: fc.constantFrom("red", "green", 7) },
  ...{ low: fc.nat(20), high: fc.nat(), next: fc.constantFrom(null, 0, 4096), part },
  ...{ list: fc.array(number, { maxLength: 3 }), parts: fc.array(part, { maxLength: 2 }) },
};

test("writes what the way for other objects writes", () => {
  const values = fc.record(
    Object.fromEntries(
      Object.entries(arbitraryOf).map(([name, value]) => [name, fc.option(value, { nil: undefined })]),
    ),
    { requiredKeys: [] },
  );
  const property = fc.property(values, (given) => {
    const plain = calloc(1, All.size + 1);
    for (const shift of [0, 1]) {
      const [one, other] = [All.at((plain + shift) as typeof plain), All.alloc()]; // at an odd address, too
      one.set({ ...given } as never);
      other.set(Object.assign(Object.create(null), given));
      assert.is(compare(one.pointer, other.pointer, All.size), 0, JSON.stringify(one.toObject().text));
      assert.is(one.address, given.address ?? 0);
      All.assign(one.pointer);
      All.free(other);
    }
    free(plain);
  });
  fc.assert(property, { seed: testSeed("assign"), numRuns: 200 });
  assert.is(stats().blocks, 0);
  check();
});

test("values that are missing, undefined or an object's by birth are none", () => {
  const Named = struct({
    constructor: "u32",
    toString: "u32",
    valueOf: "u32",
    __defineGetter__: "u32",
    x: "u32",
  });
  const named = Named.alloc({ x: 1 } as never);
  assert.equal(Object.values(named.toObject()), [0, 0, 0, 0, 1]);
  for (const name of ["toString", "__defineGetter__"]) Object.assign(named, { [name]: 7 });
  named.set({ constructor: 2, valueOf: 3, x: undefined } as never);
  assert.equal(Object.values(named.toObject()), [2, 7, 3, 7, 1]);
  Named.free(named);
  class Values {
    a = 1;
    get b(): number {
      return 2;
    }
  }
  const made = Part.alloc(new Values());
  assert.equal(made.toObject(), { a: 1, b: 0 }, "a class's own properties");
  made.set(Object.create({ a: 9 }));
  assert.is(made.a, 1);
  made.set({
    get b() {
      return -5;
    },
  });
  assert.is(made.b, -5);
  Part.free(made);
});

test("nothing is written where a name is wrong", () => {
  const made = Part.alloc({ a: 1, b: 2 });
  for (const wrong of [{ a: 9, c: 1 }, { a: 9, pointer: made.pointer }, made, [1, 2], [], null, 5, "text"]) {
    throwsHeapError(() => made.set(wrong as never), "ERR_INVALID_ARG", /by the fields' names \(a, b\)/);
    assert.equal(made.toObject(), { a: 1, b: 2 });
  }
  Part.free(made);
});

test("the fields' order counts, not that of the values: in unions, and for the array at the end", () => {
  const Either = union({ whole: "u32", low: "u8" });
  const either = Either.alloc({ low: 1, whole: 0x0203_0405 });
  assert.is(either.whole, 0x0203_0401);
  Either.free(either);
  const List = struct({ n: "u8", items: ["u16", "n"] });
  const list = List.alloc({ items: [1, 2, 3], n: 3 });
  assert.equal(list.items.toArray(), [1, 2, 3]);
  List.free(list);
  assert.is(stats().blocks, 0);
});

test.run();
