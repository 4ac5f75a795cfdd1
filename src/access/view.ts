/**
 * Views over memory: no copy, and no say in its lifetime.
 */
import type { Pointer } from "../core/memory.js";
import { rangeError, show, typeError } from "../errors.js";
import { heap, usableSize } from "../malloc.js";
import { farOf } from "./place.js";

/**
 * The bytes at `pointer`, as they are now and will be: a Uint8Array over the memory itself, not a copy. It stays
 * readable after free(), and then shows whatever the memory is used for next; of a large block that was freed nothing
 * is left, and touching it ends the process.
 *
 * Making one costs about 30 ns; for single values use read and write.
 *
 * @param byteLength bytes; usableSize(pointer) by default
 * @throws HeapError ERR_INVALID_POINTER when the bytes are not inside the heap's memory, or no length is given and no
 *   live block starts at `pointer`; ERR_INVALID_ARG for a length that is none
 */
export function view(pointer: Pointer, byteLength: number = usableSize(pointer)): Uint8Array {
  if (typeof byteLength !== "number") {
    throw typeError("ERR_INVALID_ARG", `view: byteLength must be a number of bytes, got ${show(byteLength)}`);
  }
  if (!Number.isSafeInteger(byteLength) || byteLength < 0) {
    throw rangeError(
      "ERR_INVALID_ARG",
      `view: byteLength must be a whole number of bytes, got ${show(byteLength)}`,
    );
  }
  return new Uint8Array(heap.window.buffer, farOf(pointer, 0, byteLength), byteLength);
}
