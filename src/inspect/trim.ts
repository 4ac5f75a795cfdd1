/**
 * Giving free memory back on request.
 */
import { guarded } from "../attached.js";
import { heap, unusable } from "../malloc.js";

/**
 * Joins what is cached and gives every whole free page of the calling thread's heap back to the operating system, and
 * of the heaps of all threads that ended. What other threads freed is taken back first, and what this thread freed for
 * others is sent.
 *
 * The heap does so by itself when more than `trimThreshold` bytes lie idle and more than is in use; and before a mapping
 * that would make the footprint larger than it ever was, with as much as is mapped, when a 32nd of that lies idle.
 *
 * @returns bytes given back
 * @throws HeapError ERR_HEAP_CORRUPT when it meets a header, or a freed block, that something overwrote; what was given back
 *   until then stays so
 * @throws HeapError ERR_UNSUPPORTED_PLATFORM where there is no heap
 *
 * @example
 * ```ts
 * import { free, malloc, trim, view } from "heapwright";
 *
 * const blocks = Array.from({ length: 100 }, () => malloc(100_000));
 * for (const block of blocks) view(block).fill(1); // touched, so there is memory behind it
 * blocks.forEach(free);
 * console.log(trim() > 9_000_000); // true
 * ```
 */
export function trim(): number {
  if (unusable !== null) throw unusable;
  const bytes = guarded(trimAll);
  heap.hooks.settle?.();
  return bytes;
}

function trimAll(): number {
  heap.outbox.flush();
  const bytes = heap.elsewhere?.trim() ?? 0; // ended threads' heaps may send what was freed there for this one
  return bytes + heap.trim();
}
