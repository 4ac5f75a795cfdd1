/**
 * Program, with --allow-natives-syntax: keeps pointers to blocks of all sizes in an array, in fields and in generic code,
 * and tells what V8 made of them.
 *
 *   small-pointers.ts [blocked]     blocked: something lies right above the break
 */
import { readFileSync } from "node:fs";
import type { Pointer } from "../../../src/index.js";
import { blockBreak } from "./libc.js";
import { tell } from "./proc.js";

if (process.argv[2] === "blocked") blockBreak();
const { alignedAlloc, calloc, free, malloc, realloc, stats } = await import("../../../src/index.js");

/** V8's own answer; only with that option do functions have such bodies. */
const isSmall = new Function("value", "return %IsSmi(value)") as (value: unknown) => boolean;
const hasSmallElements = new Function("array", "return %HasSmiElements(array)") as (a: unknown[]) => boolean;

class Item {
  constructor(
    readonly pointer: Pointer,
    readonly next: Item | null,
  ) {}
}

function identity<T>(value: T): T {
  return value;
}

const small: Pointer[] = [];
const large: Pointer[] = [];
let items: Item | null = null;
for (let i = 0; i < 1000; i++) {
  small.push(malloc(16 + i), alignedAlloc(64, 100));
  let pointer = i % 2 === 0 ? malloc(150_000 + i) : calloc(1, 150_000 + i);
  if (i % 10 === 0) pointer = realloc(pointer, 400_000);
  if (i % 10 === 1) small.push(realloc(malloc(i), i + 100), alignedAlloc(8192, 200_000));
  large.push(pointer);
  items = new Item(pointer, items);
}
const { mmaps } = stats();
const fields: Pointer[] = [];
for (let item = items; item !== null; item = item.next) fields.push(identity(item.pointer));
const breakAt = /^([0-9a-f]+)-.*\[heap\]$/m.exec(readFileSync("/proc/self/maps", "latin1"));
tell({
  breakAt: breakAt === null ? 0 : Number.parseInt(breakAt[1]!, 16),
  mmaps,
  elements: [hasSmallElements(small), hasSmallElements(large)],
  fields: fields.filter(isSmall).length,
});
for (const pointer of [...small, ...large]) free(pointer);
