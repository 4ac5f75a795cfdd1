/**
 * What the tests that follow other allocators' suites have in common: expecting an error by its code, and looking at
 * a block's bytes. Knows only the public API.
 */
import * as assert from "uvu/assert";
import { free, HeapError, type Pointer, usableSize, view } from "../../src/index.js";

/** The largest size that can be asked for at all; no machine has it. */
export const LARGEST = Number.MAX_SAFE_INTEGER;

/** Runs `attempt`, which must throw a HeapError with one of the codes, and returns the error. */
export function refused(attempt: () => unknown, ...codes: string[]): HeapError {
  let result: unknown;
  try {
    result = attempt();
  } catch (error) {
    if (!(error instanceof HeapError)) throw error;
    assert.ok(
      codes.includes(error.code),
      `expected ${codes.join(" or ")}, got ${error.code}: ${error.message}`,
    );
    return error;
  }
  throw new Error(`expected ${codes.join(" or ")}, but it returned ${String(result)}`);
}

/** A block was given out: a real address with the right alignment and room for `size` bytes. */
export function usableFor(pointer: Pointer, size: number, alignment = 16): void {
  assert.ok(Number.isSafeInteger(pointer) && pointer > 0, `${pointer} is an address`);
  assert.is(pointer % alignment, 0, `0x${pointer.toString(16)} is aligned to ${alignment}`);
  assert.ok(usableSize(pointer) >= size, `${usableSize(pointer)} bytes hold the ${size} asked for`);
}

/** Every byte of [from, to) has the value; memory is compared in strides, so large blocks are quick. */
export function holds(pointer: Pointer, byte: number, from: number, to: number): void {
  assert.ok(to > from, "there are bytes to compare");
  const stride = Buffer.alloc(Math.min(to - from, 65_536), byte);
  for (let at = from; at < to; at += stride.length) {
    const length = Math.min(stride.length, to - at);
    const bytes = view(pointer, at + length).subarray(at);
    if (stride.compare(bytes, 0, length, 0, length) === 0) continue;
    const wrong = bytes.findIndex((value) => value !== byte);
    assert.unreachable(`byte ${at + wrong} is ${bytes[wrong]}, not ${byte}`);
  }
}

/**
 * Takes blocks, dirties them over their whole length and frees them, so that what is handed out next is dirty.
 * Returns where they were, for the test to show that it was given one of them again.
 */
export function leaveDirt(allocate: () => Pointer, blocks = 8): Set<Pointer> {
  const dirty = Array.from({ length: blocks }, allocate);
  for (const pointer of dirty) view(pointer).fill(0xd7);
  for (const pointer of dirty) free(pointer);
  return new Set(dirty);
}
