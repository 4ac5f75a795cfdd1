/**
 * realloc: another size for a block, in place where that can be.
 *
 * Owns its semantics and the order in which it tries. Must not know the bits of a header's words, or
 * koffi.
 */
import { brokenOff, checkSize, guarded, heap, noMemory, settle, traced, wrongPointer } from "./attached.js";
import { blockBytes, MIN_BLOCK, sizeOf } from "./core/block.js";
import type { ThreadHeap } from "./core/heap.js";
import { type Block, HEADER_BYTES, NULL, type Pointer, WORD_BYTES } from "./core/memory.js";
import { cutTail, growInPlace, isHemmedIn, resizeInPlace, slackOf } from "./core/resize.js";
import { brand } from "./errors.js";
import { free, malloc, release } from "./malloc.js";

/** A large block that shrinks below this part of the threshold moves into the heap. */
const KEEP_MAPPED = 0.5;
/** A block of another thread's heap that shrinks below this part of its size moves: its owner alone could cut it. */
const KEEP_FOREIGN = 0.5;
/** Up to this many words a loop is faster than the call of a builtin. */
const LOOP_WORDS = 64;
const maxCopied = LOOP_WORDS * WORD_BYTES;

/**
 * What the caller must hear of, whatever happens to the rest of the realloc at work; NULL before that. No number yet, so
 * that V8 keeps the field as a double and makes no object of each pointer.
 */
const last = { moved: Number.NaN as Pointer };

/**
 * Gives a block another size. Contents are kept up to the smaller of both sizes. Tries, in this order: cut the tail
 * off; grow over a free block or the wilderness above; grow over a free block below, moving the contents down; move.
 * Blocks with a mapping of their own are resized by the kernel, without copying.
 *
 * A block of 2 KiB or more that grows in place by less than an eighth gets an eighth more at once, a page at most, where
 * there is room: what is appended to is resized once in many times. For the same reason it keeps what it has when it
 * shrinks by no more than that.
 *
 * A block of another thread's heap stays where it is while it is large enough and not twice too large, else it moves to
 * this thread's heap.
 *
 * @param pointer a live block, of whichever thread, or NULL, which makes this malloc(size)
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
export function realloc(pointer: Pointer, size: number): Pointer {
  return +resize(pointer, size) as Pointer;
}

/**
 * All in one function, for V8 inlines none of more than 460 bytes of bytecode. What can be done without a call, as one of its own,
 * would be inlined into a loop that allocates, resizes and frees; there is no room left for free then, and the recorded
 * Lua program takes a sixth more. A loop of which realloc is all pays for the call, 2 ns.
 */
function resize(pointer: Pointer, size: number): Pointer {
  if (typeof pointer !== "number") throw wrongPointer("realloc", pointer);
  const b = heap.liveBlock(pointer);
  let hemmed = false; // the block is small and can only move; many small ones go that way
  if (b !== 0 && typeof size === "number" && size >>> 0 === size) {
    const spare = sizeOf(heap.words, b) - HEADER_BYTES - size;
    if (heap.hooks.trace === null) {
      if (spare >= 0 && (spare < MIN_BLOCK || spare <= slackOf(sizeOf(heap.words, b)))) return pointer;
      hemmed = spare < 0 && size <= maxCopied && isHemmedIn(heap, b);
    }
  }
  checkSize("realloc", "size", size);
  if (pointer === NULL) return malloc(size);
  heap.enter();
  last.moved = NULL;
  try {
    if (hemmed) moveSmall(b, pointer, size);
    else last.moved = b === 0 ? reallocElsewhere(pointer, size) : reallocBlock(heap, b, pointer, size);
    if (heap.hooks.trace !== null) traced("realloc", last.moved, size);
    heap.open();
  } catch (error) {
    // Whether it is this library's, without a call: that might fail.
    if (last.moved === NULL || brand in (error as object)) throw brokenOff(error);
    try {
      brokenOff(error);
    } catch {
      // no stack even for that: the next one who uses the heap puts it in order
    }
  }
  const { moved } = last;
  if (heap.hooks.settle !== null) settle();
  return moved;
}

