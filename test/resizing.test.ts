/**
 * alignedRealloc, recalloc, goodSize and owns: alignment is kept, what grows is zero, what is said of sizes and blocks is so.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { heap } from "../src/api/attached.js";
import { Rec } from "../src/heap/record.js";
import {
  alignedAlloc,
  alignedRealloc,
  buffer,
  calloc,
  check,
  free,
  goodSize,
  malloc,
  NULL,
  owns,
  type Pointer,
  realloc,
  recalloc,
  stats,
  trim,
  usableSize,
  view,
} from "../src/index.js";
import { refused } from "./peers/expect.js";
import { Random, testSeed } from "./support/seed.js";
import { throwsHeapError } from "./support/throws.js";

const KIB = 1024;
const MIB = 1024 * KIB;
const ROUNDS = 150;
const random = new Random(testSeed("resizing"));

/** Of small blocks, of blocks with a mapping of their own, and around the threshold between them. */
const someSize = () => (random.chance(0.2) ? random.int(100 * KIB, 600 * KIB) : random.spread(1, 100 * KIB));

function allAre(pointer: Pointer, from: number, to: number, byte: number, what: string): void {
  const found = buffer(pointer, to).subarray(from);
  const same = found.equals(Buffer.alloc(found.length, byte));
  assert.ok(same, `${what}: bytes ${from} to ${to} are not all ${byte}`);
}

/** What a call costs besides stores: updates begun, tests of the stack, mappings resized. */
function costOf(call: () => void): { updates: number; tests: number; mremaps: number } {
  const { words: m, record } = heap;
  const { apply } = Reflect;
  const { mremaps } = stats();
  const updates = m[record + Rec.updates]!;
  let tests = 0;
  Reflect.apply = ((...of: Parameters<typeof apply>) => {
    tests++;
    return apply(...of);
  }) as typeof apply;
  try {
    call();
  } finally {
    Reflect.apply = apply;
  }
  return { updates: m[record + Rec.updates]! - updates, tests, mremaps: stats().mremaps - mremaps };
}

test("a small block that stays as it is takes no update and no test of the stack", () => {
  for (const [most, least] of [
    [1000, 992],
    [4088, 3600], // within its slack
  ] as const) {
    const block = alignedAlloc(64, most);
    for (const size of [most, least, usableSize(block)]) {
      const free = { updates: 0, tests: 0, mremaps: 0 };
      const by = (call: () => Pointer) => costOf(() => assert.is(call(), block, `${size}`));
      assert.equal(
        by(() => alignedRealloc(block, 64, size)),
        free,
      );
      assert.equal(
        by(() => alignedRealloc(block, 8, size)),
        free,
      );
      assert.equal(
        by(() => recalloc(block, size)),
        free,
      );
    }
    assert.is(costOf(() => free(alignedRealloc(block, 64, 10_000))).tests, 1, "but not when it moves");
  }
  check();
});

test("a mapped block whose pages stay takes an update for the lock, and no test of the stack", () => {
  const block = alignedAlloc(64, 8 * MIB);
  const most = usableSize(block);
  for (const size of [most, most - 100, most - 1000, most]) {
    const aligned = costOf(() => assert.is(alignedRealloc(block, 64, size), block));
    assert.equal(aligned, { updates: 1, tests: 0, mremaps: 0 });
    const cleared = costOf(() => assert.is(recalloc(block, size), block));
    assert.equal(cleared, { updates: 2, tests: 0, mremaps: 0 }, "and one for the size that it has");
  }
  assert.ok(costOf(() => free(recalloc(block, 64 * MIB))).tests > 0, "but not when they are resized");
});

test("an aligned block that would stay, if it were not for its alignment, moves", () => {
  for (const size of [1000, 300_000]) {
    const spaced = [alignedAlloc(4096, size), malloc(size), malloc(size)];
    const block = spaced.find((at) => at % 65_536 !== 0)!;
    const moved = alignedRealloc(block, 65_536, size);
    assert.is(moved % 65_536, 0);
    free(moved);
    for (const other of spaced) if (other !== block) free(other);
  }
  check();
});

