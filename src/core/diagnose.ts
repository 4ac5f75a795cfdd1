/**
 * What is wrong with a pointer that is not a live block's, and whether there is memory at one.
 *
 * Owns the distinction between a second free and a pointer that was never given out, and its wording. Reads memory
 * only in chunks that have an owner, and headers of large blocks only when the table knows them.
 */
import { HeapError, hex, notAPointer, rangeError } from "../errors.js";
import { isSealed, isSealedLive, MIN_BLOCK, sizeOf } from "./block.js";
import { CHUNK_BYTES, ownerOfWord } from "./control.js";
import type { ThreadHeap } from "./heap.js";
import { FREED } from "./mappings.js";
import { type Pointer, roundDown, WORD_BYTES } from "./memory.js";

interface Advice {
  /** With a pointer into a block, or one that an arena gave out. */
  readonly inside: string;
  /** With one of C's. */
  readonly foreign: string;
}

const OTHERWISE: Advice = {
  inside: "pass the very number that malloc returned; what an arena gave out goes with the arena",
  foreign: "memory of C's malloc goes to C's free",
};
/** For operations that take a pointer of any kind, if they are told how far to go. */
const ADVICE: { readonly [operation: string]: Advice } = {
  view: { inside: "say how many bytes: view(pointer, byteLength)", foreign: "koffi.view shows C's memory" },
  buffer: {
    inside: "say how many bytes: buffer(pointer, byteLength)",
    foreign: "koffi.view shows C's memory",
  },
  readCString: {
    inside: "say how far to look for the NUL: readCString(pointer, maxBytes)",
    foreign: 'koffi.decode(pointer, "char *") reads C\'s memory',
  },
};

/** The error for `operation` on `pointer`, which is known not to be a live block. */
export function explainPointer(heap: ThreadHeap, operation: string, pointer: unknown): HeapError {
  if (typeof pointer !== "number") return notAPointer(operation, pointer);
  if (!Number.isSafeInteger(pointer) || pointer < 0) {
    return invalid(operation, pointer, "it is not an address; a pointer is a number that malloc returned");
  }
  if (pointer === 0) return invalid(operation, pointer, "it is NULL, which has no block");
  if (wasFreed(heap, pointer)) {
    const other = operation === "free" ? "the other free of this pointer" : "where it was freed";
    return new HeapError(
      "ERR_DOUBLE_FREE",
      `${operation}: the block at ${hex(pointer)} is free already; look for ${other}`,
    );
  }
  const offset = pointer - heap.window.base;
  if (offset < 0 || offset >= heap.window.span) {
    return invalid(
      operation,
      pointer,
      `it is not from this heap; ${(ADVICE[operation] ?? OTHERWISE).foreign}`,
    );
  }
  if (pointer % 16 !== 0) return invalid(operation, pointer, "payloads are 16-byte aligned, and it is not");
  return invalid(
    operation,
    pointer,
    `no block starts there, or its header was overwritten; ${(ADVICE[operation] ?? OTHERWISE).inside}`,
  );
}

/** Whether all of that is memory of the heap that can be touched: of a segment, or of a live large block. */
export function isMapped(heap: ThreadHeap, pointer: Pointer, bytes: number): boolean {
  const { window, words: m } = heap;
  const start = pointer - window.base;
  const end = start + bytes;
  if (!(start >= 0 && end <= window.span)) return false; // nor is NaN
  let known = start;
  // Chunk by chunk: one that has an owner is mapped whole.
  while (known < end && hasOwner(m, known)) known = roundDown(known, CHUNK_BYTES) + CHUNK_BYTES;
  return known >= end || heap.large.covers(pointer, bytes);
}

function hasOwner(m: Int32Array, offset: number): boolean {
  const word = Math.floor(offset / WORD_BYTES);
  return word < m.length && ownerOfWord(m, word) !== 0;
}

/** Whether a block started there that was freed since, and nothing was written over its header yet. */
function wasFreed(heap: ThreadHeap, pointer: number): boolean {
  const { window, words: m } = heap;
  if (heap.large.sizeOf(pointer) === FREED) return true;
  if (!window.inZone(pointer) || pointer % 16 !== 0) return false;
  const b = window.blockOf(pointer);
  if (ownerOfWord(m, b) === 0) return false;
  return isSealed(m, b, heap.secret) && !isSealedLive(m, b, heap.secret) && sizeOf(m, b) >= MIN_BLOCK;
}

function invalid(operation: string, pointer: number, why: string): HeapError {
  return rangeError("ERR_INVALID_POINTER", `${operation}: ${hex(pointer)} is not a block: ${why}`);
}
