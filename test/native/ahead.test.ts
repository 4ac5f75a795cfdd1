/**
 * realloc for C, cut off at the moment when C is told the result: C then either has heard of the new block, which holds
 * what the old one held, or goes on with the old one, which is as it was.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { reallocAhead } from "../../src/api/aligned-realloc.js";
import { check, free, malloc, type Pointer, read, usableSize, view, write } from "../../src/index.js";
import { HEADER_BYTES } from "../../src/memory/memory.js";
import { Account } from "../../src/native/account.js";
import { LibraryFunctions, type System } from "../../src/native/c-functions.js";
import { CallbackTable } from "../../src/native/callbacks.js";
import { ownKoffi } from "../../src/native/koffi.js";
import type { CFunctions, Deliver } from "../../src/native/prototypes.js";
import { Random, testSeed } from "../support/seed.js";
import { libc } from "./c.js";

const ROUNDS = 3000;
const LARGEST = 600_000; // beyond the threshold, so that blocks become mappings, and mappings blocks
/** Growing and shrinking, in place and not, small, medium and mapped. */
const SIZES = [
  [100, 5000],
  [5000, 100],
  [50_000, 300_000],
  [300_000, 50_000],
  [300_000, 600_000],
  [600_000, 300_000],
] as const;
const sort = libc.func("void qsort(uintptr_t, size_t, size_t, uintptr_t)");
const random = new Random(testSeed("ahead"));

/** A system of which these tests need nothing. */
const nothing: System = { setErrno: () => {}, storeAddress: () => {}, lengthOf: () => 0, copy: () => {} };

class CutOff extends Error {}

/** A block whose neighbours are free or not, filled with a byte of its own. */
function block(size: number): { pointer: Pointer; byte: number; release: () => void } {
  const around = Array.from({ length: 3 }, () => malloc(random.spread(1, 20_000)));
  const pointer = malloc(size);
  around.push(...Array.from({ length: 3 }, () => malloc(random.spread(1, 20_000))));
  const byte = random.int(1, 255);
  view(pointer).fill(byte);
  const kept = around.filter((other) => {
    const keep = random.chance(0.5);
    if (!keep) free(other);
    return keep;
  });
  return { pointer, byte, release: () => kept.forEach(free) };
}

function holds(pointer: Pointer, bytes: number, byte: number): void {
  assert.ok(usableSize(pointer) >= bytes);
  assert.ok(
    view(pointer)
      .subarray(0, bytes)
      .every((found) => found === byte),
    `${bytes} bytes`,
  );
}

test("C that has not heard of it has the old block, and whole", () => {
  for (let round = 0; round < ROUNDS; round++) {
    const { pointer, byte, release } = block(random.spread(1, LARGEST));
    const have = usableSize(pointer);
    const cutOff = () => {
      throw new CutOff();
    };
    assert.throws(
      () => reallocAhead(pointer, have, random.spread(1, LARGEST), cutOff),
      (error: unknown) => error instanceof CutOff,
    );
    holds(pointer, have, byte);
    free(pointer);
    release();
  }
  check();
});

test("what C hears is what it gets, and both blocks hold it then", () => {
  let moves = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const { pointer, byte, release } = block(random.spread(1, LARGEST));
    const have = usableSize(pointer);
    const size = random.spread(1, LARGEST);
    const heard: Pointer[] = [];
    const result = reallocAhead(pointer, have, size, (at) => {
      heard.push(at);
      holds(pointer, have, byte);
      holds(at, Math.min(have, size), byte);
    });
    assert.equal(heard, [result]);
    holds(result, Math.min(have, size), byte);
    assert.ok(usableSize(result) >= size);
    if (result !== pointer) moves++;
    free(result);
    release();
  }
  check();
  assert.ok(moves > ROUNDS / 10 && moves < ROUNDS, `${moves} of ${ROUNDS} moved`);
});

