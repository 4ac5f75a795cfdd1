/**
 * onOutOfMemory: a last chance before an allocation fails.
 *
 * Owns the function and when it is called: outside of updates, so that it may use the heap. Must not know what fails.
 */
import { type HeapError, isOutOfMemory, show, typeError } from "../errors.js";

let relieve: ((error: HeapError) => void) | null = null;
let isRelieving = false;

/**
 * Sets a function that is called in this thread when memory is out, and may free something: drop a cache, for example. Then the
 * allocation is tried once more, and only if it fails again is its error thrown. Instead of an earlier function; null for none.
 *
 * It is called for malloc, calloc, realloc and all that allocate by them, and for methods of a `Heap`; not for a
 * nativeAllocator's limit. It gets the error that would be thrown. It may use the heap; what it allocates itself has no such
 * chance. An error that it throws comes out of the call. Do not free the block that is being resized.
 *
 * @param callback a function, or null
 * @throws HeapError ERR_INVALID_ARG for anything else
 * @example
 * ```ts
 * import { free, Heap, HeapError, onOutOfMemory, type Pointer } from "heapwright";
 *
 * using heap = new Heap({ limit: 1_000_000 });
 * const cache: Pointer[] = [];
 * onOutOfMemory(() => cache.splice(0).forEach(free));
 * for (let i = 0; i < 1000; i++) cache.push(heap.malloc(5000)); // five times what fits
 * console.log(cache.length < 200); // true
 * onOutOfMemory(null);
 * ```
 */
export function onOutOfMemory(callback: ((error: HeapError) => void) | null): void {
  if (callback !== null && typeof callback !== "function")
    throw typeError("ERR_INVALID_ARG", `onOutOfMemory: give a function or null, got ${show(callback)}`);
  relieve = callback;
}

/**
 * What becomes of a call that threw `error`, after its update has ended: it is made again where memory was out and something may
 * have been freed; else the error is thrown.
 */
export function again<A extends unknown[], T>(error: unknown, call: (...args: A) => T, ...args: A): T {
  if (relieve === null || isRelieving || !isOutOfMemory(error)) throw error;
  isRelieving = true;
  try {
    relieve(error);
    return call(...args);
  } finally {
    isRelieving = false;
  }
}
