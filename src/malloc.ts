/**
 * malloc, calloc, free and usableSize, as C programmers know them.
 *
 * Owns the semantics: size zero, overflow, what NULL means, and which error a wrong argument gets. Must not
 * know the bits of a header's words, or koffi.
 *
 * Each fast path is one test of the argument and one call into the heap, small enough that V8 inlines both into the
 * caller; then a pointer on its way from malloc to free is never boxed.
 */
import {
  brokenOff,
  checkSize,
  guarded,
  heap,
  noMemory,
  settle,
  traced,
  unusable,
  wrongPointer,
} from "./attached.js";
import { sizeOf } from "./core/block.js";
import { ownerOfWord } from "./core/control.js";
import { MAX_STACKED } from "./core/heap.js";
import { HEADER_BYTES, NULL, type Pointer } from "./core/memory.js";
import { rangeError } from "./errors.js";
import { slowly, slowPath } from "./slow-paths.js";

export { heap, unusable };

// The fast paths spell out what slowPath() returns here, and 9192 for MAX_STACKED, as those of heap.ts spell constants out.
const paths = [
  slowPath(mallocSlow),
  slowPath(freeSlow),
  slowPath(allocateCleared as (count: number, size?: number) => number),
];
if (paths.join() !== "2,3,4" || MAX_STACKED !== 9192)
  throw new Error("malloc: a literal of the fast paths is out of date");

/** Up to this many pairs of words, 1 KiB, a loop is faster than the call of a builtin. */
const LOOP_PAIRS = 128;

/**
 * Allocates `size` bytes, 16-byte aligned, with undefined contents.
 *
 * A size of 0 gives a pointer of its own that can be freed. Requests over the `mmapThreshold` setting (128 KiB) get
 * a mapping of their own, unless no mapping is to be had and the heap has room.
 *
 * @param size bytes, a whole number
 * @returns the address; never NULL
 * @throws HeapError ERR_INVALID_ARG when `size` is not a non-negative whole number
 * @throws HeapError ERR_OUT_OF_MEMORY when the limit, the address window or the kernel has no room; every other
 *   block stays as it is
 * @throws HeapError ERR_HEAP_CORRUPT when it meets a header, or a freed block, that something overwrote; live blocks stay
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
  if (typeof size === "number" && size >>> 0 === size && size <= 9192) {
    const pointer = heap.popSmall(size);
    if (pointer !== 0) return pointer;
  }
  // The unary plus tells V8 that this is a number, so that the result is boxed on neither way: 6 to 9 %. It must know so of
  // all that a variable may hold: where realloc() fills the same one, each pointer of malloc() was made an object, or
  // tested for being a small integer.
  return +slowly(2, size) as Pointer;
}

/**
 * Frees a block. NULL does nothing. Blocks up to 1,016 bytes are kept for the next request of their size, a few of each, and
 * so are blocks up to 9,192 bytes of sizes that are asked for often; others are joined with free neighbours at once;
 * mappings go back to the kernel. A block of another thread's heap is sent back to it, with others when there are a few of
 * them.
 *
 * @param pointer what malloc, calloc, realloc or alignedAlloc returned, in whichever thread
 * @throws HeapError ERR_DOUBLE_FREE when the block is free already; of two threads that free the same block of a third
 *   one at once, exactly one gets it
 * @throws HeapError ERR_INVALID_POINTER when no block starts there, or one did and its page was given back since; nothing
 *   was changed
 * @throws HeapError ERR_HEAP_CORRUPT when the block is joined and a neighbour's header was overwritten
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
export function free(pointer: Pointer): void {
  if (!heap.freeSmall(pointer)) slowly(3, pointer);
}

/**
 * Allocates `count * size` bytes of zeroes. Memory that is fresh from the operating system is not cleared again.
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
  // All of it behind the call: where V8 inlines it into a loop that calls free as well, it has no room left for free.
  return +slowly(4, count, size) as Pointer;
}

function allocateCleared(count: number, size: number): Pointer {
  const bytes = bytesOf("calloc", count, size);
  if (bytes <= MAX_STACKED) {
    const cached = heap.popSmall(bytes);
    if (cached !== 0) {
      const b = heap.window.blockOf(cached);
      clearWords(b + 2, b + (sizeOf(heap.words, b) >>> 2));
      return cached;
    }
  }
  return callocSlow(bytes);
}

/** How many bytes `count` times `size` are; ERR_INVALID_ARG, naming the operation, where that makes no sense. */
export function bytesOf(operation: string, count: number, size: number): number {
  checkSize(operation, "count", count);
  checkSize(operation, "size", size);
  const bytes = count * size;
  if (Number.isSafeInteger(bytes)) return bytes;
  throw rangeError("ERR_INVALID_ARG", `${operation}: ${count} times ${size} bytes is more than 2^53 - 1`);
}

