/**
 * What TypeScript makes of structs: what must compile, and, under @ts-expect-error, what must not. Never run; compiled
 * with the tests, and by types.test.ts, which also looks whether each expected error is one.
 */
import koffi from "koffi";
import {
  type Definition,
  type FunctionPointer,
  type NativeAllocator,
  type Pointer,
  type RecordArray,
  type RecordOf,
  read,
  type Struct,
  struct,
  typed,
  type ValueArray,
  write,
} from "../../../src/index.js";

/** Compiles where A and B are the same type. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

declare const pointer: Pointer;
declare const allocator: NativeAllocator;

const Point = struct({ x: "f64", y: "f64", tag: "u8" });
const Everything = struct({
  count: "u64",
  ready: "bool",
  next: "pointer",
  compare: "function",
  name: ["char", 16],
  matrix: [["f32", 3], 2],
  ends: [Point, 2],
  labels: [["char", 4], 3],
  flags: ["bool", 8],
  center: Point,
});
const point = Point.at(pointer);
const all = Everything.alloc();

// What a field is.
same<typeof point.x, number>(true);
same<typeof all.count, bigint>(true);
same<typeof all.ready, boolean>(true);
same<typeof all.next, Pointer>(true);
same<typeof all.compare, FunctionPointer>(true);
same<typeof all.name, string>(true);
same<typeof all.matrix, RecordArray<ValueArray<number>>>(true);
same<typeof all.labels, ValueArray<string>>(true);
same<typeof all.flags, ValueArray<boolean>>(true);
same<typeof all.center.x, number>(true);
same<ReturnType<typeof all.ends.at>, RecordOf<typeof Point>>(true);
same<typeof point.pointer, Pointer>(true);
same<keyof typeof Point.offsets, "x" | "y" | "tag">(true);
same<typeof Point.size, number>(true);

// What can be done with it.
point.x = all.center.y + all.matrix.at(1).get(2);
all.name = "a name";
all.next = point.pointer;
all.compare = allocator.zalloc;
all.center.tag = 1;
all.ends.at(0).x = 1;
all.labels.set(2, "abc");
all.flags.set(1, true);
point.pointer = Point.array(3).pointerAt(2);
for (const each of Point.array(10)) each.y = 0;
for (const value of all.matrix.at(0)) point.x += value;
same<ReturnType<typeof typed<Float64Array<ArrayBuffer>>>, Float64Array<ArrayBuffer>>(true);
export const doubles: Float64Array = typed(Float64Array, pointer, 3);
export const bigs: BigInt64Array = typed(BigInt64Array, pointer, 3);

// koffi's types say nothing about fields; the caller does.
const FromKoffi = struct<{ id: number }>(koffi.struct({ id: "int" }));
same<ReturnType<typeof FromKoffi.alloc>["id"], number>(true);
same<ReturnType<ReturnType<typeof struct>["alloc"]>["pointer"], Pointer>(true);
const handed = Point.koffiType(koffi, "Point");
export const bytes: number = handed.size;
const Untold = struct(koffi.struct({ id: "int" }));
same<ReturnType<typeof Untold.alloc>["id"], unknown>(true);

// A definition that is put together at run time.
declare const drawn: Definition;
export const dynamic: Struct<{ pointer: Pointer; [name: string]: unknown }> = struct(drawn);

// A misspelled field, read, written, or asked for its offset.
// @ts-expect-error
point.z;
// @ts-expect-error
point.X = 1;
// @ts-expect-error
all.center.z = 1;
// @ts-expect-error
Point.offsets.z;
// @ts-expect-error
FromKoffi.alloc().ident;

// A value of another type.
// @ts-expect-error
point.x = "1";
// @ts-expect-error
point.x = 1n;
// @ts-expect-error
all.count = 1;
// @ts-expect-error
all.ready = 1;
// @ts-expect-error
all.name = 5;
// @ts-expect-error: an address is a Pointer, and not any number
all.next = 4096;
// @ts-expect-error: nor is it a function's
all.next = all.compare;
// @ts-expect-error
all.compare = point.pointer;
// @ts-expect-error
all.labels.set(0, 1);
// @ts-expect-error
all.matrix.at(0).set(0, "1");

// A place is not assigned to.
// @ts-expect-error
all.center = point;
// @ts-expect-error
all.ends = Point.array(2);
// @ts-expect-error
all.ends.length = 3;

// What is no pointer.
// @ts-expect-error
Point.at(4096);
// @ts-expect-error
Point.at(point);
// @ts-expect-error
Point.array(3, 4096);
// @ts-expect-error
read.f64(12);
// @ts-expect-error
write.u64(pointer, 1);

// Definitions that say nothing that there is.
// @ts-expect-error
struct({ x: "f46" });
// @ts-expect-error
struct({ x: "char" });
// @ts-expect-error
struct({ x: 8 });
// @ts-expect-error
struct({ x: ["f64", "3"] });
// @ts-expect-error
struct({ x: ["f46", 3] });
// @ts-expect-error
struct({ x: { y: "f64" } });
// @ts-expect-error: each record has an address of that name
struct({ x: "f64", pointer: "pointer" });

// Typed arrays, and nothing else.
// @ts-expect-error
typed(Array, pointer, 3);
// @ts-expect-error
typed(DataView, pointer, 3);
