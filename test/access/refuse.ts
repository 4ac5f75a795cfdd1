/**
 * What a wrong argument must meet: an error of the right class and code that says something, and a heap that is as it
 * was.
 */
import * as assert from "uvu/assert";
import { HeapError, type HeapErrorCode } from "../../src/index.js";
import { figures } from "../support/figures.js";

export const notNumbers: readonly unknown[] = [
  undefined,
  null,
  true,
  "8",
  8n,
  {},
  [8],
  Symbol("8"),
  () => 8,
  { valueOf: () => assert.unreachable("nothing may convert an argument") },
];
export const notWhole: readonly number[] = [
  Number.NaN,
  Infinity,
  -Infinity,
  -1,
  -0.5,
  0.5,
  2 ** 53,
  -(2 ** 53),
];
/** Numbers that are no address of this heap: NULL, below, above, far out, and none at all. */
export const nowhere: readonly number[] = [
  0,
  -0,
  1,
  8,
  4096,
  2 ** 47,
  2 ** 53,
  -16,
  0.5,
  Number.NaN,
  Infinity,
];

export function refuses(what: string, code: HeapErrorCode, attempt: () => unknown): HeapError {
  const before = figures();
  try {
    attempt();
  } catch (error) {
    assert.instance(error, HeapError, `${what}: ${String(error)}`);
    const refusal = error as HeapError;
    assert.is(refusal.code, code, `${what}: ${refusal.message}`);
    assert.ok(refusal.message.length > 20, what);
    assert.equal(figures(), before, what);
    return refusal;
  }
  return assert.unreachable(`${what} was accepted`) as never;
}

/** Each value is refused: with a TypeError where it has the wrong type, else with a RangeError. */
export function refusesEach(
  what: string,
  code: HeapErrorCode,
  values: readonly unknown[],
  call: (value: never) => unknown,
): void {
  for (const value of values) {
    const name = `${what} with ${typeof value === "object" ? "an object" : String(value)} (${typeof value})`;
    const refusal = refuses(name, code, () => call(value as never));
    // A bigint may be an address as a number may, and nothing else.
    const isNumber =
      typeof value === "number" || (typeof value === "bigint" && code === "ERR_INVALID_POINTER");
    assert.instance(refusal, isNumber ? RangeError : TypeError, name);
  }
}
