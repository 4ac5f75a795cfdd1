/**
 * malloc, calloc, free and usableSize, as C programmers know them.
 *
 * Owns the semantics: size zero, overflow, NULL, and the error for each wrong argument. Must not know the bits of a
 * header's words, or koffi.
 *
 * A fast path is one test of the argument and one call into the heap. V8 inlines both into the caller, so a pointer from
 * malloc to free is never boxed (V8 rules 1 and 4 in src/README.md).
 */

import { sizeOf } from "../block/block.js";
import { rangeError } from "../errors.js";
import { MAX_SMALL, type ThreadHeap } from "../heap/heap.js";
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
const CALLOC_SLOW = 4;
slowPath(MALLOC_SLOW, mallocSlow);
slowPath(FREE_SLOW, freeSlow);
slowPath(CALLOC_SLOW, allocateCleared as (count: number, size?: number) => number);

/** Up to this many pairs of words, 1 KiB, a loop is faster than the call of a builtin. */
const LOOP_PAIRS = 128;

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

// These three and resize() in realloc.ts repeat what guarded() does: with guarded() shared by all, V8 would inline none of them.

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

function allocateFor(operation: string, size: number): Pointer {
  const pointer = heap.allocate(size);
  if (pointer === 0) throw noMemory(operation, size);
  return pointer;
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
