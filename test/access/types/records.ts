/**
 * What TypeScript makes of pointers to records, unions, bits, names and tails; and under @ts-expect-error, what must not
 * compile.
 */
import {
  type Pointer,
  type RecordArray,
  type RecordOf,
  struct,
  union,
  type ValueArray,
} from "../../../src/index.js";

/** Compiles where A and B are the same type. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

declare const pointer: Pointer;

const Node = struct({ key: "u32", left: ["pointer", "self"], right: ["pointer", "self"] });
const Point = struct({ x: "f64", y: "f64" });
const Value = union({ whole: "i64", real: "f64" });
const All = struct({
  node: ["pointer", Node],
  color: ["u8", { red: 0, green: 1 }],
  flags: "u32:3",
  wide: "i64:40",
  on: "bool:1",
  value: Value,
  names: [["u8", { a: 1 }], 2],
  nodes: [["pointer", Point], 4],
  count: "u16",
  rows: [Point, "count"],
});
const Tail = struct({ n: "u8", values: ["f64", "n"] }, { packed: true, align: 8 });
const node = Node.at(pointer);
const all = All.alloc({ color: "red", value: { real: 1 }, rows: [{ x: 1 }], count: 1, node });

// What a field is.
same<typeof node.left, RecordOf<typeof Node> | null>(true);
same<NonNullable<typeof node.left>["key"], number>(true);
same<typeof all.node, RecordOf<typeof Node> | null>(true);
same<typeof all.color, "red" | "green" | number>(true);
same<typeof all.flags, number>(true);
same<typeof all.wide, bigint>(true);
same<typeof all.on, boolean>(true);
same<typeof all.value.whole, bigint>(true);
same<typeof all.rows, RecordArray<RecordOf<typeof Point>>>(true);
same<typeof all.names, ValueArray<"a" | number>>(true);
same<typeof all.nodes, ValueArray<RecordOf<typeof Point> | null>>(true);
same<keyof typeof Node.offsets, "key" | "left" | "right">(true);

// What can be done with it.
export const key: number | undefined = node.left?.right?.left?.key;
node.left = Node.alloc({ key: 1, left: node, right: null });
node.left = null;
all.color = "green";
all.node = node.right;
export const third: number = node.left!.right!.key;
export const plain: { x: number; y: number } = Point.at(pointer).toObject();
export const spread = { ...Point.at(pointer).set({ x: 1 }).toObject(), z: 1 };
export const address: Pointer = node.toObject().left;
export const rows: Array<{ x: number; y: number }> = all.toObject().rows;
export const sorted: RecordArray<RecordOf<typeof Point>> = Point.array(3).sort((a, b) => a.x - b.x);
export const found: number = Point.array(3).search(({ y }) => y - 1);
Node.free(node);
Node.free(pointer);
for (const value of Tail.at(pointer).values) spread.z = value;

// A misspelled field, behind pointers too.
// @ts-expect-error
node.left?.kay;
// @ts-expect-error
node.left?.right?.key.x;
// @ts-expect-error: it may be null
node.left.key;
// @ts-expect-error
all.value.wholly;
// @ts-expect-error
Point.at(pointer).set({ z: 1 });
// @ts-expect-error
Point.at(pointer).set({ x: "1" });
// @ts-expect-error
Point.at(pointer).toObject().pointer;
// @ts-expect-error
Node.alloc({ left: { key: 1 } });
// @ts-expect-error
Point.array(3).sort((a, b) => a.z - b.z);
// @ts-expect-error
Node.offsets.set;

// A value of another type.
// @ts-expect-error
node.left = Point.at(pointer);
// @ts-expect-error
node.left = undefined;
// @ts-expect-error
all.color = "yellow";
// @ts-expect-error
all.flags = "1";
// @ts-expect-error
all.wide = 1;
// @ts-expect-error
all.on = 1;
// @ts-expect-error: a place is not assigned to
all.rows = Point.array(2);
// @ts-expect-error
all.value = Value.alloc();
// @ts-expect-error
Node.free(Point.at(pointer));

// Definitions that say nothing that there is.
// @ts-expect-error
struct({ x: "f64:3" });
// @ts-expect-error
struct({ x: ["pointer", "u8"] });
// @ts-expect-error
struct({ x: ["f64", { a: 1 }] });
// @ts-expect-error
struct({ x: ["u8", { a: "1" }] });
// @ts-expect-error: no such field
struct({ count: "u8", rows: ["u8", "cuont"] });
// @ts-expect-error
struct({ x: "u8" }, { packed: 3 });
// @ts-expect-error
union({ x: "f46" });
