/**
 * Arguments that cannot be meant, in every place of every function: a typed error, and a heap that is as it was.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  alignedAlloc,
  calloc,
  check,
  free,
  HeapError,
  malloc,
  NULL,
  type Pointer,
  read,
  realloc,
  stats,
  usableSize,
  view,
  write,
} from "../../src/index.js";
import { figures } from "../support/figures.js";

type Loose = (...values: unknown[]) => unknown;

const notNumbers: unknown[] = [
  undefined,
  null,
  true,
  false,
  "",
  "64",
  "0x40",
  64n,
  {},
  [],
  [64],
  Symbol("64"),
  () => 64,
  Object(64),
  new Date(64),
  { valueOf: () => 64 },
  { valueOf: () => assert.unreachable("nothing may convert an argument") },
  new Uint8Array(64),
  new Proxy({}, {}),
];
const notWhole = [
  Number.NaN,
  Infinity,
  -Infinity,
  -1,
  -16,
  -0.5,
  0.5,
  1.5,
  63.999999999999,
  Number.MIN_VALUE,
];
const beyond = [
  2 ** 53,
  2 ** 53 + 2,
  2 ** 60,
  2 ** 64,
  -(2 ** 53),
  -(2 ** 31),
  Number.MAX_VALUE,
  -Number.MAX_VALUE,
];
const notSizes = [...notNumbers, ...notWhole, ...beyond];

const live = malloc(100);
const large = malloc(300_000);

/** Runs one attempt, which must throw an error of that code and change nothing. */
function refuses(what: string, code: string, attempt: () => unknown): void {
  const before = figures();
  try {
    attempt();
  } catch (error) {
    assert.instance(error, HeapError, `${what}: ${String(error)}`);
    assert.is((error as HeapError).code, code, what);
    assert.ok((error as HeapError).message.length > 20, what);
    assert.equal(figures(), before, what);
    return;
  }
  assert.unreachable(`${what} was accepted`);
}

/** Values of the wrong type give a TypeError, numbers out of their range a RangeError, as Node does. */
function refusesAll(what: string, code: string, values: readonly unknown[], call: Loose): void {
  for (const value of values) {
    const shown = typeof value === "object" && value !== null ? "an object" : String(value);
    const name = `${what} with ${shown} (${typeof value})`;
    refuses(name, code, () => {
      try {
        return call(value);
      } catch (error) {
        const isNumber =
          typeof value === "number" || (typeof value === "bigint" && code === "ERR_INVALID_POINTER");
        assert.instance(error, isNumber ? RangeError : TypeError, name);
        throw error;
      }
    });
  }
  check();
}

test("sizes and counts", () => {
  const sizes: Array<[string, Loose]> = [
    ["malloc(size)", (size) => malloc(size as number)],
    ["calloc(count)", (count) => calloc(count as number, 8)],
    ["calloc(size)", (size) => calloc(8, size as number)],
    ["calloc(0, size)", (size) => calloc(0, size as number)],
    ["realloc(size)", (size) => realloc(live, size as number)],
    ["realloc(large, size)", (size) => realloc(large, size as number)],
    ["realloc(NULL, size)", (size) => realloc(NULL, size as number)],
    ["alignedAlloc(size)", (size) => alignedAlloc(64, size as number)],
    ["alignedAlloc(small, size)", (size) => alignedAlloc(8, size as number)],
  ];
  for (const [what, call] of sizes) refusesAll(what, "ERR_INVALID_ARG", notSizes, call);
});

test("missing arguments", () => {
  const calls = { malloc, calloc, alignedAlloc } as unknown as Record<string, Loose>;
  for (const [name, call] of Object.entries(calls)) refuses(`${name}()`, "ERR_INVALID_ARG", () => call());
  refuses("realloc(live)", "ERR_INVALID_ARG", () => (realloc as Loose)(live));
  refuses("free()", "ERR_INVALID_POINTER", () => (free as Loose)());
  refuses("usableSize()", "ERR_INVALID_POINTER", () => (usableSize as Loose)());
});

test("alignments", () => {
  const odd = [0, 3, 5, 24, 48, 4095, 4097, 2 ** 31 + 1, 2 ** 31 - 1, 2 ** 32, 2 ** 40, 2 ** 1023];
  const call: Loose = (alignment) => alignedAlloc(alignment as number, 100);
  refusesAll("alignedAlloc(alignment)", "ERR_INVALID_ARG", [...notSizes, ...odd], call);
  refuses("a bad alignment for no bytes", "ERR_INVALID_ARG", () => alignedAlloc(3, 0));
});

