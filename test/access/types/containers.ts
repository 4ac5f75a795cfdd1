/**
 * Not run: what TypeScript must know of containers. Compiled by npm run check, and line by line by types.test.ts, which looks
 * that each error stands where one is expected.
 */
import { HashMap, Queue, StringTable, Vector } from "../../../src/containers/index.js";
import { type Pointer, struct } from "../../../src/index.js";

const Point = struct({ x: "f64", y: "f64", tag: "u8" });

const numbers = new Vector("f64");
const first: number = numbers.get(0);
const pushed: number = numbers.push(first);
const last: number | undefined = numbers.pop();
const all: number[] = [...Vector.at(numbers.pointer, "f64")];
// @ts-expect-error: a text among numbers
numbers.push("1");
// @ts-expect-error: a number needs a value
numbers.push();
// @ts-expect-error: no such type
new Vector("string");

const points = new Vector(Point);
const x: number = points.push({ x: 1 }).x + points.get(0).y + points.push().tag;
// @ts-expect-error: no such field
points.push({ z: 1 });
// @ts-expect-error: no such field
points.get(0).z = 1;

const ages = new HashMap("string", "u32");
const age: number | undefined = ages.set("Ada", 36).get("Ada");
// @ts-expect-error: a number for a text
ages.get(1);
// @ts-expect-error: a text for a number
ages.set("Ada", "36");
// @ts-expect-error: no such kind of key
new HashMap("bool", "u32");
ages.forEach((value, key) => {
  console.log(value + 1, key.length);
});

const places = HashMap.at(ages.pointer, "u64", Point);
const found: number | undefined = places.read(() => places.get(1n)?.x);
// @ts-expect-error: u64 are bigints
places.get(1);
places.set(1n, { y: 2 });
// @ts-expect-error: no such field
places.set(1n, { z: 2 });

const bytes: Buffer | undefined = new HashMap("i32", "bytes").set(1, new Uint8Array(3)).get(1);
const text: string | undefined = new HashMap("pointer", "string").get(ages.pointer);
// @ts-expect-error: an address made up by hand
HashMap.at(4096, "string", "u32");

const grid = new HashMap(Point, "u32");
const height: number | undefined = grid.set({ x: 1 }, 2).get(points.get(0));
// @ts-expect-error: no such field
grid.get({ z: 1 });
// @ts-expect-error: no record
grid.get(1);
grid.forEach((value, key) => {
  console.log(value + key.x);
});
const digests = new HashMap(["bytes", 16], "string");
const digest: string | undefined = digests.set(new Uint8Array(16), "text").get(Buffer.alloc(16));
// @ts-expect-error: a text for bytes
digests.get("text");
// @ts-expect-error: no such kind of key
new HashMap(["u8", 16], "u32");
digests.forEach((value, key) => {
  console.log(value.length + key.readUInt8(0));
});

const queue = new Queue(1024);
const added: boolean = queue.push(new Uint8Array(1), 10);
const taken: Buffer | undefined = queue.shift();
// @ts-expect-error: bytes alone
queue.push("text");

const names = new StringTable();
const id: number = names.intern("Ada");
const name: string | undefined = names.get(id);
const address: Pointer = names.pointer;

export const seen = [
  pushed,
  last,
  all,
  x,
  age,
  found,
  bytes,
  text,
  added,
  taken,
  name,
  address,
  height,
  digest,
];
