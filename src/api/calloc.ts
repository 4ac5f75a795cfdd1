/**
 * calloc, and what else clears new blocks.
 *
 * Owns the check for overflow, and what need not be cleared: memory that is fresh from the kernel. Must not know the bits of a
 * header's words, or koffi.
 */

import { sizeOf } from "../block/block.js";
import { rangeError } from "../errors.js";
import { MAX_SMALL, type ThreadHeap } from "../heap/heap.js";
import type { Pointer } from "../memory/memory.js";
import { afterCall, checkSize, heap, interrupted, traced } from "./attached.js";
import { allocateFor } from "./malloc.js";
import { again } from "./relief.js";
import { slowly, slowPath } from "./slow-paths.js";

const CALLOC_SLOW = 4;
slowPath(CALLOC_SLOW, allocateCleared as (count: number, size?: number) => number);

/** Up to this many pairs of words, 1 KiB, a loop is faster than the call of a builtin. */
const LOOP_PAIRS = 128;

/**
 * Allocates `count * size` bytes, all zero. Memory fresh from the operating system is zero already and is not cleared.
 *
 * @param count how many, a whole number
 * @param size bytes of each, a whole number
 * @returns the address; never NULL
 * @throws HeapError ERR_INVALID_ARG when an argument is not a non-negative whole number, or the product is beyond
 *   Number.MAX_SAFE_INTEGER
 * @throws HeapError ERR_OUT_OF_MEMORY and ERR_HEAP_CORRUPT like malloc
 *
 * @example
 * ```ts
 * import { calloc, free, read } from "heapwright";
 *
 * const counters = calloc(10, 4); // ten u32
 * console.log(read.u32(counters, 9 * 4)); // 0
 * free(counters);
 * ```
 */
export function calloc(count: number, size: number): Pointer {
  // No fast path here: inlined into a loop that also calls free, it would leave V8 no room to inline free (V8 rule 1).
  return +slowly(CALLOC_SLOW, count, size) as Pointer;
}

function allocateCleared(count: number, size: number): Pointer {
  const bytes = bytesOf("calloc", count, size);
  if (bytes <= MAX_SMALL) {
    const cached = heap.popSmall(bytes);
    if (cached !== 0) {
      const b = heap.window.blockOf(cached);
      clearWords(b + 2, b + (sizeOf(heap.words, b) >>> 2));
      return cached;
    }
  }
  return callocSlow(bytes);
}

/** `count` times `size` in bytes; throws ERR_INVALID_ARG, naming the operation, for wrong arguments or overflow. */
export function bytesOf(operation: string, count: number, size: number): number {
  checkSize(operation, "count", count);
  checkSize(operation, "size", size);
  const bytes = count * size;
  if (Number.isSafeInteger(bytes)) return bytes;
  throw rangeError("ERR_INVALID_ARG", `${operation}: ${count} times ${size} bytes is more than 2^53 - 1`);
}

function callocSlow(bytes: number): Pointer {
  heap.enter();
  let pointer: Pointer;
  try {
    pointer = allocateFor("calloc", bytes);
    clearFresh(pointer);
    traced("calloc", pointer, bytes);
    heap.open();
  } catch (error) {
    return again(interrupted(error), callocSlow, bytes);
  }
  afterCall();
  return pointer;
}

/**
 * Clears the words from `from` up to `to`, both even: where a payload and a block begin. The loop clears two pairs at a time,
 * after a first one if their number is odd, which it nearly always is.
 */
function clearWords(from: number, to: number): void {
  const { pairs } = heap.window;
  const end = to >>> 1;
  let i = from >>> 1;
  if (end - i > LOOP_PAIRS) {
    pairs.fill(0, i, end);
    return;
  }
  if (((end - i) & 1) !== 0) pairs[i++] = 0;
  for (; i < end; i += 2) {
    pairs[i] = 0;
    pairs[i + 1] = 0;
  }
}

/**
 * Clears the part of a new block that may not be zero: below the pages of the wilderness that are fresh from the kernel.
 * Nothing of a large block: its mapping is fresh. `of` is the heap it came from; the block may lie in an adopted one.
 */
export function clearFresh(pointer: Pointer, of: ThreadHeap = heap): void {
  const b = heap.liveBlockOfAny(pointer);
  if (b === 0) return;
  const end = b + (sizeOf(heap.words, b) >>> 2);
  clearWords(b + 2, Math.min(end, of.wilderness.cleanFrom));
}
