/**
 * Arenas: what they hand out, what they keep, and what they give back.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Arena, check, fill, free, type Pointer, realloc, stats, usableSize, view } from "../../src/index.js";
import { refused } from "../peers/expect.js";
import { Random, testSeed } from "../support/seed.js";
import { Verifier } from "../support/verifier.js";

const KIB = 1024;
const allocated = () => stats().allocated;

/** A round of blocks of all sizes, each verified to be its own, from the first to the last. */
function round(arena: Arena, random: Random, blocks: number): void {
  const verifier = new Verifier(random.next(), (pointer, bytes) => view(pointer as Pointer, bytes));
  for (let i = 0; i < blocks; i++) {
    const size = random.chance(0.02) ? random.spread(1, 400_000) : random.spread(1, 500) - 1;
    verifier.add(arena.malloc(size), size, Math.max(size, 1));
  }
  verifier.verifyAll();
}

for (const chunkBytes of [1 * KIB, 1500, 64 * KIB, 1024 * KIB]) {
  test(`blocks overlap nothing and keep their contents: chunks of ${chunkBytes}`, () => {
    const random = new Random(testSeed(`arena ${chunkBytes}`));
    const before = allocated();
    using arena = new Arena({ chunkBytes });
    for (let i = 0; i < 10; i++) {
      round(arena, random, random.int(0, 1000));
      check();
      arena.reset();
    }
    arena.dispose();
    assert.is(allocated(), before);
  });
}

test("nothing is allocated before the first block", () => {
  const before = allocated();
  const arena = new Arena();
  arena.reset();
  assert.is(allocated(), before);
  arena.malloc(1);
  assert.ok(allocated() > before);
  arena.dispose();
  assert.is(allocated(), before);
});

test("blocks lie one after the other, each at a multiple of 16; size 0 has a place too", () => {
  using arena = new Arena();
  const sizes = [1, 16, 17, 0, 0, 24, 100];
  const places = [16, 16, 32, 16, 16, 32, 112];
  let expected = arena.malloc(8) + 16;
  for (const [i, size] of sizes.entries()) {
    const pointer = arena.malloc(size);
    assert.is(pointer % 16, 0);
    assert.is(pointer, expected, `block ${i}`);
    expected += places[i]!;
  }
});

test("reset keeps the chunks and hands the same places out again", () => {
  using arena = new Arena({ chunkBytes: 4 * KIB });
  const fill = () => Array.from({ length: 1000 }, () => arena.malloc(48));
  const first = fill();
  const held = allocated();
  for (let i = 0; i < 5; i++) {
    arena.reset();
    assert.is(allocated(), held);
    assert.equal(fill(), first);
    assert.is(allocated(), held);
  }
});

test("chunks take little more than their blocks", () => {
  const before = allocated();
  using arena = new Arena();
  for (let i = 0; i < 100_000; i++) arena.malloc(24);
  assert.ok(allocated() - before < 100_000 * 32 * 1.03);
});

test("a large request has a chunk of its own, and the current one goes on", () => {
  const before = allocated();
  using arena = new Arena({ chunkBytes: 64 * KIB });
  const first = arena.malloc(16);
  const held = allocated();
  const large = arena.malloc(1_000_000);
  view(large, 1_000_000).fill(3);
  assert.ok(allocated() - held >= 1_000_000 && allocated() - held < 1_010_000);
  assert.is(arena.malloc(16), first + 16);
  arena.reset();
  assert.is(allocated(), held, "reset gives it back");
  arena.dispose();
  assert.is(allocated(), before);
});

test("its blocks are refused by what takes blocks of the heap", () => {
  using arena = new Arena();
  const blocks = [arena.malloc(0), arena.malloc(100), arena.malloc(20_000), arena.malloc(500_000)];
  const held = allocated();
  for (const pointer of blocks) {
    refused(() => free(pointer), "ERR_INVALID_POINTER");
    refused(() => usableSize(pointer), "ERR_INVALID_POINTER");
    refused(() => realloc(pointer, 10), "ERR_INVALID_POINTER");
  }
  assert.is(allocated(), held);
});

test("wrong sizes and requests beyond all memory are refused, and the next block is as if they had not been", () => {
  using arena = new Arena();
  const first = arena.malloc(16);
  for (const wrong of [-1, 1.5, Number.NaN, Infinity, "8", null, undefined, 8n] as number[]) {
    refused(() => arena.malloc(wrong), "ERR_INVALID_ARG");
  }
  refused(() => arena.malloc(2 ** 52), "ERR_OUT_OF_MEMORY");
  assert.is(arena.malloc(16), first + 16);
});

test("calloc gives zeroes where other blocks were, and refuses what the function calloc refuses", () => {
  using arena = new Arena({ chunkBytes: 4 * KIB });
  for (const [count, size] of [
    [10, 8],
    [1, 3000],
    [100, 100],
    [0, 8],
  ] as const) {
    fill(arena.malloc(count * size), 0xff, count * size);
    arena.reset();
    assert.ok(view(arena.calloc(count, size), count * size).every((byte) => byte === 0));
    arena.reset();
  }
  refused(() => arena.calloc(2 ** 30, 2 ** 30), "ERR_INVALID_ARG");
  refused(() => arena.calloc(-1, 8), "ERR_INVALID_ARG");
  refused(() => arena.calloc(2 ** 26, 2 ** 26), "ERR_OUT_OF_MEMORY");
});

test("wrong sizes of chunks are refused", () => {
  for (const chunkBytes of [0, -1, 1023, 1024.5, 2 ** 29 + 1, Number.NaN, "64K" as unknown as number]) {
    refused(() => new Arena({ chunkBytes }), "ERR_INVALID_ARG");
  }
  refused(() => new Arena({ chunkSize: 4096 } as never), "ERR_INVALID_ARG");
});

for (const way of ["dispose", "destroy", Symbol.dispose] as const) {
  test(`after ${String(way)} everything but another end is refused`, () => {
    const before = allocated();
    const arena = new Arena();
    arena.malloc(10);
    arena.malloc(1_000_000);
    assert.not(arena.disposed);
    arena[way]();
    arena[way]();
    assert.ok(arena.disposed);
    assert.is(allocated(), before);
    for (const size of [0, 1, 1_000_000]) refused(() => arena.malloc(size), "ERR_DISPOSED");
    refused(() => arena.calloc(1, 1), "ERR_DISPOSED");
    refused(() => arena.reset(), "ERR_DISPOSED");
    assert.is(allocated(), before);
  });
}

test("an exception disposes of what `using` declared", () => {
  const before = allocated();
  assert.throws(() => {
    using arena = new Arena();
    arena.malloc(200_000);
    throw new Error("on purpose");
  }, /on purpose/);
  assert.is(allocated(), before);
});

test.run();