/**
 * realloc() for a caller that goes on when this thread is cut off: C, while its thread is terminated, believes that a
 * realloc of which it hears nothing has failed, and uses the old block. `deliver` is called with the result while the old
 * block, as large as it was, is still live with what was in it; only then is it cut or freed. So nothing moves in a way
 * that could not stop half-way: downwards, or by page tables. `have` is what usableSize() says of the block.
 */
export function reallocAhead(
  pointer: Pointer,
  have: number,
  size: number,
  deliver: (result: Pointer) => void,
): Pointer {
  checkSize("realloc", "size", size);
  const b = heap.liveBlock(pointer);
  if (size <= have && (b === 0 ? size >= have * KEEP_FOREIGN : size <= heap.mmapThreshold)) {
    deliver(pointer);
    if (b !== 0) return realloc(pointer, size); // which cuts it
    guarded(() => heap.large.resize(pointer, size, false)); // another heap's block is left as it is
    return pointer;
  }
  if (size > have && guarded(() => growsWhereItIs(b, pointer, size))) {
    deliver(pointer);
    return pointer;
  }
  const moved = malloc(size);
  heap.window.copy(moved, pointer, Math.min(have, size));
  deliver(moved);
  free(pointer); // C has the other one, whatever comes of this
  return moved;
}

function growsWhereItIs(b: Block, pointer: Pointer, size: number): boolean {
  if (b !== 0) return size <= heap.mmapThreshold && growInPlace(heap, b, size);
  return heap.large.resize(pointer, size, false) === pointer; // another heap's block is none of these
}

/** A block of a heap that this thread has. */
function reallocBlock(of: ThreadHeap, b: Block, pointer: Pointer, size: number): Pointer {
  const have = sizeOf(heap.words, b) - HEADER_BYTES;
  if (size <= Math.max(have, heap.mmapThreshold)) {
    if (size <= have) last.moved = pointer;
    const resized = resizeInPlace(of, b, size);
    if (resized === b) return pointer;
    if (resized !== 0) {
      // By hand: from here on nothing may fail.
      last.moved = (heap.payloadBase + ((resized << 2) >>> 0)) as Pointer;
      cutTail(of, resized, blockBytes(size));
      traced("free", pointer, have);
      return last.moved;
    }
  }
  return size <= maxCopied ? moveSmall(b, pointer, size) : move(pointer, have, size);
}

function reallocElsewhere(pointer: Pointer, size: number): Pointer {
  const b = heap.liveBlockOfAny(pointer);
  if (b === 0) return reallocMapped(pointer, size);
  const of = heap.holding(b);
  return of === null ? reallocForeign(b, pointer, size) : reallocBlock(of, b, pointer, size);
}

/** Its owner alone may write its header, so it stays as it is or moves. */
function reallocForeign(b: Block, pointer: Pointer, size: number): Pointer {
  const have = sizeOf(heap.words, b) - HEADER_BYTES;
  return size <= have && size >= have * KEEP_FOREIGN ? pointer : move(pointer, have, size);
}

function reallocMapped(pointer: Pointer, size: number): Pointer {
  const have = heap.large.sizeOf(pointer);
  if (have < 0) throw wrongPointer("realloc", pointer);
  if (size > heap.mmapThreshold * KEEP_MAPPED)
    return resizeMapped(pointer, have, size) || move(pointer, have, size);
  // Into the heap, where there is room for it.
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

/** As move() does it, to a small block, and copied by word: a builtin's call costs more than the loop. */
function moveSmall(b: Block, from: Pointer, size: number): Pointer {
  const to = heap.popSmall(size) || heap.allocate(size);
  if (to === 0) throw noMemory("realloc", size);
  const have = sizeOf(heap.words, b) - HEADER_BYTES;
  copyWords(b + 2, heap.window.blockOf(to) + 2, Math.min(have, size + 3) >>> 2);
  last.moved = to;
  if (!heap.freeSmall(from)) release(from);
  return to;
}

/** To a new block; the old one is freed last, so that running out of memory changes nothing. */
function move(from: Pointer, oldBytes: number, size: number): Pointer {
  const to = tryMove(from, oldBytes, size);
  if (to === 0) throw noMemory("realloc", size);
  return to;
}

/** The same; 0, with nothing changed, when memory is out. */
function tryMove(from: Pointer, oldBytes: number, size: number): Pointer {
  const to = heap.allocate(size);
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
