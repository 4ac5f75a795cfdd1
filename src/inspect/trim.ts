/**
 * trim(): purges all free memory on request.
 *
 * Owns the order: the outbox, other heaps, slack of large blocks, this heap. When the heap purges by itself is in heap/purge.ts.
 */
import { guarded } from "../api/attached.js";
import { heap, unusable } from "../api/malloc.js";

/**
 * Consolidates the calling thread's heaps, and those of all ended threads, and gives every whole free page of them back to
 * the operating system. Before that, blocks that other threads freed are taken back, and those that this thread freed for
 * others are sent. Other living threads are asked to do it too: those that wait in their event loops give memory back
 * before this returns, if they can within a tenth of a second; for others see idle().
 *
 * The heap purges by itself
 * - when the bytes that lie idle are more than `trimThreshold` and more than those in use;
 * - when more than `trimThreshold` bytes lie idle and nothing happens for a second;
 * - before a new mapping that would raise `peakFootprint`: as many bytes as are mapped, if so many lie idle and they are at
 *   least a 32nd of `trimThreshold`.
 *
 * What is given back stays in the address space of the heap. Other heaps and large blocks get that when they find no room.
 *
 * @returns bytes given back
 * @throws HeapError ERR_HEAP_CORRUPT when it finds an overwritten header or an overwritten free block; memory given back
 *   before that stays given back
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
  heap.hooks.afterCall?.();
  return bytes;
}

function trimAll(): number {
  heap.outbox.flush();
  const bytes = heap.others?.trim() ?? 0; // first: an ended thread's outbox may hold blocks of this heap
  const slack = heap.large.unmapSlack() * heap.wilderness.pageSize;
  return bytes + slack + heap.trim();
}
