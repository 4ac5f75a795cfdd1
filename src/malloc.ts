/**
 * malloc, calloc, realloc, free and their kin, as C programmers know them.
 *
 * Owns the semantics: size zero, overflow, alignment, what NULL means, and which error a wrong argument gets. Must not
 * know header bits or koffi.
 *
 * Each fast path is one test of the argument and one call into the heap, small enough that V8 inlines both into the
 * caller; then a pointer on its way from malloc to free is never boxed.
 */
import { alignedPayload, blockBytes, MIN_BLOCK, sizeOf } from "./core/block.js";
import { explainPointer } from "./core/diagnose.js";
import { MAX_SMALL } from "./core/heap.js";
import type { TraceStep } from "./core/hooks.js";
import { type Block, HEADER_BYTES, NULL, type Pointer, WORD_BYTES } from "./core/memory.js";
import { attach } from "./core/process.js";
import { cutFront, cutTail, isHemmedIn, resizeInPlace } from "./core/resize.js";
import { outOfMemory, rangeError, show, typeError } from "./errors.js";

// Constants of other modules, by names of this module's own: V8 folds those into the code, and loads an imported
// one from its cell each time.
const header = HEADER_BYTES;
const minBlock = MIN_BLOCK;
const wordBytes = WORD_BYTES;
const maxSmall = MAX_SMALL;

/** The same holds for the heap, which is exported for the layers above by another name. */
const attached = attach();
const own = attached.heap;
/** The calling thread's heap, for the layers above. */
export const heap = own;
/** Why it cannot be used; null when it can. */
export const unusable = attached.unusable;

/** Largest alignment: 2 GiB. */
const MAX_ALIGNMENT = 2 ** 31;
/** A large block that shrinks below this part of the threshold moves into the heap. */
const KEEP_MAPPED = 0.5;
/** Up to this many words a loop is faster than the call of a builtin. */
const LOOP_WORDS = 64;
const maxCopied = LOOP_WORDS * wordBytes;

/**
 * Allocates `size` bytes, 16-byte aligned, with undefined contents.
 *
 * A size of 0 gives a pointer of its own that can be freed. Requests over the `mmapThreshold` setting (128 KiB) get
 * a mapping of their own, which reads as zero.
 *
 * @param size bytes, a whole number
 * @returns the address; never NULL
 * @throws HeapError ERR_INVALID_ARG when `size` is not a non-negative whole number
 * @throws HeapError ERR_OUT_OF_MEMORY when the limit, the address window or the kernel has no room; every other
 *   block stays as it is
 */
export function malloc(size: number): Pointer {
  if (typeof size === "number" && size >>> 0 === size && size <= maxSmall) {
    const pointer = own.popSmall(size);
    if (pointer !== 0) return pointer;
  }
  return mallocSlow(size);
}

/**
 * Frees a block. NULL does nothing. Blocks up to 1,016 bytes are kept for the next request of their size, a few of
 * each; others are joined with free neighbours at once; mappings go back to the kernel.
 *
 * @param pointer what malloc, calloc, realloc or alignedAlloc of this thread returned
 * @throws HeapError ERR_DOUBLE_FREE when the block is free already
 * @throws HeapError ERR_INVALID_POINTER when no block starts there; nothing was changed
 * @throws HeapError ERR_HEAP_CORRUPT when a neighbour's header was overwritten
 */
export function free(pointer: Pointer): void {
  if (own.freeSmall(pointer)) return;
  freeSlow(pointer);
  settle();
}

/**
 * Allocates `count * size` bytes of zeroes. Memory that is fresh from the operating system is not cleared again.
 *
 * @throws HeapError ERR_INVALID_ARG when an argument is not a non-negative whole number, or the product is beyond
 *   Number.MAX_SAFE_INTEGER
 * @throws HeapError ERR_OUT_OF_MEMORY like malloc
 */
export function calloc(count: number, size: number): Pointer {
  checkSize("calloc", "count", count);
  checkSize("calloc", "size", size);
  const bytes = count * size;
  if (!Number.isSafeInteger(bytes)) {
    throw rangeError("ERR_INVALID_ARG", `calloc: ${count} times ${size} bytes is more than 2^53 - 1`);
  }
  if (bytes <= maxSmall) {
    const cached = own.popSmall(bytes);
    if (cached !== 0) {
      const b = own.window.blockOf(cached);
      clearWords(b + 2, b + (sizeOf(own.words, b) >>> 2));
      return cached;
    }
  }
  const pointer = allocate("calloc", bytes);
  clearFresh(pointer);
  settle();
  return pointer;
}

