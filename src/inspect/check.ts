/**
 * check(): verifies the calling thread's heaps and what threads share.
 *
 * Owns which heaps are verified. What is verified in one is in heap/verify.ts and check-shared.ts.
 */
import { guarded } from "../api/attached.js";
import { heap, unusable } from "../api/malloc.js";
import { checkHeap } from "../heap/verify.js";
import { checkShared } from "./check-shared.js";
import { heapsOf } from "./walk.js";

/**
 * Verifies every header, fence, list and bitmap of the calling thread's heap and of those it made or adopted, the headers
 * of orphans (heaps whose threads ended), and what the threads share: the table of segments, the large blocks, and the
 * account of pages. Heaps of other running threads are not verified: they change all the time.
 *
 * @throws HeapError ERR_HEAP_CORRUPT that says what contradicts what, and where
 *
 * @example
 * ```ts
 * import { check, HeapError, malloc, write } from "heapwright";
 *
 * const block = malloc(24);
 * malloc(24);
 * check(); // all is well
 * write.u32(block, 0, 24); // past the end
 * try {
 *   check();
 * } catch (error) {
 *   if (error instanceof HeapError) console.log(error.code); // ERR_HEAP_CORRUPT
 * }
 * ```
 */
export function check(): void {
  if (unusable !== null) throw unusable;
  guarded(() => {
    for (const of of heapsOf(heap)) checkHeap(of);
    checkShared(heap);
  });
  heap.hooks.guard?.verify();
  const { slots } = heap.hooks;
  if (slots !== null) for (const { pointer } of slots.live()) guarded(() => slots.verify(pointer));
}
