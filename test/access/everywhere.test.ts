/**
 * read and write reach every place of the heap's memory, aligned or not, exactly as a DataView over a copy does: in
 * small blocks, in large ones, and across the boundaries of the slices that far memory is divided into.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { heap } from "../../src/api/malloc.js";
import {
  check,
  fill,
  free,
  type HeapError,
  malloc,
  type Pointer,
  type RecordOf,
  read,
  struct,
  usableSize,
  view,
  write,
} from "../../src/index.js";
import { Random, testSeed } from "../support/seed.js";
import { throwsHeapError } from "../support/throws.js";

const SLICE = 2 ** 31;
const AROUND = 32;
const { base, span } = heap.window;
const random = new Random(testSeed("everywhere"));

type Kind = Exclude<keyof typeof read, "pointer">;
const methods: Record<Kind, string> = {
  u8: "Uint8",
  i8: "Int8",
  u16: "Uint16",
  i16: "Int16",
  u32: "Uint32",
  i32: "Int32",
  f32: "Float32",
  f64: "Float64",
  u64: "BigUint64",
  i64: "BigInt64",
};

function randomValue(kind: Kind): number | bigint {
  const word = random.next();
  if (kind === "f32" || kind === "f64") return Math.fround(word / 7);
  return kind.endsWith("64") ? BigInt(word) * 0x1_0000_0001n : word;
}

/** Every kind at every offset from `middle` - 16 to + 8, beside a DataView over what lay there. */
function compareAt(middle: number): void {
  const start = (middle - AROUND / 2) as Pointer;
  const memory = view(start, AROUND);
  for (const [kind, method] of Object.entries(methods) as Array<[Kind, string]>) {
    for (let offset = 0; offset <= AROUND - 8; offset++) {
      for (let i = 0; i < AROUND; i++) memory[i] = random.int(0, 255);
      const model = new DataView(memory.slice().buffer) as unknown as Record<
        string,
        (...args: unknown[]) => unknown
      >;
      const what = `${kind} at ${offset - AROUND / 2} of 0x${middle.toString(16)}`;
      assert.ok(Object.is(read[kind](start, offset), model[`get${method}`]!(offset, true)), `read.${what}`);
      const value = randomValue(kind);
      (write[kind] as (pointer: Pointer, value: unknown, offset: number) => void)(start, value, offset);
      model[`set${method}`]!(offset, value, true);
      assert.equal([...memory], [...new Uint8Array((model as unknown as DataView).buffer)], `write.${what}`);
    }
  }
  for (let offset = 0; offset <= AROUND - 8; offset++) {
    const address = random.next() * 2 ** 15 + random.int(0, 2 ** 15 - 1);
    write.pointer(start, address as Pointer, offset);
    assert.is(read.pointer(start, offset), address);
    assert.is(read.u64(start, offset), BigInt(address));
  }
}

test("in a small and in a large block", () => {
  const small = malloc(64);
  const large = malloc(400_000);
  compareAt(small + 32);
  compareAt(large + 200_000);
  free(small);
  free(large);
});

// On Node 20 the whole window is near, and has no room for a block that must hold a boundary.
const testWide = span > 2 ** 32 ? test : test.skip;

testWide("across the boundary of two slices", () => {
  const huge = malloc(SLICE + 2 ** 20);
  const boundary = base + Math.ceil((huge + AROUND - base) / SLICE) * SLICE;
  assert.ok(boundary + AROUND < huge + SLICE + 2 ** 20, "the boundary lies in the block");
  compareAt(boundary);
  free(huge);
});