/**
 * Gives a block another size. Contents are kept up to the smaller of both sizes. Tries, in this order: cut the tail
 * off; grow over a free block or the wilderness above; grow over a free block below, moving the contents down; move.
 * Blocks with a mapping of their own are resized by the kernel, without copying.
 *
 * @param pointer a live block of this thread, or NULL, which makes this malloc(size)
 * @param size bytes; 0 leaves a minimal live block
 * @returns where the block is now; `pointer` is no longer valid if this differs
 * @throws HeapError as malloc and free do; the block is then untouched and still at `pointer`
 */
export function realloc(pointer: Pointer, size: number): Pointer {
  if (typeof pointer !== "number") throw wrongPointer("realloc", pointer);
  const b = own.liveBlock(pointer);
  if (b !== 0 && typeof size === "number" && size >>> 0 === size) {
    const spare = sizeOf(own.words, b) - header - size;
    if (own.hooks.trace === null) {
      if (spare >= 0 && spare < minBlock) return pointer;
      if (spare < 0 && size <= maxCopied && isHemmedIn(own, b)) return moveSmall(b, pointer, size);
    }
  }
  return reallocSlow(b, pointer, size);
}

/**
 * Allocates `size` bytes at a multiple of `alignment`. What has to be skipped in front of it goes back to the own.
 *
 * @param alignment a power of two from 1 to 2^31
 * @throws HeapError ERR_INVALID_ARG for another alignment, or as malloc does
 * @throws HeapError ERR_OUT_OF_MEMORY like malloc
 */
export function alignedAlloc(alignment: number, size: number): Pointer {
  checkSize("alignedAlloc", "size", size);
  checkAlignment(alignment);
  if (alignment <= 16) return malloc(size);
  const reach = size + alignment + minBlock;
  let pointer = alignedInCache(alignment, size);
  if (pointer === NULL) {
    const mapped = reach > own.mmapThreshold;
    pointer = mapped ? own.large.allocate(size, alignment) : alignedInHeap(alignment, size, reach);
  }
  if (pointer === 0) throw noMemory("alignedAlloc", size);
  traced("aligned", pointer, size);
  settle();
  return pointer;
}

/**
 * Bytes that may be used at `pointer`: at least what was asked for, a multiple of 8.
 *
 * @throws HeapError ERR_INVALID_POINTER or ERR_DOUBLE_FREE when no live block of this thread starts there
 */
export function usableSize(pointer: Pointer): number {
  if (typeof pointer !== "number") throw wrongPointer("usableSize", pointer);
  const b = own.liveBlock(pointer);
  if (b !== 0) return sizeOf(own.words, b) - header;
  const entry = own.large.find(pointer);
  if (entry < 0) throw wrongPointer("usableSize", pointer);
  return own.large.usableSize(entry, pointer);
}

function mallocSlow(size: number): Pointer {
  checkSize("malloc", "size", size);
  const pointer = allocate("malloc", size);
  settle();
  return pointer;
}

function allocate(operation: "malloc" | "calloc", size: number): Pointer {
  const pointer = own.allocate(size);
  if (pointer === 0) throw noMemory(operation, size);
  traced(operation, pointer, size);
  return pointer;
}

function freeSlow(pointer: Pointer): void {
  if (pointer === NULL) return;
  if (typeof pointer !== "number") throw wrongPointer("free", pointer);
  const b = own.liveBlock(pointer);
  if (b !== 0) {
    traced("free", pointer, sizeOf(own.words, b) - header);
    own.freeBlock(b);
    return;
  }
  const entry = own.large.find(pointer);
  if (entry < 0) throw wrongPointer("free", pointer);
  traced("free", pointer, own.large.usableSize(entry, pointer));
  own.large.free(entry, pointer);
}

function reallocSlow(b: Block, pointer: Pointer, size: number): Pointer {
  checkSize("realloc", "size", size);
  if (pointer === NULL) return malloc(size);
  const moved = b === 0 ? reallocMapped(pointer, size) : reallocBlock(b, pointer, size);
  traced("realloc", moved, size);
  settle();
  return moved;
}

function reallocBlock(b: Block, pointer: Pointer, size: number): Pointer {
  if (size <= own.mmapThreshold) {
    const resized = resizeInPlace(own, b, size);
    if (resized !== 0) return own.window.pointerOf(resized);
  }
  if (size <= maxCopied) return moveSmall(b, pointer, size);
  return move(pointer, sizeOf(own.words, b) - header, size);
}

