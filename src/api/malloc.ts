/**
 * malloc, free and usableSize, as C programmers know them; calloc is in calloc.ts.
 *
 * Owns the semantics: size zero, overflow, NULL, and the error for each wrong argument. Must not know the bits of a
 * header's words, or koffi.
 *
 * A fast path is one test of the argument and one call into the heap. V8 inlines both into the caller, so a pointer from
 * malloc to free is never boxed (V8 rules 1 and 4 in src/README.md).
 */

import { sizeOf } from "../block/block.js";
import { MAX_SMALL } from "../heap/heap.js";
import { Rec } from "../heap/record.js";
import { ownerOfWord } from "../memory/control.js";
import { type Block, HEADER_BYTES, NULL, type Pointer, type PointerLike } from "../memory/memory.js";
import { Kind, kindOf } from "../shared/heaps.js";
import type { Guard } from "../shared/hooks.js";
import {
  addressOf,
  afterCall,
  checkSize,
  guarded,
  heap,
  interrupted,
  noMemory,
  traced,
  unusable,
  wrongPointer,
} from "./attached.js";
import { again } from "./relief.js";
import { slowly, slowPath } from "./slow-paths.js";

export { heap, unusable };

const MALLOC_SLOW = 2;
const FREE_SLOW = 3;
slowPath(MALLOC_SLOW, mallocSlow);
slowPath(FREE_SLOW, freeSlow);

/**
 * Allocates `size` bytes, 16-byte aligned, with undefined contents.
 *
 * A size of 0 gives a distinct pointer that can be freed. Requests over the `mmapThreshold` setting (128 KiB at first) get
 * a mapping of their own; if none can be made, they are served from the heap if it has room.
 *
 * @param size bytes, a whole number
 * @returns the address; never NULL
 * @throws HeapError ERR_INVALID_ARG when `size` is not a non-negative whole number
 * @throws HeapError ERR_OUT_OF_MEMORY when the limit, the address window or the kernel has no room; every other
 *   block stays as it is
 * @throws HeapError ERR_HEAP_CORRUPT when it finds an overwritten header or an overwritten free block; live blocks stay
 *   as they are
 *
 * @example
 * ```ts
 * import { free, malloc, read, write } from "heapwright";
 *
 * const point = malloc(16);
 * write.f64(point, 1.5);
 * write.f64(point, -2, 8);
 * console.log(read.f64(point) + read.f64(point, 8)); // -0.5
 * free(point);
 * ```
 */
export function malloc(size: number): Pointer {
  if (typeof size === "number" && size >>> 0 === size && size <= MAX_SMALL) {
    const pointer = heap.popSmall(size);
    if (pointer !== 0) return pointer;
  }
  // The unary plus tells V8 that this is a number, so that neither path boxes the result: 6 to 9 %. realloc() needs it too:
  // V8 must know it of every value that a variable may hold, or, in a variable that realloc() also sets, each pointer of
  // malloc() is boxed or tested for being a small integer.
  return +slowly(MALLOC_SLOW, size) as Pointer;
}

/**
 * Frees a block. NULL does nothing. Blocks up to 9,208 bytes are cached for the next request of their size; when many are
 * cached, the heap is consolidated: all free neighbours are coalesced. Larger blocks are coalesced with free neighbours at
 * once; a large block's mapping is unmapped. Blocks of another thread's heap are sent back to it, several at a time.
 *
 * @param pointer what malloc, calloc, realloc or alignedAlloc returned, in any thread; a bigint is accepted, but slow
 * @throws HeapError ERR_DOUBLE_FREE when the block is free already; when two threads free the same block of a third thread
 *   at once, exactly one of them gets this error
 * @throws HeapError ERR_INVALID_POINTER when no block starts there, or its page was given back after it was freed; nothing
 *   was changed
 * @throws HeapError ERR_HEAP_CORRUPT when the block is coalesced and a neighbour's header was overwritten
 *
 * @example
 * ```ts
 * import { free, HeapError, malloc } from "heapwright";
 *
 * const block = malloc(100);
 * free(block);
 * try {
 *   free(block);
 * } catch (error) {
 *   if (error instanceof HeapError) console.log(error.code); // ERR_DOUBLE_FREE
 * }
 * ```
 */
export function free(pointer: PointerLike): void {
  if (!heap.freeSmall(pointer as Pointer)) slowly(FREE_SLOW, pointer as Pointer);
}

