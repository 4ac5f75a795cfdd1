/**
 * What scopes, arenas and owners have in common: giving several blocks back whatever happens, and refusing use
 * afterwards.
 *
 * Promises that one block that cannot be freed keeps none of the others from being freed. Must not know whose they are.
 */
import type { Pointer } from "../core/memory.js";
import { HeapError } from "../errors.js";
import { free } from "../malloc.js";

/** Frees every block that can be freed, then throws what the first of the others was refused for. */
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

/** The error for the use of something after its end. */
export function disposed(operation: string, what: string): HeapError {
  return new HeapError("ERR_DISPOSED", `${operation}: ${what}; make a new one`);
}