for (const [name, resize] of [
  ["realloc", (of, pointer, size, deliver) => of.realloc(pointer, size, deliver)],
  ["alignedRealloc", (of, pointer, size, deliver) => of.alignedRealloc(pointer, 256, size, deliver)],
  ["lua's function", (of, pointer, size, deliver) => of.luaAlloc(0, pointer, 0, size, deliver)],
] as ReadonlyArray<
  [string, (of: LibraryFunctions, pointer: Pointer, size: number, deliver: Deliver) => number]
>) {
  test(`${name} delivers what it returns, before it lets go of the old block`, () => {
    const functions = new LibraryFunctions(new Account(Number.POSITIVE_INFINITY), nothing);
    for (const [from, to] of SIZES) {
      const { pointer, byte, release } = block(from);
      const have = usableSize(pointer);
      const heard: number[] = [];
      const result = resize(functions, pointer, to, (at) => {
        heard.push(at);
        holds(pointer, have, byte);
      });
      assert.equal(heard, [result]);
      free(result as Pointer);
      release();
    }
    check();
  });
}

test("C has the new block, and it is on the account, where the old one cannot be freed", () => {
  const account = new Account(Number.POSITIVE_INFINITY);
  const functions = new LibraryFunctions(account, nothing);
  const { row, others } = inARow(4, () => functions.malloc(20_000) as Pointer);
  const [floor, below, old, wall] = row as [Pointer, Pointer, Pointer, Pointer];
  for (const other of [...others, below]) functions.free(other); // the floor keeps what is freed here too small for `moved`
  const footer = read.u32(old, -12);
  write.u32(old, footer ^ 0x100, -12); // the size of the free block below, at its end
  const moved = functions.realloc(old, 60_000) as Pointer;
  write.u32(old, footer, -12);
  assert.is.not(moved, old);
  assert.is(
    account.bytes,
    [floor, wall, moved].reduce((sum, pointer) => sum + usableSize(pointer), 0),
  );
  for (const pointer of [floor, old, moved, wall]) free(pointer);
  check();
});

/** Blocks without a gap between them, in the order of memory, and those that were made before such were found. */
function inARow(count: number, make: () => Pointer): { row: Pointer[]; others: Pointer[] } {
  const others: Pointer[] = [];
  const row = [make()];
  while (row.length < count) {
    const next = make();
    const last = row.at(-1)!;
    if (next !== last + usableSize(last) + HEADER_BYTES) others.push(...row.splice(0));
    row.push(next);
    assert.ok(others.length < 1000, "blocks that lie side by side");
  }
  return { row, others };
}

const callbacks = new CallbackTable(ownKoffi());

/** qsort() of 2 and 1, whose comparison is a function that is cut off after it told C so much; returns the first then. */
function firstAfter(name: "realloc" | "luaAlloc", told: number | null): number {
  const cutOff = (deliver: Deliver) => {
    if (told !== null) deliver(told);
    throw new CutOff();
  };
  const row = callbacks.open({
    realloc: (_pointer, _size, deliver) => cutOff(deliver!),
    luaAlloc: (_opaque, _pointer, _oldSize, _size, deliver) => cutOff(deliver!),
  } as Partial<CFunctions> as CFunctions);
  const numbers = malloc(16);
  write.u32(numbers, 2);
  write.u32(numbers, 1, 4);
  try {
    sort(numbers, 2, 4, callbacks.address(row, name));
  } catch (error) {
    assert.instance(error, CutOff);
  }
  const first = read.u32(numbers);
  free(numbers);
  return first;
}

for (const name of ["realloc", "luaAlloc"] as const) {
  test(`C has what ${name} told it, although it was cut off then`, () => {
    assert.is(firstAfter(name, 1), 1, "the first is said to be the larger one");
    assert.is(firstAfter(name, null), 2, "C hears of nothing, which is 0: they are equal");
  });
}

test.run();