testWide("records and arrays across that boundary, and above it", () => {
  const Inner = struct({ low: "u32", list: ["u16", 3] });
  const Row = struct({
    value: "f64",
    next: ["pointer", "self"],
    inner: Inner,
    link: "pointer",
    flag: "bool",
  });
  const huge = malloc(SLICE + 2 ** 20);
  const boundary = base + Math.ceil((huge + 64 * Row.size - base) / SLICE) * SLICE;
  const starts = [-32 * Row.size, -3 * Row.size - 8, -16, 0, 8].map((at) => (boundary + at) as Pointer);
  for (const start of [...starts, huge, (start32(huge) + 3) as Pointer]) {
    const rows = Row.array(32, start);
    fill(start, 0, 32 * Row.size);
    for (let i = 0; i < 32; i++) {
      rows.at(i).set({ value: i / 2, inner: { low: i, list: [i, 1, 2] }, link: start, flag: i % 2 === 1 });
      rows.at(i).next = i < 31 ? rows.at(i + 1) : null;
    }
    for (let i = 0; i < 32; i++) {
      const pointer = rows.pointerAt(i);
      assert.is(pointer, start + i * Row.size);
      assert.is(read.f64(pointer), i / 2);
      assert.is(read.u16(pointer, Row.offsets.inner + Inner.offsets.list), i);
      assert.is(rows.at(i).inner.list.get(0), i);
      assert.is(rows.at(i).inner.low, i);
      assert.is(rows.at(i).link, start);
      assert.is(Row.at(pointer).flag, i % 2 === 1);
    }
    let i = 0;
    for (let row: RecordOf<typeof Row> | null = rows.at(0); row !== null; row = row.next) {
      assert.is(row.pointer, rows.pointerAt(i));
      assert.is(row.value, i++ / 2);
    }
    assert.is(i, 32);
    assert.equal(
      [...rows].map(({ value }) => value),
      rows.toArray().map(({ value }) => value),
    );
    rows.sort((a, b) => b.value - a.value);
    assert.is(
      rows.search((row) => 10 - row.value),
      11,
    );
    assert.is(rows.at(0).value, 31 / 2);
  }
  free(huge);
});

const start32 = (pointer: number) => Math.ceil(pointer / 32) * 32;

/** What may be read there by a width, and what must be refused: an access that reaches beyond `end` by a byte. */
function assertEnds(end: number): void {
  for (const [kind, bytes] of [
    ["u8", 1],
    ["u16", 2],
    ["u32", 4],
    ["f64", 8],
    ["u64", 8],
    ["pointer", 8],
  ] as const) {
    read[kind]((end - bytes) as Pointer);
    const past = (end - bytes + 1) as Pointer;
    throwsHeapError(() => read[kind](past), "ERR_INVALID_POINTER", /not inside/);
    throwsHeapError(() => write[kind](past, 1 as never), "ERR_INVALID_POINTER", /not inside/);
  }
}

test("up to the last byte of a large block with nothing behind it, and no further", () => {
  const block = malloc(400_000);
  const behind = malloc(400_000);
  free(behind); // right behind, as a rule: now nothing is
  const end = block + usableSize(block);
  compareAt(end - AROUND / 2);
  if (end <= behind) assertEnds(end);
  free(block);
  const mapped = malloc(2 ** 27); // so much has a mapping of its own, whatever was freed before
  free(mapped);
  throwsHeapError(() => read.u8(mapped), "ERR_INVALID_POINTER", /not inside/);
  throwsHeapError(() => write.f64((mapped + 200_000) as Pointer, 1), "ERR_INVALID_POINTER", /not inside/);
});

test("an address anywhere in the window is read, or refused: the process never ends by it", () => {
  const blocks = [malloc(64), malloc(200_000), malloc(3_000_000)];
  free(malloc(5_000_000));
  let refused = 0;
  for (let i = 0; i < 3000; i++) {
    const bytes = [16, 2 ** 24, 2 ** 30, span][i % 4]!;
    const from = blocks[i % 3]! - (i % 4 === 3 ? blocks[i % 3]! - base : random.int(0, 64));
    const pointer = Math.floor(from + (random.next() / 2 ** 32) * bytes) as Pointer;
    try {
      read.f64(pointer);
      read.u8(pointer);
    } catch (error) {
      assert.is((error as HeapError).code, "ERR_INVALID_POINTER");
      refused++;
    }
  }
  assert.ok(refused > 100, `${refused} were refused`);
  for (const block of blocks) {
    const size = usableSize(block);
    for (let at = 0; at < size; at += 1024) read.u8(block, at);
    read.u8(block, size - 1);
    free(block);
  }
});

test("nothing else was written", () => {
  check();
});

test.run();