function reallocMapped(pointer: Pointer, size: number): Pointer {
  const { large } = heap;
  const entry = large.find(pointer);
  if (entry < 0) throw wrongPointer("realloc", pointer);
  const have = large.usableSize(entry, pointer);
  if (size > own.mmapThreshold * KEEP_MAPPED) {
    const resized = large.resize(entry, pointer, size);
    if (resized !== 0) return resized;
  }
  return move(pointer, have, size);
}

/** The same to a small block, and copied by word: a builtin's call costs more than the loop. */
function moveSmall(b: Block, from: Pointer, size: number): Pointer {
  const to = own.popSmall(size) || own.allocate(size);
  if (to === 0) throw noMemory("realloc", size);
  const have = sizeOf(own.words, b) - header;
  copyWords(b + 2, own.window.blockOf(to) + 2, Math.min(have, size + 3) >>> 2);
  if (!own.freeSmall(from)) freeSlow(from);
  return to;
}

/** To a new block; the old one is freed last, so that running out of memory changes nothing. */
function move(from: Pointer, oldBytes: number, size: number): Pointer {
  const to = own.allocate(size);
  if (to === 0) throw noMemory("realloc", size);
  const bytes = Math.min(oldBytes, size);
  own.window.copy(to, from, bytes);
  if (!own.freeSmall(from)) freeSlow(from);
  return to;
}

function copyWords(from: number, to: number, count: number): void {
  const m = own.words;
  for (let i = 0; i < count; i++) m[to + i] = m[from + i]!;
}

function clearWords(from: number, to: number): void {
  const m = own.words;
  if (to - from > LOOP_WORDS) m.fill(0, from, to);
  else for (let i = from; i < to; i++) m[i] = 0;
}

/** Clears the part of a block just allocated that is not fresh; mappings are. */
function clearFresh(pointer: Pointer): void {
  const b = own.liveBlock(pointer);
  if (b === 0) return;
  const end = b + (sizeOf(own.words, b) >>> 2);
  clearWords(b + 2, Math.min(end, own.store.cleanFrom));
}

/** A cached block that happens to be aligned; NULL when the one that would be taken is not. */
function alignedInCache(alignment: number, size: number): Pointer {
  if (size > maxSmall) return NULL;
  const pointer = own.popSmall(size);
  if (pointer === NULL || pointer % alignment === 0) return pointer;
  own.freeSmall(pointer);
  return NULL;
}

/** From a free block in which an aligned payload fits, else from one so large that it must. */
function alignedInHeap(alignment: number, size: number, reach: number): Pointer {
  const bytes = blockBytes(size);
  let b = own.store.takeAligned(bytes, alignment);
  if (b === 0) b = own.takeBlock(blockBytes(reach));
  if (b === 0) return NULL;
  const pointer = own.window.pointerOf(b);
  const target = alignedPayload(pointer, alignment);
  const aligned = cutFront(own, b, (b + (target - pointer) / wordBytes) as Block);
  cutTail(own, aligned, bytes);
  return target as Pointer;
}

/** Tells the tracer, if there is one; only slow paths come by here. */
function traced(step: TraceStep, pointer: number, size: number): void {
  if (own.hooks.trace !== null) own.hooks.trace(step, pointer, size);
}

/** The heap is whole: the tracer may run code that uses it. */
function settle(): void {
  if (own.hooks.settle !== null) own.hooks.settle();
}

function checkSize(operation: string, name: string, size: number): void {
  if (typeof size !== "number") {
    throw typeError("ERR_INVALID_ARG", `${operation}: ${name} must be a number, got ${show(size)}`);
  }
  if (!Number.isSafeInteger(size) || size < 0) {
    throw rangeError(
      "ERR_INVALID_ARG",
      `${operation}: ${name} must be a whole number from 0 to 2^53 - 1, got ${show(size)}`,
    );
  }
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

function noMemory(operation: string, size: number): Error {
  if (unusable !== null) return unusable;
  const { footprint, limit } = own.pressure();
  const cap = limit === Number.POSITIVE_INFINITY ? "no limit is set" : `the limit is ${limit}`;
  return outOfMemory(
    `${operation}: no room for ${size} bytes; the footprint is ${footprint} bytes and ${cap}. ` +
      "Free something, or raise the limit (HEAPWRIGHT_LIMIT)",
  );
}

function wrongPointer(operation: string, pointer: unknown): Error {
  return unusable ?? explainPointer(own, operation, pointer);
}
