/**
 * A write of one byte past the end of a block: whatever meets it names the block that was written past.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  check,
  free,
  HeapError,
  malloc,
  type Pointer,
  realloc,
  trim,
  usableSize,
  view,
  walk,
} from "../../src/index.js";

/** Two blocks of `size` bytes, one right above the other. */
function neighbours(size: number): [Pointer, Pointer] {
  const blocks = Array.from({ length: 64 }, () => malloc(size));
  const low = blocks.find((block) => blocks.includes((block + usableSize(block) + 8) as Pointer))!;
  const high = (low + usableSize(low) + 8) as Pointer;
  for (const block of blocks) if (block !== low && block !== high) free(block);
  return [low, high];
}

function said(work: () => unknown, code: string): string {
  try {
    work();
  } catch (error) {
    assert.instance(error, HeapError);
    assert.is((error as HeapError).code, code, (error as HeapError).message);
    return (error as HeapError).message;
  }
  return assert.unreachable("nothing was thrown") as never;
}

for (const size of [24, 1000, 1001, 5000, 100_000]) {
  test(`a block of ${size} bytes is written past by one`, () => {
    const [low, high] = neighbours(size);
    const usable = usableSize(low);
    const past = view(low, usable + 1);
    const byte = past[usable]!;
    past[usable] = byte ^ 0x41; // 0x41 leaves no size of a block
    const culprit = `the block below it, at 0x${low.toString(16)} (${usable} bytes, in use), ends there`;
    const spoiled = `0x${high.toString(16)}`;
    for (const work of [() => free(high), () => realloc(high, 2 * size), () => usableSize(high)]) {
      const text = said(work, "ERR_INVALID_POINTER");
      assert.match(text, `${spoiled} is not a block: its header was overwritten; ${culprit}`);
    }
    for (const work of [check, trim]) {
      assert.match(said(work, "ERR_HEAP_CORRUPT"), `the block at ${spoiled} was overwritten; ${culprit}`);
    }
    past[usable] = byte;
    free(high);
    free(low);
    check();
  });
}

test("a block that is freed names itself when the header above it was overwritten", () => {
  const [low, high] = neighbours(20_000);
  const usable = usableSize(low);
  const past = view(low, usable + 1);
  past[usable]! ^= 0x41;
  assert.match(
    said(() => free(low), "ERR_HEAP_CORRUPT"),
    `at 0x${low.toString(16)} (${usable} bytes`,
  );
  past[usable]! ^= 0x41;
  free(low);
  free(high);
  check();
  assert.not.ok([...walk()].some(({ pointer, state }) => pointer === low && state === "live"));
});

test.run();
