/**
 * realloc: resizes a block, in place if possible.
 *
 * Owns its semantics and the order of its attempts. Must not know the bits of a header's words, or koffi.
 */

import { blockBytes, MAX_BLOCK, MIN_BLOCK, redZoneBytes, sizeOf } from "../block/block.js";
import { brand } from "../errors.js";
import type { ThreadHeap } from "../heap/heap.js";
import { cutTail, isHemmedIn, resizeInPlace, slackOf } from "../heap/resize.js";
import {
  type Block,
  HEADER_BYTES,
  NULL,
  type Pointer,
  type PointerLike,
  SMALL_LIMIT,
  WORD_BYTES,
} from "../memory/memory.js";
import { ensureStack } from "../platform/stack.js";
import {
  addressOf,
  afterCall,
  checkSize,
  heap,
  interrupted,
  noMemory,
  traced,
  wrongPointer,
} from "./attached.js";
import { malloc, release, usableAt } from "./malloc.js";
import { again } from "./relief.js";

/** A large block that shrinks below this fraction of the mmap threshold moves into the heap. */
export const KEEP_MAPPED = 0.5;
/** A block of another thread's heap that shrinks below this fraction of its size moves: only its owner may cut it. */
export const KEEP_FOREIGN = 0.5;
/** Up to this many words, a loop copies faster than a call of a builtin. */
const LOOP_WORDS = 64;
const maxCopied = LOOP_WORDS * WORD_BYTES;

/**
 * The block's new address, which realloc must return even if the rest of it fails; NULL while the block has not moved.
 * Initially NaN if pointers may be above 2 GiB: then V8 stores the field as a double and allocates no object per pointer.
 * Below 2 GiB it is 0, since pointers are small integers there (V8 rule 4), and a double field would make them doubles.
 */
const last = { moved: (heap.window.base < SMALL_LIMIT ? 0 : Number.NaN) as Pointer };

/**
 * Resizes a block. Contents are kept up to the smaller of both sizes. Tries, in this order: cut the tail off; grow into a
 * free block or the wilderness above; grow into a free block below, moving the contents down; move to a new block. The
 * kernel resizes large blocks, without copying.
 *
 * A block of 2 KiB or more that grows in place by less than an eighth gets an eighth more at once, a page at most, if there
 * is room: so a block that is appended to is not resized every time. For the same reason it keeps its size when it shrinks
 * by no more than that.
 *
 * A block of a Heap stays in that Heap, if the calling thread made it. A block of another thread's heap stays where it is
 * while it is large enough and not more than twice too large, else it moves to the calling thread's heap.
 *
 * @param pointer a live block of any thread; with NULL this is malloc(size)
 * @param size bytes; 0 leaves a minimal live block
 * @returns where the block is now; `pointer` is no longer valid if this differs
 * @throws HeapError as malloc and free do; the block is then untouched and still at `pointer`
 *
 * @example
 * ```ts
 * import { free, malloc, read, realloc, write } from "heapwright";
 *
 * let list = malloc(4);
 * write.u32(list, 7);
 * list = realloc(list, 4000);
 * console.log(read.u32(list)); // 7
 * free(list);
 * ```
 */
export function realloc(pointer: PointerLike, size: number): Pointer {
  return +resize(pointer as Pointer, size) as Pointer;
}

/**
 * One large function on purpose: V8 inlines none of more than 460 bytes of bytecode. A small fast path of realloc would be
 * inlined into a loop that allocates, resizes and frees, and leave no room for free (V8 rule 1): the recorded Lua program
 * takes a sixth longer then. A loop that only calls realloc pays 2 ns for the call.
 */
function resize(pointer: Pointer, size: number): Pointer {
  if (typeof pointer !== "number") return resize(addressOf("realloc", pointer), size);
  const b = heap.liveBlock(pointer);
  let hemmed = false; // whether the block is small and can only move, as many small blocks do
  if (b !== 0 && typeof size === "number" && size >>> 0 === size) {
    const spare = sizeOf(heap.words, b) - HEADER_BYTES - size;
    if (heap.hooks.trace === null) {
      if (spare >= 0 && (spare < MIN_BLOCK || spare <= slackOf(sizeOf(heap.words, b)))) return pointer;
      hemmed = spare < 0 && size <= maxCopied && isHemmedIn(heap, b);
    }
  }
  checkSize("realloc", "size", size);
  if (pointer === NULL) return malloc(size);
  if (heap.hooks.guard !== null) watched(pointer);
  heap.enter();
  last.moved = NULL;
  try {
    if (hemmed) moveSmall(b, pointer, size, heap);
    else last.moved = b === 0 ? reallocOther(pointer, size) : reallocBlock(heap, b, pointer, size);
    if (heap.hooks.trace !== null || heap.hooks.sampler !== null) traced("realloc", last.moved, size);
    heap.open();
  } catch (error) {
    // `brand in` tells a HeapError without a call, which could fail on a full stack.
    if (last.moved === NULL || brand in (error as object))
      return again(interrupted(error), resize, pointer, size);
    try {
      interrupted(error);
    } catch {
      // not even stack enough for that: the next use of the heap recovers it
    }
  }
  const { moved } = last;
  if (heap.hooks.afterCall !== null) afterCall();
  return moved;
}

