/**
 * Pointer arithmetic whose result TypeScript accepts as a Pointer.
 */
import { addressOf } from "../api/attached.js";
import { rangeError, show, typeError } from "../errors.js";
import type { Pointer, PointerLike } from "../memory/memory.js";

/**
 * The address `bytes` after `pointer`, or before it: C's `(char *)pointer + bytes`. The bounds of the block are not checked,
 * and the result is not a pointer to free. Any thread.
 *
 * @param pointer an address in the heap's memory
 * @param bytes a whole number, which may be negative
 * @throws HeapError ERR_INVALID_POINTER when the result is no address; ERR_INVALID_ARG when `bytes` is not a whole number
 * @example
 * ```ts
 * import { free, malloc, offset, read, view } from "heapwright";
 *
 * const block = malloc(16);
 * view(block).fill(7);
 * console.log(read.u8(offset(block, 8))); // 7
 * free(block);
 * ```
 */
export function offset(pointer: PointerLike, bytes: number): Pointer {
  if (typeof pointer !== "number") return offset(addressOf("offset", pointer), bytes);
  if (!Number.isSafeInteger(bytes)) throw wrongOffset(bytes);
  const moved = pointer + bytes;
  if (Number.isSafeInteger(moved) && moved >= 0) return moved as Pointer;
  throw rangeError("ERR_INVALID_POINTER", `offset: ${show(pointer)} + ${bytes} is not an address`);
}

function wrongOffset(bytes: unknown): Error {
  const make = typeof bytes === "number" ? rangeError : typeError;
  return make("ERR_INVALID_ARG", `offset: bytes must be a whole number, got ${show(bytes)}`);
}
