/**
 * What scopes, arenas and owners have in common: freeing many blocks, counting their bytes, and the error for use after
 * dispose().
 */

import { free, usableAt } from "../api/malloc.js";
import { HeapError } from "../errors.js";
import type { Pointer } from "../memory/memory.js";

/** Frees every block that can be freed; then throws the error of the first that could not. */
export function freeAll(pointers: Iterable<Pointer>): void {
  let failed = false;
  let why: unknown;
  for (const pointer of pointers) {
    try {
      free(pointer);
    } catch (error) {
      if (!failed) why = error;
      failed = true;
    }
  }
  if (failed) throw why;
}

/** Usable bytes of those blocks that are live. For console.log: never throws. */
export function liveBytes(pointers: Iterable<Pointer>): number {
  let bytes = 0;
  for (const pointer of pointers) {
    try {
      bytes += usableAt("inspect", pointer);
    } catch {
      // freed by somebody else, or overwritten: freeing it will throw
    }
  }
  return bytes;
}

/** The error for a use after dispose(). */
export function disposed(operation: string, what: string): HeapError {
  return new HeapError("ERR_DISPOSED", `${operation}: ${what}; make a new one`);
}