/**
 * Bytes that may be used at `pointer`: at least what was asked for, a multiple of 8.
 *
 * @param pointer a live block's, of any thread
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
export function usableSize(pointer: Pointer): number {
  return usableAt("usableSize", pointer);
}

/** The same for another operation, which errors then name. */
export function usableAt(operation: string, pointer: Pointer): number {
  if (typeof pointer !== "number") throw wrongPointer(operation, pointer);
  const b = heap.liveBlockOfAny(pointer);
  return b === 0 ? guarded(() => largeSize(operation, pointer)) : sizeOf(heap.words, b) - HEADER_BYTES;
}

// These three and realloc's are guarded each by itself: through one function that guards them all, V8 would inline none.

function mallocSlow(size: number): Pointer {
  checkSize("malloc", "size", size);
  heap.enter();
  let pointer: Pointer;
  try {
    pointer = allocate("malloc", size);
    heap.open();
  } catch (error) {
    throw brokenOff(error);
  }
  settle();
  return pointer;
}

function freeSlow(pointer: number): number {
  heap.enter();
  try {
    release(pointer as Pointer);
    heap.open();
  } catch (error) {
    throw brokenOff(error);
  }
  settle();
  return 0;
}

function callocSlow(bytes: number): Pointer {
  heap.enter();
  let pointer: Pointer;
  try {
    pointer = allocate("calloc", bytes);
    clearFresh(pointer);
    heap.open();
  } catch (error) {
    throw brokenOff(error);
  }
  settle();
  return pointer;
}

function allocate(operation: "malloc" | "calloc", size: number): Pointer {
  const pointer = heap.allocate(size);
  if (pointer === 0) throw noMemory(operation, size);
  traced(operation, pointer, size);
  return pointer;
}

function largeSize(operation: string, pointer: Pointer): number {
  const size = heap.large.sizeOf(pointer);
  if (size < 0) throw wrongPointer(operation, pointer);
  return size;
}

/** Frees what the fast path does not; the caller lets the tracer settle. */
export function release(pointer: Pointer): void {
  if (pointer === NULL) return;
  if (typeof pointer !== "number") throw wrongPointer("free", pointer);
  const b = heap.liveBlockOfAny(pointer);
  if (b === 0) {
    freeLarge(pointer);
    return;
  }
  const of = heap.holding(b);
  const size = sizeOf(heap.words, b) - HEADER_BYTES;
  if (of === null) {
    if (!heap.outbox.put(b, ownerOfWord(heap.words, b))) throw wrongPointer("free", pointer);
    traced("free", pointer, size);
  } else {
    traced("free", pointer, size);
    if (!of.freeBlock(b)) throw wrongPointer("free", pointer);
  }
}

function freeLarge(pointer: Pointer): void {
  if (heap.hooks.trace !== null) {
    const size = heap.large.sizeOf(pointer);
    if (size >= 0) traced("free", pointer, size);
  }
  if (heap.large.free(pointer) < 0) throw wrongPointer("free", pointer);
}

/** Both are even: where a payload or a block begins. An odd number of pairs in nearly all cases. */
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

/** Clears the part of a block just allocated that is not fresh; mappings are. It may be of a heap that was taken over. */
function clearFresh(pointer: Pointer): void {
  const b = heap.liveBlockOfAny(pointer);
  if (b === 0) return;
  const end = b + (sizeOf(heap.words, b) >>> 2);
  clearWords(b + 2, Math.min(end, heap.store.cleanFrom));
}