test("products and sizes that no memory holds", () => {
  for (const [count, size] of [
    [2 ** 52, 4],
    [2 ** 31, 2 ** 31],
    [2 ** 32, 2 ** 32],
    [Number.MAX_SAFE_INTEGER, 2],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    [94_906_267, 94_906_267],
  ] as const) {
    refuses(`calloc(${count}, ${size})`, "ERR_INVALID_ARG", () => calloc(count, size));
  }
  const most = Number.MAX_SAFE_INTEGER;
  for (const size of [most, most - 8, most - 4096, 2 ** 52, 2 ** 47, 2 ** 46]) {
    refuses(`malloc(${size})`, "ERR_OUT_OF_MEMORY", () => malloc(size));
    refuses(`calloc(1, ${size})`, "ERR_OUT_OF_MEMORY", () => calloc(1, size));
    refuses(`realloc(live, ${size})`, "ERR_OUT_OF_MEMORY", () => realloc(live, size));
    refuses(`realloc(large, ${size})`, "ERR_OUT_OF_MEMORY", () => realloc(large, size));
    for (const alignment of [1, 32, 4096, 2 ** 31]) {
      refuses(`alignedAlloc(${alignment}, ${size})`, "ERR_OUT_OF_MEMORY", () =>
        alignedAlloc(alignment, size),
      );
    }
  }
  check();
});

test("-0 is 0", () => {
  const blocks = [
    malloc(-0),
    calloc(-0, 5),
    calloc(5, -0),
    calloc(-5 * 0, 0),
    alignedAlloc(64, -0),
    realloc(NULL, -0),
  ];
  assert.is(new Set(blocks).size, blocks.length);
  for (const pointer of blocks) free(pointer);
  const before = figures();
  free(-0 as Pointer);
  assert.equal(figures(), before);
  refuses("usableSize(-0)", "ERR_INVALID_POINTER", () => usableSize(-0 as Pointer));
  free(realloc(-0 as Pointer, 10));
  check();
});

test("pointers of the wrong type, or no address", () => {
  const wrong = [...notNumbers, ...notWhole, ...beyond, 1, 7, 8, 16, 4096, 2 ** 47, 2 ** 52];
  const calls: Array<[string, Loose]> = [
    ["free", (pointer) => free(pointer as Pointer)],
    ["usableSize", (pointer) => usableSize(pointer as Pointer)],
    ["realloc", (pointer) => realloc(pointer as Pointer, 10)],
    ["realloc to nothing", (pointer) => realloc(pointer as Pointer, 0)],
    ["view", (pointer) => view(pointer as Pointer)],
    ["view of 8 bytes", (pointer) => view(pointer as Pointer, 8)],
  ];
  for (const [what, call] of calls) refusesAll(what, "ERR_INVALID_POINTER", wrong, call);
});

test("reading and writing where the heap is not", () => {
  const wrong = [...notNumbers, ...notWhole, ...beyond, 0, 8, 4096, 2 ** 47];
  for (const [name, get] of Object.entries(read)) {
    refusesAll(`read.${name}`, "ERR_INVALID_POINTER", wrong, (pointer) => get(pointer as Pointer));
    refuses(`read.${name} far below`, "ERR_INVALID_POINTER", () => get(live, -live));
    refuses(`read.${name} far above`, "ERR_INVALID_POINTER", () => get(live, 2 ** 47));
  }
  for (const [name, put] of Object.entries(write) as Array<[string, Loose]>) {
    const value = name.endsWith("64") && name !== "f64" ? 1n : 1;
    refusesAll(`write.${name}`, "ERR_INVALID_POINTER", wrong, (pointer) => put(pointer, value));
    refuses(`write.${name} far above`, "ERR_INVALID_POINTER", () => put(live, value, 2 ** 47));
  }
});

test("offsets that are no whole number do not lead to another place", () => {
  for (const offset of ["8", [8], true, null, {}, Number.NaN, Infinity, 0.5, -0.5]) {
    const at = offset as number;
    const code = typeof offset === "number" ? "ERR_INVALID_POINTER" : "ERR_INVALID_ARG";
    refuses(`read.u8 at ${String(offset)}`, code, () => read.u8(live, at));
    refuses(`write.u8 at ${String(offset)}`, code, () => write.u8(live, 1, at));
  }
  refuses("read.u8 between two bytes", "ERR_INVALID_POINTER", () => read.u8((live + 0.5) as Pointer));
});

test("lengths of views", () => {
  const wrong = [...notNumbers, ...notWhole, ...beyond].filter((value) => value !== undefined);
  refusesAll("view(length)", "ERR_INVALID_ARG", wrong, (length) => view(live, length as number));
  refuses("a view beyond the window", "ERR_INVALID_POINTER", () => view(live, 2 ** 52));
});

test("after all that the two blocks are as they were", () => {
  assert.is(usableSize(live) >= 100 && usableSize(large) >= 300_000, true);
  free(live);
  free(large);
  check();
  assert.is(stats().blocks, 0);
});

test.run();