/**
 * Bytes that may be used at `pointer`: at least as many as were requested, a multiple of 8. Any thread.
 *
 * @param pointer a live block of any thread
 * @throws HeapError ERR_INVALID_POINTER or ERR_DOUBLE_FREE when no live block starts there
 *
 * @example
 * ```ts
 * import { free, malloc, usableSize } from "heapwright";
 *
 * const block = malloc(100);
 * console.log(usableSize(block)); // 104
 * free(block);
 * ```
 */
export function usableSize(pointer: PointerLike): number {
  return usableAt("usableSize", pointer);
}

/** usableSize() for the operation that errors name. */
export function usableAt(operation: string, pointer: PointerLike): number {
  if (typeof pointer !== "number") return usableAt(operation, addressOf(operation, pointer));
  const b = heap.liveBlockOfAny(pointer);
  const usable =
    b === 0 ? guarded(() => largeSize(operation, pointer)) : sizeOf(heap.words, b) - HEADER_BYTES;
  return heap.hooks.guard === null ? usable : heap.hooks.guard.sizeOf(pointer, usable);
}

// These two, callocSlow() in calloc.ts and resize() in realloc.ts repeat what guarded() does: with guarded() shared by all, V8 would inline none of them.

function mallocSlow(size: number): Pointer {
  checkSize("malloc", "size", size);
  heap.enter();
  let pointer: Pointer;
  try {
    pointer = allocateFor("malloc", size);
    traced("malloc", pointer, size);
    heap.open();
  } catch (error) {
    return again(interrupted(error), mallocSlow, size);
  }
  afterCall();
  return pointer;
}

function freeSlow(pointer: number): number {
  heap.enter();
  try {
    release(pointer as Pointer);
    heap.open();
  } catch (error) {
    throw interrupted(error);
  }
  afterCall();
  return 0;
}

/** Any size; ERR_OUT_OF_MEMORY for the operation when there is no room. Within an update. */
export function allocateFor(operation: string, size: number): Pointer {
  const { slots } = heap.hooks;
  const pointer = (slots === null ? 0 : slots.take(size)) || heap.allocate(size);
  if (pointer === 0) throw noMemory(operation, size);
  return pointer as Pointer;
}

function largeSize(operation: string, pointer: Pointer): number {
  const size = heap.large.sizeOf(pointer);
  if (size < 0) throw wrongPointer(operation, pointer);
  return size;
}

/** Frees what the fast path does not. Within an update; the caller calls afterCall() once that has ended. */
export function release(pointer: Pointer): void {
  if (pointer === NULL) return;
  if (typeof pointer !== "number") {
    release(addressOf("free", pointer));
    return;
  }
  const b = heap.liveBlockOfAny(pointer);
  if (b === 0) {
    freeLarge(pointer);
    return;
  }
  const of = heap.holding(b);
  const size = sizeOf(heap.words, b) - HEADER_BYTES;
  if (heap.hooks.guard !== null && isHeld(heap.hooks.guard, b, pointer, size)) return;
  if (of === null) {
    if (!heap.outbox.put(b, ownerOfWord(heap.words, b))) throw wrongPointer("free", pointer);
    traced("free", pointer, size);
  } else {
    traced("free", pointer, size);
    if (!of.freeBlock(b)) throw wrongPointer("free", pointer);
  }
}

/** Whether a guard keeps the block aside: of a thread's heap, for those of a Heap end together. */
function isHeld(guard: Guard, b: Block, pointer: Pointer, size: number): boolean {
  const { words: m } = heap;
  const isThreads = kindOf(m, m[ownerOfWord(m, b) + Rec.entry]!) === Kind.thread;
  if (!guard.dies(pointer, size, isThreads)) return false;
  if (!heap.outbox.hold(b)) throw wrongPointer("free", pointer);
  traced("free", pointer, size);
  guard.held(pointer, size);
  return true;
}

function freeLarge(pointer: Pointer): void {
  if (heap.hooks.trace !== null) {
    const size = heap.large.sizeOf(pointer);
    if (size >= 0) heap.hooks.guard?.dies(pointer, size, false);
    if (size >= 0) traced("free", pointer, size);
  }
  if (heap.large.free(pointer) < 0) throw wrongPointer("free", pointer);
}
