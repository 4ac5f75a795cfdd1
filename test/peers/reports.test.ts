/**
 * What users of other allocators reported about those, tried here.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  alignedAlloc,
  check,
  free,
  type HeapError,
  malloc,
  type Pointer,
  realloc,
  stats,
  trim,
  usableSize,
  view,
} from "../../src/index.js";
import { findings } from "../support/child.js";
import { ordersOf } from "./orders.js";

const KIB = 1024;
const MIB = 1024 * KIB;

const splitMappings = new URL("./programs/split-mappings.ts", import.meta.url);

test("a block as large as its alignment, for every power of two up to 1 GiB, and 2 GiB where there is room", () => {
  const allocate = (size: number) => {
    const pointer = alignedAlloc(size, size);
    assert.is(pointer % size, 0);
    assert.ok(usableSize(pointer) >= size);
    free(pointer);
  };
  for (let size = 1; size <= 1024 * MIB; size *= 2) allocate(size);
  try {
    allocate(2048 * MIB);
  } catch (error) {
    assert.is((error as HeapError).code, "ERR_OUT_OF_MEMORY"); // the window of Node 20 may have no such place
  }
  check();
});

test("32 MiB at an alignment of 1 MiB take their size, the alignment and a page at most", () => {
  trim();
  const before = stats().footprint;
  const pointer = alignedAlloc(MIB, 32 * MIB);
  const taken = stats().footprint - before;
  assert.ok(taken <= 33 * MIB + 4096, `${taken} bytes`);
  free(pointer);
});

test("a vector that grows by half, with small blocks between, takes at most three times what is live", () => {
  trim();
  const before = stats().footprint;
  const pins: Pointer[] = [];
  let vector = malloc(64);
  for (let size = 64; size < 24 * MIB; size = Math.ceil(size * 1.5)) {
    vector = realloc(vector, size);
    view(vector).fill(1);
    pins.push(malloc(48));
  }
  const live = usableSize(vector) + pins.length * 64;
  const taken = stats().footprint - before;
  assert.ok(taken <= 3 * live, `${taken} bytes for ${live}`);
  free(vector);
  pins.forEach(free);
  check();
});

test("neighbours of very different sizes, freed in every order, are one free run again", () => {
  const sizes = [16 * MIB, 20 * KIB, 64 * MIB, 40];
  for (const order of ordersOf([0, 1, 2, 3])) {
    const blocks = sizes.map((size) => malloc(size));
    for (const i of order) free(blocks[i]!);
    check();
  }
  trim();
  assert.ok(stats().footprint < 2 * MIB, `${stats().footprint} bytes`);
});

test("blocks whose pages were made 65,000 mappings by mprotect: their memory and addresses come back", async () => {
  const found = await findings<{ done: number; footprint: number; mapped: number }>(splitMappings);
  assert.ok(found.done > 30_000, `${found.done} pages were protected`);
  assert.is(found.footprint, 0);
  assert.is(found.mapped, 0, "bytes are mapped still");
});

test.run();
