/**
 * Checks of pointers: from a pointer to a place, its byte offset in the window, or an error.
 *
 * Refused: NULL, values that are no numbers, addresses outside the window or in the control block, and addresses where
 * nothing is mapped (a large block that was freed, memory beyond the heap's segments). Not caught: memory that is unmapped
 * between the check and the access, by another thread, or by valueOf() of an object that is written as if it were a number.
 *
 * An access takes one of two paths.
 *
 *   near   the first 2 GiB of the window: all blocks of most programs. One typed array per width, for addresses that are a
 *          multiple of the width. The access makes the whole check itself: one subtraction, one comparison, one load from
 *          the table of mapped pages. So V8 inlines it, with all tables as constants, and a pointer that is a small integer
 *          stays one (V8 rule 4).
 *   far    everything else, unaligned addresses included. A call, and one DataView per slice of 2 GiB.
 *
 * Why typed arrays: a program is interpreted at first, and then a DataView costs a call per access. Besides, V8's mid-tier
 * compiler never optimizes a DataView's call again once it has met an index that is no int32.
 */
import { addressOf } from "../api/attached.js";
import { heap, unusable } from "../api/malloc.js";
import { hex, notAPointer, rangeError, show, typeError } from "../errors.js";
import { CONTROL_BYTES } from "../memory/control.js";
import { isThere } from "./there.js";

/** Bytes of a slice, so that every offset in one is an int32. */
const SLICE_BYTES = 2 ** 31;
/** `place & IN_SLICE` is the offset in the slice: the low 31 bits of a place, also of one beyond int32. */
export const IN_SLICE = 0x7fff_ffff;
/** Bytes of the widest scalar: one that starts at the end of a slice may reach into the next, so slices overlap. */
const WIDEST = 8;

const { base, buffer, span } = heap.window;
const limit = unusable === null ? span : 0;
const slices = slicesOf(buffer);
const nearBytes = Math.min(span - (span % WIDEST), SLICE_BYTES);

/** The near part by width; for bigints a DataView, with which V8's code is best. */
export const near = {
  /** The address of place 0. */
  start: base as number,
  u8: new Uint8Array(buffer, 0, nearBytes),
  i8: new Int8Array(buffer, 0, nearBytes),
  u16: new Uint16Array(buffer, 0, nearBytes / 2),
  i16: new Int16Array(buffer, 0, nearBytes / 2),
  u32: new Uint32Array(buffer, 0, nearBytes / 4),
  i32: new Int32Array(buffer, 0, nearBytes / 4),
  f32: new Float32Array(buffer, 0, nearBytes / 4),
  f64: new Float64Array(buffer, 0, nearBytes / 8),
  data: slices[0] ?? new DataView(buffer),
};

/** `(place & mask) === place` if a place is near, a whole number, and a multiple of 1, 2, 4 or 8. */
export const BYTES = 0x7fff_ffff;
export const HALVES = 0x7fff_fffe;
export const WORDS = 0x7fff_fffc;
export const LONGS = 0x7fff_fff8;

/** The place of any address, near or far, if `bytes` are mapped there; else throws an error that names the operation. */
export function farOf(
  operation: string,
  pointer: number | bigint,
  byteOffset: number,
  bytes: number,
): number {
  if (typeof pointer === "number" && typeof byteOffset === "number") {
    const place = pointer - base + byteOffset;
    const isInside = Number.isInteger(place) && place >= CONTROL_BYTES && place + bytes <= limit;
    if (isInside) heap.hooks.slots?.allows(operation, pointer, byteOffset, bytes);
    if (isInside && isThere(place, bytes)) {
      heap.hooks.guard?.allows(operation, pointer, byteOffset, bytes);
      return place;
    }
  }
  if (typeof pointer === "bigint") return farOf(operation, addressOf(operation, pointer), byteOffset, bytes);
  throw wrongPlace(operation, pointer, byteOffset, bytes);
}

/** The slice that a place lies in, at the offset `place & IN_SLICE`. */
export function sliceAt(place: number): DataView {
  return slices[(place / SLICE_BYTES) | 0]!;
}

function slicesOf(whole: ArrayBuffer): DataView[] {
  return Array.from({ length: Math.ceil(whole.byteLength / SLICE_BYTES) }, (_, i) => {
    const from = i * SLICE_BYTES;
    return new DataView(whole, from, Math.min(SLICE_BYTES + WIDEST, whole.byteLength - from));
  });
}

function wrongPlace(operation: string, pointer: unknown, byteOffset: unknown, bytes: number): Error {
  if (unusable !== null) return unusable;
  if (typeof pointer !== "number") return notAPointer(operation, pointer);
  if (typeof byteOffset !== "number") {
    return typeError(
      "ERR_INVALID_ARG",
      `${operation}: byteOffset must be a number of bytes, got ${show(byteOffset)}`,
    );
  }
  if (!Number.isInteger(pointer + byteOffset)) {
    const what = `${operation}: ${show(pointer)} + ${show(byteOffset)} is not an address`;
    return rangeError("ERR_INVALID_POINTER", `${what}; both must be whole numbers`);
  }
  const freed = heap.hooks.guard?.freedAt(operation, pointer + byteOffset, bytes) ?? null;
  if (freed !== null) return freed;
  return rangeError(
    "ERR_INVALID_POINTER",
    `${operation}: ${bytes === 1 ? "1 byte" : `${bytes} bytes`} at ${hex(pointer)} + ${show(byteOffset)} ` +
      `${bytes === 1 ? "is" : "are"} not inside the heap's memory; ` +
      "memory of C's is reached with copyFrom and copyTo, or with koffi.decode and koffi.encode",
  );
}
