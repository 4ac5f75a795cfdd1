/**
 * What is wrong with a pointer that is not a live block's.
 *
 * Owns the distinction between a second free and a pointer that was never given out, and its wording. Reads memory
 * only in chunks that have an owner, and headers of large blocks only when the table knows them.
 */
import { HeapError, hex, rangeError, show, typeError } from "../errors.js";
import { isSealed, isSealedLive, MIN_BLOCK, sizeOf } from "./block.js";
import { ownerOfWord } from "./control.js";
import type { ThreadHeap } from "./heap.js";
import { FREED } from "./mappings.js";

/** The error for `operation` on `pointer`, which is known not to be a live block. */
export function explainPointer(heap: ThreadHeap, operation: string, pointer: unknown): HeapError {
  if (typeof pointer !== "number") {
    return typeError(
      "ERR_INVALID_POINTER",
      `${operation}: a pointer is a number that malloc returned, got ${show(pointer)}`,
    );
  }
  if (!Number.isSafeInteger(pointer) || pointer < 0) {
    return invalid(operation, pointer, "it is not an address; a pointer is a number that malloc returned");
  }
  if (pointer === 0) return invalid(operation, pointer, "it is NULL, which has no block");
  if (wasFreed(heap, pointer)) {
    return new HeapError(
      "ERR_DOUBLE_FREE",
      `${operation}: the block at ${hex(pointer)} is free already; look for the other free of this pointer`,
    );
  }
  const offset = pointer - heap.window.base;
  if (offset < 0 || offset >= heap.window.span) {
    return invalid(operation, pointer, "it is not from this heap; memory of C's malloc goes to C's free");
  }
  if (pointer % 16 !== 0) return invalid(operation, pointer, "payloads are 16-byte aligned, and it is not");
  return invalid(
    operation,
    pointer,
    "no block starts there, or its header was overwritten; pass the very number that malloc returned",
  );
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
