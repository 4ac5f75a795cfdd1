/**
 * read and write reach every place of the heap's memory, aligned or not, exactly as a DataView over a copy does: in
 * small blocks, in large ones, and across the boundaries of the slices that far memory is divided into.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { check, free, malloc, type Pointer, read, view, write } from "../../src/index.js";
import { heap } from "../../src/malloc.js";
import { throwsHeapError } from "../core/throws.js";
import { Random, testSeed } from "../support/seed.js";

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

test("up to the last byte of the window, and no further", () => {
  const { os } = heap.store;
  const page = base + span - (span % os.pageSize || os.pageSize);
  const end = base + span;
  const mapped = os.map(page, os.pageSize) === page; // else it is mapped already
  compareAt(end - AROUND / 2);
  for (const [kind, bytes] of [
    ["u8", 1],
    ["u32", 4],
    ["f64", 8],
  ] as const) {
    const past = (end - bytes + 1) as Pointer;
    throwsHeapError(() => read[kind](past), "ERR_INVALID_POINTER", /not inside/);
    throwsHeapError(() => write[kind](past, 1), "ERR_INVALID_POINTER", /not inside/);
  }
  if (mapped) assert.ok(os.unmap(page, os.pageSize));
});

test("nothing else was written", () => {
  check();
});

test.run();
