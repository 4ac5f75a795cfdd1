/**
 * goodSize() and owns(): how many bytes a request gets, and whether an address is a live block's.
 *
 * Owns their semantics. Must not change anything.
 */

import { blockBytes } from "../block/block.js";
import { MAX_SMALL } from "../heap/heap.js";
import { HEADER_BYTES } from "../memory/memory.js";
import { checkSize, guarded, heap, numberOf, unusable } from "./attached.js";

/**
 * Usable bytes that a block for `size` bytes has at least. A request of that many takes no more memory than one of `size`,
 * so a buffer that grows can use them at no cost. Any thread.
 *
 * With `mmapThreshold: "dynamic"` the answer holds for the current threshold.
 *
 * @param size bytes, a whole number
 * @throws HeapError ERR_INVALID_ARG when `size` is not a non-negative whole number; ERR_UNSUPPORTED_PLATFORM where there
 *   is no heap
 *
 * @example
 * ```ts
 * import { free, goodSize, malloc, usableSize } from "heapwright";
 *
 * const size = goodSize(100);
 * const block = malloc(size);
 * console.log(size, usableSize(block)); // 104 104
 * free(block);
 * ```
 */
export function goodSize(size: number): number {
  if (unusable !== null) throw unusable;
  checkSize("goodSize", "size", size);
  if (heap.hooks.guard !== null || heap.hooks.slots !== null) return size; // each byte more is watched
  const threshold = heap.mmapThreshold;
  if (size > MAX_SMALL && size > threshold) return heap.large.usableFor(size);
  const good = blockBytes(size) - HEADER_BYTES;
  return good <= MAX_SMALL ? good : Math.min(good, Math.max(threshold, MAX_SMALL));
}

/**
 * Whether `free(pointer)` would free a block: whether a live block starts there, of any thread's heap. False for NULL, for a
 * block that is free, for an address inside a block, for C's memory, and for a value that is no address. Nothing outside
 * the heap's memory is read. Any thread; another thread may free the block before the answer is used.
 *
 * @example
 * ```ts
 * import { free, malloc, owns } from "heapwright";
 *
 * const block = malloc(100);
 * console.log(owns(block), owns(4096)); // true false
 * free(block);
 * console.log(owns(block)); // false
 * ```
 */
export function owns(pointer: number | bigint): boolean {
  if (unusable !== null) return false;
  const address = numberOf(pointer);
  return heap.liveBlockOfAny(address) !== 0 || guarded(() => heap.large.sizeOf(address) >= 0);
}