/** Under a guard: throws when the block was overrun, or when the guard could not be told of its new size. */
function watched(pointer: Pointer): void {
  ensureStack();
  usableAt("realloc", pointer);
  heap.hooks.guard?.resizes(pointer);
}

/** Resizes a block of a heap that this thread holds. */
function reallocBlock(of: ThreadHeap, b: Block, pointer: Pointer, size: number): Pointer {
  const have = sizeOf(heap.words, b) - HEADER_BYTES;
  if (size <= Math.max(have, of.name === null ? heap.mmapThreshold : MAX_BLOCK / 2)) {
    if (size <= have) last.moved = pointer;
    const resized = resizeInPlace(of, b, size);
    if (resized === b) return pointer;
    if (resized !== 0) {
      // Without a call, which could fail: the block has moved, and its address must be noted first.
      last.moved = (heap.payloadBase + ((resized << 2) >>> 0)) as Pointer;
      cutTail(of, resized, blockBytes(size));
      traced("free", pointer, have);
      return last.moved;
    }
  }
  const into = of.name === null ? heap : of; // blocks of a made heap stay in it
  return size <= maxCopied ? moveSmall(b, pointer, size, into) : move(pointer, have, size, into);
}

function reallocOther(pointer: Pointer, size: number): Pointer {
  const b = heap.liveBlockOfAny(pointer);
  if (b === 0) return reallocMapped(pointer, size);
  const of = heap.holding(b);
  return of === null ? reallocForeign(b, pointer, size) : reallocBlock(of, b, pointer, size);
}

/** Only the owner may write the block's header, so the block stays as it is or moves. */
function reallocForeign(b: Block, pointer: Pointer, size: number): Pointer {
  const have = sizeOf(heap.words, b) - HEADER_BYTES - redZoneBytes();
  return size <= have && size >= have * KEEP_FOREIGN ? pointer : move(pointer, have, size);
}

function reallocMapped(pointer: Pointer, size: number): Pointer {
  const { slots } = heap.hooks;
  const isApart = slots?.covers(pointer) === true; // and can only move
  if (isApart) slots.verify(pointer); // before there are two blocks
  const mapped = size > heap.mmapThreshold * KEEP_MAPPED && !isApart;
  if (mapped && heap.large.resizeWithin(pointer, size) > 0) return pointer; // the common case: growth in small steps
  const have = heap.large.sizeOf(pointer);
  if (have < 0) throw wrongPointer("realloc", pointer);
  if (mapped) return resizeMapped(pointer, have, size) || move(pointer, have, size);
  // Too small for a mapping: into the heap if it has room.
  const moved = tryMove(pointer, have, size) || resizeMapped(pointer, have, size);
  if (moved === 0) throw noMemory("realloc", size);
  return moved;
}

function resizeMapped(pointer: Pointer, have: number, size: number): Pointer {
  const resized = heap.resizeLarge(pointer, have, size);
  if (resized < 0) throw wrongPointer("realloc", pointer);
  if (resized !== 0 && resized !== pointer) traced("free", pointer, have);
  return resized as Pointer;
}

/** move() to a small block, copied word by word: a call of a builtin costs more than the loop. */
function moveSmall(b: Block, from: Pointer, size: number, into: ThreadHeap): Pointer {
  const to = into.popSmall(size) || into.allocate(size);
  if (to === 0) throw noMemory("realloc", size, into);
  const have = sizeOf(heap.words, b) - HEADER_BYTES;
  copyWords(b + 2, heap.window.blockOf(to) + 2, Math.min(have, size + 3) >>> 2);
  last.moved = to;
  if (!heap.freeSmall(from)) release(from);
  return to;
}

/** Copies to a new block and frees the old one last, so that running out of memory changes nothing; then it throws. */
function move(from: Pointer, oldBytes: number, size: number, into: ThreadHeap = heap): Pointer {
  const to = tryMove(from, oldBytes, size, into);
  if (to === 0) throw noMemory("realloc", size, into);
  return to;
}

/** As move(), but 0 instead of an error; nothing is changed then. */
function tryMove(from: Pointer, oldBytes: number, size: number, into: ThreadHeap = heap): Pointer {
  const to = into.allocate(size);
  if (to === 0) return to;
  const bytes = Math.min(oldBytes, size);
  heap.window.copy(to, from, bytes);
  last.moved = to;
  if (!heap.freeSmall(from)) release(from);
  return to;
}

function copyWords(from: number, to: number, count: number): void {
  const m = heap.words;
  for (let i = 0; i < count; i++) m[to + i] = m[from + i]!;
}