test("errors name the function that was called", () => {
  const tooMuch = 2 ** 52;
  const blocks = [malloc(100), malloc(300_000)];
  const calls = {
    alignedRealloc: (pointer: Pointer, size: number) => alignedRealloc(pointer, 16, size),
    recalloc,
    realloc,
  };
  for (const [name, call] of Object.entries(calls)) {
    const named = new RegExp(`^${name}: `);
    for (const block of blocks) {
      throwsHeapError(() => call(block, tooMuch), "ERR_OUT_OF_MEMORY", new RegExp(`^${name}: no room for `));
    }
    throwsHeapError(() => call(16 as Pointer, 10), "ERR_INVALID_POINTER", named);
    throwsHeapError(() => call(blocks[1]!, -1), "ERR_INVALID_ARG", named);
  }
  throwsHeapError(() => alignedRealloc(blocks[0]!, 64, tooMuch), "ERR_OUT_OF_MEMORY", /^alignedRealloc: /);
  throwsHeapError(() => alignedRealloc(16 as Pointer, 64, 10), "ERR_INVALID_POINTER", /^alignedRealloc: /);
  blocks.forEach(free);
  check();
});

test("alignedRealloc keeps alignment and contents", () => {
  const neighbours: Pointer[] = [];
  let lost = 0; // what realloc would have made of it
  for (let round = 0; round < ROUNDS; round++) {
    const alignment = 2 ** random.int(0, 16);
    let size = someSize();
    let block = random.chance(0.7) ? alignedAlloc(alignment, size) : malloc(size);
    for (let step = 0; step < 4; step++) {
      buffer(block).fill(round & 255);
      neighbours.push(malloc(random.spread(1, 5000)));
      const next = someSize();
      block = alignedRealloc(block, alignment, next);
      assert.is(block % alignment, 0, `${block} at ${alignment}`);
      assert.ok(usableSize(block) >= next);
      allAre(block, 0, Math.min(size, next), round & 255, `round ${round}`);
      size = next;
    }
    const moved = realloc(block, size * 2);
    if (moved % alignment !== 0) lost++;
    free(moved);
    for (const other of neighbours.splice(0, random.int(0, neighbours.length))) free(other);
  }
  for (const other of neighbours) free(other);
  check();
  assert.ok(lost > 0, "realloc never lost an alignment, so nothing was shown");
});

test("an aligned mapping grows by its page tables: no second one, and the same bytes", () => {
  const block = alignedAlloc(4096, 4 * MIB);
  buffer(block, 64).fill(9);
  const before = stats();
  const grown = alignedRealloc(block, 4096, 64 * MIB);
  const { mmaps, mremaps } = stats();
  assert.is(mremaps, before.mremaps + 1);
  assert.is(mmaps, before.mmaps);
  assert.is(grown % 4096, 0);
  allAre(grown, 0, 64, 9, "after it grew");
  free(grown);
});

test("alignedRealloc of NULL, to nothing, and of what it refuses", () => {
  const block = alignedRealloc(NULL, 256, 100);
  assert.is(block % 256, 0);
  const least = alignedRealloc(block, 256, 0);
  assert.ok(usableSize(least) >= 16);
  view(least).fill(3);
  for (const alignment of [0, 3, 48, -16, 2 ** 32, Number.NaN, "64", 64n, undefined]) {
    refused(() => alignedRealloc(least, alignment as number, 10), "ERR_INVALID_ARG");
  }
  for (const size of [-1, 0.5, "10", 10n, undefined]) {
    refused(() => alignedRealloc(least, 64, size as number), "ERR_INVALID_ARG");
  }
  refused(() => alignedRealloc(least, 64, 2 ** 52), "ERR_OUT_OF_MEMORY");
  refused(() => alignedRealloc((least + 8) as Pointer, 64, 10), "ERR_INVALID_POINTER");
  allAre(least, 0, 16, 3, "after all that was refused");
  free(least);
  refused(() => alignedRealloc(least, 64, 10), "ERR_DOUBLE_FREE");
  check();
});

