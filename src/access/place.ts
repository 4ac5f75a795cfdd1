/**
 * From a pointer to a place in the window, or an error.
 *
 * What is caught: NULL, what is no number, and every address outside the window or in the control block. What is not:
 * an address inside the window where nothing is mapped (a large block that was freed, memory beyond the heap's
 * segments). Touching that ends the process, as in C; to know it would take a table look-up per access.
 */
import { CONTROL_BYTES } from "../core/control.js";
import { hex, rangeError, show, typeError } from "../errors.js";
import { heap, unusable } from "../malloc.js";

const { base, span } = heap.window;
/** On a heap that cannot be used no place is inside. */
const lowest = unusable === null ? CONTROL_BYTES : Number.POSITIVE_INFINITY;

/** The byte offset in the window of `bytes` bytes at `pointer + byteOffset`. */
export function placeOf(pointer: number, byteOffset: number, bytes: number): number {
  if (typeof pointer === "number" && typeof byteOffset === "number") {
    const place = pointer - base + byteOffset;
    if (place >= lowest && place + bytes <= span && Math.floor(place) === place) return place;
  }
  throw wrongPlace(pointer, byteOffset, bytes);
}

function wrongPlace(pointer: unknown, byteOffset: unknown, bytes: unknown): Error {
  if (unusable !== null) return unusable;
  if (typeof pointer !== "number") {
    return typeError(
      "ERR_INVALID_POINTER",
      `a pointer is a number that malloc returned, got ${show(pointer)}`,
    );
  }
  if (typeof byteOffset !== "number") {
    return typeError("ERR_INVALID_ARG", `byteOffset must be a number of bytes, got ${show(byteOffset)}`);
  }
  return rangeError(
    "ERR_INVALID_POINTER",
    `${show(bytes)} bytes at ${hex(pointer)} + ${show(byteOffset)} are not inside the heap's memory`,
  );
}
