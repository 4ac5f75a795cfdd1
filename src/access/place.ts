/**
 * From a pointer to a place in the window, or an error.
 *
 * What is caught: NULL, what is no number, and every address outside the window or in the control block. What is not:
 * an address inside the window where nothing is mapped (a large block that was freed, memory beyond the heap's
 * segments). Touching that ends the process, as in C; to know it would take a table look-up per access.
 *
 * There are two ways, and each access takes one of them with a call of its own: near, an integer below 2^32, which is
 * every small block and, on Node 20, everything; and far. One way for both would carry the place as a double, and the
 * access would convert and test it again: 1.5 ns more.
 */
import { CONTROL_BYTES } from "../core/control.js";
import { ZONE_LIMIT } from "../core/memory.js";
import { hex, rangeError, show, typeError } from "../errors.js";
import { heap, unusable } from "../malloc.js";

const { base, span } = heap.window;
const lowest = CONTROL_BYTES;
/** Bytes from `lowest` on that are near; on a heap that cannot be used there are none, near or far. */
const reach = unusable === null ? Math.min(span, ZONE_LIMIT) - lowest : 0;
const limit = unusable === null ? span : 0;

/** The byte offset in the window of `bytes` bytes at `pointer + byteOffset`, if it is near; else 0. */
export function nearOf(pointer: number, byteOffset: number, bytes: number): number {
  if (typeof pointer !== "number" || typeof byteOffset !== "number") return 0;
  const place = pointer - base + byteOffset;
  const near = place >>> 0; // a place that is no whole number differs from this
  return near === place && (near - lowest) >>> 0 <= reach - bytes ? near : 0;
}

/** The same for a place that is not near. */
export function farOf(pointer: number, byteOffset: number, bytes: number): number {
  if (typeof pointer === "number" && typeof byteOffset === "number") {
    const place = pointer - base + byteOffset;
    if (Number.isInteger(place) && place >= lowest && place + bytes <= limit) return place;
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
