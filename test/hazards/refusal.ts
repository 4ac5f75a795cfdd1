/**
 * What a pointer that is no live block's must meet: every function that takes one refuses it with the right code, and
 * the heap is as it was.
 */
import * as assert from "uvu/assert";
import { free, HeapError, type Pointer, read, realloc, usableSize } from "../../src/index.js";
import { figures } from "../support/figures.js";

const operations: Record<string, (pointer: Pointer) => unknown> = {
  free,
  usableSize,
  realloc: (pointer) => realloc(pointer, 64),
  "realloc to nothing": (pointer) => realloc(pointer, 0),
  "realloc to much": (pointer) => realloc(pointer, 500_000),
};

/** The code that `operation` refuses with; "none" when it does not. Most of an error's time goes into its stack: it has none. */
export function codeOf(operation: () => unknown): string {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    operation();
  } catch (error) {
    if (error instanceof HeapError) return error.code;
    throw error;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  return "none";
}

/** Every operation on `pointer` is refused with one of the codes, and changes nothing. */
export function refusesPointer(pointer: number, what: string, ...codes: string[]): void {
  for (const [name, operation] of Object.entries(operations)) {
    const before = figures();
    const code = codeOf(() => operation(pointer as Pointer));
    if (!codes.includes(code))
      assert.unreachable(`${name} of ${what} met ${code}, not ${codes.join(" or ")}`);
    const after = figures();
    assert.equal(after, before, `${name} of ${what} changed the heap`);
  }
}

/** The 8 bytes in front of a block's payload. */
export function headerOf(pointer: Pointer): readonly [number, number] {
  return [read.u32(pointer, -8), read.u32(pointer, -4)];
}
