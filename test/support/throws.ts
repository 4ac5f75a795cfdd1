/**
 * Expecting a HeapError: by code and message, and never mistaking another error for it.
 */
import * as assert from "uvu/assert";
import { HeapError, type HeapErrorCode } from "../../src/errors.js";

/** Calls `work`, which must throw a HeapError of that code whose message matches. */
export function throwsHeapError(work: () => unknown, code: HeapErrorCode, message = /./): HeapError {
  let result: unknown;
  try {
    result = work();
  } catch (error) {
    if (!(error instanceof HeapError)) throw error;
    assert.is(error.code, code, error.message);
    assert.match(error.message, message);
    return error;
  }
  throw new Error(`returned ${String(result)} where ${code} was to be thrown`);
}

/** Calls what must throw a HeapError of that code, whose message matches all of `parts`. */
export function refused(code: HeapErrorCode, call: () => unknown, ...parts: RegExp[]): void {
  assert.throws(call, (error: unknown) => {
    assert.instance(error, HeapError, String(error));
    assert.is((error as HeapError).code, code, (error as HeapError).message);
    for (const part of parts) assert.match((error as HeapError).message, part);
    return true;
  });
}