test("recalloc: what is not kept is zero", () => {
  // Freed blocks full of something, so that memory used again is not zero by chance.
  const dirty = Array.from({ length: 200 }, () => malloc(random.spread(1, 8000)));
  for (const block of dirty) buffer(block).fill(0xee);
  dirty.forEach(free);
  for (let round = 0; round < ROUNDS; round++) {
    let size = someSize();
    let written = size;
    let block = calloc(1, size);
    buffer(block, size).fill(7);
    for (let step = 0; step < 5; step++) {
      const next = someSize();
      block = recalloc(block, next);
      written = Math.min(written, next);
      allAre(block, 0, written, 7, `round ${round}, kept`);
      allAre(block, written, usableSize(block), 0, `round ${round}, new`);
      size = next;
    }
    free(block);
  }
  check();
});

test("recalloc clears what a smaller size cuts off of a block that stays", () => {
  for (const [size, less] of [
    [1000, 990],
    [4088, 3700],
    [8 * MIB, 8 * MIB - 3],
    [8 * MIB, 8 * MIB - 1000],
  ] as const) {
    const block = malloc(size);
    buffer(block).fill(7);
    assert.is(recalloc(block, less), block);
    allAre(block, 0, less, 7, `${less} of ${size}, kept`);
    allAre(block, less, usableSize(block), 0, `${less} of ${size}, cut off`);
    free(block);
  }
});

test("recalloc of NULL and of what malloc gave, and of what it refuses", () => {
  const fresh = recalloc(NULL, 100);
  allAre(fresh, 0, usableSize(fresh), 0, "recalloc(NULL)");
  const plain = malloc(100);
  buffer(plain).fill(5);
  const grown = recalloc(plain, 1000);
  allAre(grown, 0, 104, 5, "what it could hold");
  allAre(grown, 104, usableSize(grown), 0, "the rest");
  for (const size of [-1, 0.5, "10", 10n, undefined]) {
    refused(() => recalloc(grown, size as number), "ERR_INVALID_ARG");
  }
  refused(() => recalloc(grown, 2 ** 52), "ERR_OUT_OF_MEMORY");
  allAre(grown, 0, 104, 5, "after all that was refused");
  free(fresh);
  free(grown);
  refused(() => recalloc(grown, 10), "ERR_DOUBLE_FREE");
});

test("goodSize is what is usable, and asking for it costs no more", () => {
  const sizes = [0, 1, 24, 25, 1000, 1016, 1017, 65_000, 131_064, 131_065, 131_072, 131_073, 10 * MIB];
  for (const size of [...sizes, ...Array.from({ length: ROUNDS }, someSize)]) {
    const good = goodSize(size);
    assert.ok(good >= size, `${good} for ${size}`);
    assert.is(goodSize(good), good, `${size}`);
    trim(); // so that no remainder is given with it
    const block = malloc(size);
    const same = malloc(good);
    assert.ok(usableSize(block) >= good && usableSize(same) >= good, `${size}`);
    if (size > 140_000) assert.is(usableSize(same), usableSize(block), `${size}`);
    free(block);
    free(same);
  }
  assert.ok(goodSize(Number.MAX_SAFE_INTEGER) === Number.MAX_SAFE_INTEGER);
  for (const size of [-1, 0.5, "10", 10n, undefined])
    refused(() => goodSize(size as number), "ERR_INVALID_ARG");
});

test("owns says whether free would free it", () => {
  for (const size of [0, 100, 5000, 300_000]) {
    const block = malloc(size);
    assert.ok(owns(block) && owns(BigInt(block)));
    for (const beside of [8, 16, 1, -16]) assert.not(owns(block + beside), `${size} and ${beside}`);
    free(block);
    assert.not(owns(block), `${size}, freed`);
  }
  const others = [0, -1, 1, 4096, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60, -16n, 2n ** 64n, 0n];
  for (const other of [...others, "16", null, undefined, {}])
    assert.not(owns(other as number), String(other));
});

test.run();
