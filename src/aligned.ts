/**
 * alignedAlloc: a block at a multiple of a power of two.
 *
 * Owns its semantics and where it looks for such a block. Must not know the bits of a header's
 * words, or koffi.
 */
import { checkSize, guarded, heap, noMemory, settle, traced } from "./attached.js";
import { alignedPayload, blockBytes, MAX_BLOCK, MIN_BLOCK } from "./core/block.js";
import { MAX_STACKED } from "./core/heap.js";
import { type Block, NULL, type Pointer, WORD_BYTES } from "./core/memory.js";
import { cutFront, cutTail } from "./core/resize.js";
import { rangeError, show, typeError } from "./errors.js";
import { malloc } from "./malloc.js";

/** Largest alignment: 2 GiB. */
const MAX_ALIGNMENT = 2 ** 31;

/**
 * Allocates `size` bytes at a multiple of `alignment`. What has to be skipped in front of it goes back to the heap.
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
  checkAlignment(alignment);
  if (alignment <= 16) return malloc(size);
  const pointer = guarded(() => allocateAligned(alignment, size));
  settle();
  return pointer;
}

function allocateAligned(alignment: number, size: number): Pointer {
  const reach = size + alignment + MIN_BLOCK;
  const pointer =
    alignedInCache(alignment, size) ||
    (reach > heap.mmapThreshold
      ? heap.allocateLarge(size, alignment) || alignedInHeap(alignment, size, reach)
      : alignedInHeap(alignment, size, reach) || heap.allocateLarge(size, alignment));
  if (pointer === 0) throw noMemory("alignedAlloc", size);
  traced("aligned", pointer, size);
  return pointer;
}

/** A cached block that happens to be aligned; NULL when the one that would be taken is not. */
function alignedInCache(alignment: number, size: number): Pointer {
  if (size > MAX_STACKED) return NULL;
  const pointer = heap.popSmall(size);
  if (pointer === NULL || pointer % alignment === 0) return pointer;
  heap.freeSmall(pointer);
  return NULL;
}

/** From a free block in which an aligned payload fits, else from one so large that it must. */
function alignedInHeap(alignment: number, size: number, reach: number): Pointer {
  if (reach > MAX_BLOCK / 2) return NULL;
  const bytes = blockBytes(size);
  const fitting = heap.store.takeAligned(bytes, alignment);
  const pointer = fitting === 0 ? heap.obtain(blockBytes(reach)) : heap.window.pointerOf(fitting);
  if (pointer === NULL) return NULL;
  const b = heap.window.blockOf(pointer);
  const of = heap.holding(b)!;
  const target = alignedPayload(pointer, alignment);
  const aligned = cutFront(of, b, (b + (target - pointer) / WORD_BYTES) as Block);
  cutTail(of, aligned, bytes);
  return target as Pointer;
}

function checkAlignment(alignment: number): void {
  if (typeof alignment !== "number") {
    throw typeError("ERR_INVALID_ARG", `alignedAlloc: alignment must be a number, got ${show(alignment)}`);
  }
  const whole = Number.isInteger(alignment) && alignment >= 1 && alignment <= MAX_ALIGNMENT;
  if (!whole || !Number.isInteger(Math.log2(alignment))) {
    throw rangeError(
      "ERR_INVALID_ARG",
      `alignedAlloc: alignment must be a power of two from 1 to 2^31, got ${show(alignment)}`,
    );
  }
}
