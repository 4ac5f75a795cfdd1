/**
 * alignedAlloc: a block at a multiple of a power of two.
 *
 * Owns its semantics and the order of its attempts. Must not know the bits of a header's words, or koffi.
 */

import { alignedPayload, blockBytes, MAX_BLOCK, MIN_BLOCK } from "../block/block.js";
import { rangeError, show, typeError } from "../errors.js";
import { MAX_SMALL, type ThreadHeap } from "../heap/heap.js";
import { cutFront, cutTail } from "../heap/resize.js";
import { type Block, NULL, type Pointer, WORD_BYTES } from "../memory/memory.js";
import { afterCall, checkSize, guarded, heap, noMemory, traced } from "./attached.js";
import { malloc } from "./malloc.js";

/** Largest alignment: 2 GiB. */
const MAX_ALIGNMENT = 2 ** 31;

/**
 * Allocates `size` bytes at a multiple of `alignment`. The bytes skipped in front of the block are freed.
 *
 * @param alignment a power of two from 1 to 2^31
 * @param size bytes, a whole number
 * @returns the address; never NULL
 * @throws HeapError ERR_INVALID_ARG for another alignment, or as malloc does
 * @throws HeapError ERR_OUT_OF_MEMORY and ERR_HEAP_CORRUPT like malloc
 *
 * @example
 * ```ts
 * import { alignedAlloc, free } from "heapwright";
 *
 * const page = alignedAlloc(4096, 100);
 * console.log(page % 4096); // 0
 * free(page);
 * ```
 */
export function alignedAlloc(alignment: number, size: number): Pointer {
  return +allocAligned(alignment, size) as Pointer;
}

function allocAligned(alignment: number, size: number): Pointer {
  checkSize("alignedAlloc", "size", size);
  checkAlignment("alignedAlloc", alignment);
  return alignment <= 16 ? malloc(size) : alignedFor("alignedAlloc", alignment, size);
}

/** alignedAlloc() for any operation, after its checks; the alignment is more than 16. */
export function alignedFor(
  operation: string,
  alignment: number,
  size: number,
  of: ThreadHeap = heap,
): Pointer {
  const pointer = guarded(() => allocateAligned(operation, alignment, size, of));
  afterCall();
  return pointer;
}

function allocateAligned(operation: string, alignment: number, size: number, of: ThreadHeap): Pointer {
  const reach = size + alignment + MIN_BLOCK;
  const pointer = alignedInCache(of, alignment, size) || alignedAnew(of, alignment, size, reach);
  if (pointer === 0) throw noMemory(operation, size, of);
  traced("aligned", pointer, size);
  return pointer;
}

/** A cached block that happens to be aligned. Only the first one is tried: NULL if it is not. */
function alignedInCache(of: ThreadHeap, alignment: number, size: number): Pointer {
  if (size > MAX_SMALL) return NULL;
  const pointer = of.popSmall(size);
  if (pointer === NULL || pointer % alignment === 0) return pointer;
  of.freeSmall(pointer);
  return NULL;
}

function alignedAnew(of: ThreadHeap, alignment: number, size: number, reach: number): Pointer {
  if (of.name !== null) return alignedInHeap(of, alignment, size, reach);
  return reach > heap.mmapThreshold
    ? heap.allocateLarge(size, alignment) || alignedInHeap(heap, alignment, size, reach)
    : alignedInHeap(heap, alignment, size, reach) || heap.allocateLarge(size, alignment);
}

/** Splits a free block in which an aligned payload fits; else obtains one so large that it must fit. */
function alignedInHeap(from: ThreadHeap, alignment: number, size: number, reach: number): Pointer {
  if (reach > MAX_BLOCK / 2) return NULL;
  const bytes = blockBytes(size);
  const fitting = from.pool.takeAligned(bytes, alignment);
  const pointer = fitting === 0 ? from.obtain(blockBytes(reach)) : heap.window.pointerOf(fitting);
  if (pointer === NULL) return NULL;
  const b = heap.window.blockOf(pointer);
  const of = heap.holding(b)!;
  const target = alignedPayload(pointer, alignment);
  const aligned = cutFront(of, b, (b + (target - pointer) / WORD_BYTES) as Block);
  cutTail(of, aligned, bytes);
  return target as Pointer;
}

/** Throws ERR_INVALID_ARG, naming the operation, unless the alignment is a power of two up to 2^31. */
export function checkAlignment(operation: string, alignment: number): void {
  if (typeof alignment !== "number") {
    throw typeError("ERR_INVALID_ARG", `${operation}: alignment must be a number, got ${show(alignment)}`);
  }
  const whole = Number.isInteger(alignment) && alignment >= 1 && alignment <= MAX_ALIGNMENT;
  if (!whole || !Number.isInteger(Math.log2(alignment))) {
    throw rangeError(
      "ERR_INVALID_ARG",
      `${operation}: alignment must be a power of two from 1 to 2^31, got ${show(alignment)}`,
    );
  }
}
