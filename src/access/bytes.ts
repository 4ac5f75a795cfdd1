/**
 * Whole ranges of bytes: memmove, memset and memcmp inside the heap's memory.
 *
 * Both ranges are checked before anything is written, even for a length of 0. place.ts says what cannot be caught. Any
 * thread; another thread's write at the same time may be seen in part.
 */
import { checkSize } from "../api/attached.js";
import { heap } from "../api/malloc.js";
import { rangeError, show, typeError } from "../errors.js";
import type { PointerLike } from "../memory/memory.js";
import { farOf } from "./place.js";

const { buffer, bytes } = heap.window;
/** Up to this many bytes a loop is faster than a call of a builtin, if all places are int32s. */
const LOOP_BYTES = 32;
const LOOP_END = 2 ** 31 - LOOP_BYTES;

/**
 * Copies `byteLength` bytes from `source` to `target`, which may overlap: C's memmove. Any thread.
 *
 * @throws HeapError ERR_INVALID_POINTER when either range is not inside the heap's memory; ERR_INVALID_ARG for an invalid
 *   length; nothing was copied
 * @example
 * ```ts
 * import { copy, cstring, free, malloc, readCString } from "heapwright";
 *
 * const text = cstring("moved");
 * const twin = malloc(6);
 * copy(twin, text, 6); // its NUL too
 * free(text);
 * console.log(readCString(twin)); // moved
 * free(twin);
 * ```
 */
export function copy(target: PointerLike, source: PointerLike, byteLength: number): void {
  checkSize("copy", "byteLength", byteLength);
  const to = farOf("copy", target, 0, byteLength);
  const from = farOf("copy", source, 0, byteLength);
  bytes.copyWithin(to, from, from + byteLength);
}

/**
 * Sets `byteLength` bytes to `byte`: C's memset, which takes the low 8 bits of a whole number, so that -1 is 255. Any thread.
 *
 * @throws HeapError ERR_INVALID_POINTER when the range is not inside the heap's memory; ERR_INVALID_ARG for an invalid
 *   length, or a `byte` that is not a whole number; nothing was written
 * @example
 * ```ts
 * import { fill, free, malloc, read } from "heapwright";
 *
 * const block = malloc(64);
 * fill(block, 0xab, 64);
 * console.log(read.u32(block).toString(16)); // abababab
 * free(block);
 * ```
 */
export function fill(pointer: PointerLike, byte: number, byteLength: number): void {
  checkSize("fill", "byteLength", byteLength);
  checkByte(byte);
  const from = farOf("fill", pointer, 0, byteLength);
  bytes.fill(byte & 0xff, from, from + byteLength);
}

/**
 * Compares `byteLength` bytes, as unsigned numbers from the first on: C's memcmp. Any thread.
 *
 * @returns -1 when the first byte that differs is less at `a`, 1 when it is greater, 0 when none differs
 * @throws HeapError ERR_INVALID_POINTER when either range is not inside the heap's memory; ERR_INVALID_ARG for an invalid
 *   length
 * @example
 * ```ts
 * import { compare, cstring, free } from "heapwright";
 *
 * const a = cstring("heap");
 * const b = cstring("heat");
 * console.log(compare(a, b, 3), compare(a, b, 4)); // 0 -1
 * free(a);
 * free(b);
 * ```
 */
export function compare(a: PointerLike, b: PointerLike, byteLength: number): -1 | 0 | 1 {
  checkSize("compare", "byteLength", byteLength);
  const left = farOf("compare", a, 0, byteLength);
  const right = farOf("compare", b, 0, byteLength);
  if (byteLength > LOOP_BYTES || left > LOOP_END || right > LOOP_END) {
    return compareViews(left, right, byteLength);
  }
  for (let i = 0; i < byteLength; i++) {
    const difference = bytes[left + i]! - bytes[right + i]!;
    if (difference !== 0) return difference < 0 ? -1 : 1;
  }
  return 0;
}

function compareViews(left: number, right: number, byteLength: number): -1 | 0 | 1 {
  const a = new Uint8Array(buffer, left, byteLength);
  return Buffer.compare(a, new Uint8Array(buffer, right, byteLength));
}

function checkByte(byte: number): void {
  if (typeof byte !== "number") {
    throw typeError("ERR_INVALID_ARG", `fill: byte must be a number, got ${show(byte)}`);
  }
  if (!Number.isInteger(byte)) {
    throw rangeError("ERR_INVALID_ARG", `fill: byte must be a whole number, got ${show(byte)}`);
  }
}
