/**
 * Variants of realloc: with an alignment; for another operation, which errors name; and for C, where the result is delivered
 * before the old block is freed.
 *
 * Owns their semantics and the order of their attempts. Must not know the bits of a header's words, or koffi.
 */

import { MAX_BLOCK, MIN_BLOCK, sizeOf, UNIT_BYTES } from "../block/block.js";
import { isOutOfMemory } from "../errors.js";
import type { ThreadHeap } from "../heap/heap.js";
import { growInPlace, slackOf } from "../heap/resize.js";
import { type Block, HEADER_BYTES, NULL, type Pointer, type PointerLike } from "../memory/memory.js";
import { ensureStack } from "../platform/stack.js";
import { alignedAlloc, alignedFor, checkAlignment } from "./aligned.js";
import { addressOf, afterCall, checkSize, guarded, heap, noMemory, traced } from "./attached.js";
import { free, malloc, usableAt } from "./malloc.js";
import { KEEP_FOREIGN, KEEP_MAPPED, realloc } from "./realloc.js";

/**
 * Resizes a block and keeps it at a multiple of `alignment`, which realloc() does not promise: in place if possible, else
 * in a new block. Contents are kept up to the smaller of both sizes. The kernel resizes a large block without copying,
 * unless `alignment` is more than a page and the block has to move.
 *
 * @param pointer a live block of any thread and alignment; with NULL this is alignedAlloc(alignment, size)
 * @param alignment a power of two from 1 to 2^31
 * @param size bytes; 0 leaves a minimal live block
 * @returns where the block is now; `pointer` is no longer valid if this differs
 * @throws HeapError as alignedAlloc and free do; the block is then untouched and still at `pointer`
 *
 * @example
 * ```ts
 * import { alignedAlloc, alignedRealloc, free } from "heapwright";
 *
 * let vector = alignedAlloc(64, 1000);
 * vector = alignedRealloc(vector, 64, 5000);
 * console.log(vector % 64); // 0
 * free(vector);
 * ```
 */
export function alignedRealloc(pointer: PointerLike, alignment: number, size: number): Pointer {
  checkSize("alignedRealloc", "size", size);
  checkAlignment("alignedRealloc", alignment);
  const from = addressOf("alignedRealloc", pointer);
  if (from === NULL) return alignedAlloc(alignment, size);
  if (from % alignment === 0 && keptFor(from, size) >= 0) return from;
  const have = usableAt("alignedRealloc", from);
  if (alignment <= UNIT_BYTES) return reallocFor("alignedRealloc", from, size);
  ensureStack(); // a full stack after the block has moved would lose the new address
  return resizePages(from, alignment, have, size) || reallocAhead(from, have, size, nowhere, alignment);
}

/**
 * The early path, by the same tests as realloc()'s: if the block can have `size` bytes as it is, it has them then, and this
 * returns the usable bytes that it had before; else -1. Of a small block that takes no update; that of a mapped one is for
 * the lock. Neither needs a test of the stack, for the address stays.
 */
export function keptFor(pointer: Pointer, size: number): number {
  if (heap.hooks.trace !== null) return -1;
  const b = heap.liveBlock(pointer);
  if (b === 0) return mappedFor(pointer, size);
  const bytes = sizeOf(heap.words, b);
  const spare = bytes - HEADER_BYTES - size;
  return spare >= 0 && (spare < MIN_BLOCK || spare <= slackOf(bytes)) ? bytes - HEADER_BYTES : -1;
}

function mappedFor(pointer: Pointer, size: number): number {
  if (size <= heap.mmapThreshold * KEEP_MAPPED || heap.liveBlockOfAny(pointer) !== 0) return -1;
  if (heap.hooks.slots?.covers(pointer) === true) return -1;
  return guarded(() => {
    const have = heap.large.sizeOf(pointer);
    if (have < 0 || heap.large.resizeWithin(pointer, size) <= 0) return -1;
    traced("realloc", pointer, size);
    return have;
  });
}

/** realloc() for another operation, which errors name. */
export function reallocFor(operation: string, pointer: Pointer, size: number): Pointer {
  try {
    return realloc(pointer, size);
  } catch (error) {
    throw isOutOfMemory(error) ? noMemory(operation, size, homeOf(pointer)) : error;
  }
}

/** Resizes a large block; NULL if the block is not large, does not grow, or could lose its alignment: mremap moves pages. */
function resizePages(from: Pointer, alignment: number, have: number, size: number): Pointer {
  const keeps = from % alignment === 0 && alignment <= heap.wilderness.pageSize;
  if (!keeps || size <= have || heap.liveBlockOfAny(from) !== 0) return NULL;
  const to = guarded(() => {
    const resized = heap.resizeLarge(from, have, size);
    if (resized > 0 && resized !== from) traced("free", from, have);
    if (resized > 0) traced("realloc", resized, size);
    return resized;
  });
  afterCall();
  return Math.max(to, NULL) as Pointer; // if another thread freed the block meanwhile, the next attempt throws
}

function nowhere(): void {}

/**
 * realloc() for C, which goes on when JavaScript is interrupted: if a thread is terminated inside realloc, C gets no result,
 * believes that it has failed, and uses the old block. So `deliver` gets the result while the old block is still live, with
 * its size and contents; only then is the old block cut or freed. Moves that cannot stop half-way are not used: downwards
 * in place, or by mremap. `have` is usableSize() of the block. The result is a multiple of `alignment`.
 */
export function reallocAhead(
  pointer: Pointer,
  have: number,
  size: number,
  deliver: (result: Pointer) => void,
  alignment = UNIT_BYTES,
): Pointer {
  checkSize("realloc", "size", size);
  const of = homeOf(pointer);
  const b = of.liveBlock(pointer);
  const most = of.name === null ? heap.mmapThreshold : MAX_BLOCK / 2;
  const stays = pointer % alignment === 0;
  if (stays && size <= have && (b === 0 ? size >= have * KEEP_FOREIGN : size <= most)) {
    deliver(pointer);
    if (b !== 0) return realloc(pointer, size); // cuts the tail
    guarded(() => {
      heap.large.resize(pointer, size, false); // a foreign heap's block, which is not large, is left as it is
      traced("realloc", pointer, size);
    });
    afterCall();
    return pointer;
  }
  if (stays && size > have && guarded(() => growsWhereItIs(of, b, pointer, size, most))) {
    deliver(pointer);
    afterCall();
    return pointer;
  }
  const moved = allocateIn(of, alignment, size);
  heap.window.copy(moved, pointer, Math.min(have, size));
  deliver(moved);
  free(pointer); // may throw: C has the new block already
  return moved;
}

/** The made heap of this thread that the block lies in, else the thread's own heap. */
function homeOf(pointer: Pointer): ThreadHeap {
  const b = heap.liveBlockOfAny(pointer);
  const of = b === 0 ? null : heap.holding(b);
  return of !== null && of.name !== null ? of : heap;
}

function allocateIn(of: ThreadHeap, alignment: number, size: number): Pointer {
  if (of === heap && alignment <= UNIT_BYTES) return malloc(size);
  return alignedFor(alignment <= UNIT_BYTES ? "realloc" : "alignedRealloc", alignment, size, of);
}

function growsWhereItIs(of: ThreadHeap, b: Block, pointer: Pointer, size: number, most: number): boolean {
  // Of a foreign heap's block, which is not large, resize() knows nothing.
  const grows =
    b !== 0 ? size <= most && growInPlace(of, b, size) : heap.large.resize(pointer, size, false) === pointer;
  if (grows) traced("realloc", pointer, size);
  return grows;
}
