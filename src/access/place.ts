/**
 * From a pointer to a place in the window, or an error.
 *
 * What is caught: NULL, what is no number, and every address outside the window or in the control block. What is not:
 * an address inside the window where nothing is mapped (a large block that was freed, memory beyond the heap's
 * segments). Touching that ends the process, as in C; to know it would take a table look-up per access.
 *
 * There are two ways, and each access takes one of them with a call of its own.
 *
 *   near   below 2 GiB in a wide window: most small blocks; on Node 20, whose window is 4 GiB, everything but its last
 *          bytes. One DataView.
 *   far    the rest: above all, on Node 22 and later, blocks with a mapping of their own. One DataView per 2 GiB slice.
 *
 * Why: on Node 24 and 26 V8's mid-tier compiler takes only an int32 as the index of a DataView. Given another number it
 * gives up on that call for good, and its top tier then leaves the call alone as well: 15 ns and a boxed number per
 * access, where a slice takes 3. And one way for both would look up a slice for every near place too.
 */
import { CONTROL_BYTES } from "../core/control.js";
import { ZONE_LIMIT } from "../core/memory.js";
import { hex, notAPointer, rangeError, show, typeError } from "../errors.js";
import { heap, unusable } from "../malloc.js";

/** Bytes of a slice: each offset in it is an int32. */
const SLICE_BYTES = 2 ** 31;
/** `place & IN_SLICE` is the offset: the low 31 bits of a place, however wide it is. */
export const IN_SLICE = 0x7fff_ffff;
/** What starts at the end of a slice may reach into the next one. */
const WIDEST = 8;

const { base, buffer, span } = heap.window;
const lowest = CONTROL_BYTES;
const isWide = span > ZONE_LIMIT;
/** How far from `lowest` a near place may lie; on a heap that cannot be used there is none, near or far. */
const reach = unusable === null ? Math.min(span, isWide ? SLICE_BYTES : ZONE_LIMIT) - lowest - WIDEST : -1;
const limit = unusable === null ? span : 0;
const slices = slicesOf(buffer);
/** What near places are offsets in: the window above the control block. */
export const nearData = new DataView(buffer, Math.min(lowest, buffer.byteLength));

/**
 * Makes nearOf(): the offset in `nearData` of `pointer + byteOffset`, if it is near, with room for the widest access; else 0.
 * For all widths alike.
 *
 * The parameters of the function around it stand for constants: V8 folds them alike, and to load one takes two bytes of
 * bytecode where a module's constant takes four to six. An access is inlined together with this, and every byte of it counts
 * when V8 decides whether malloc and free go into the same caller.
 */
const nearFrom = (start: number, reach: number) =>
  function nearOf(pointer: number, byteOffset?: number): number {
    const offset = byteOffset === undefined ? 0 : byteOffset; // a default would copy both parameters first
    if (typeof pointer !== "number" || typeof offset !== "number") return 0;
    const place = pointer - start + offset;
    const near = place >>> 0; // a place that is no whole number differs from this
    return near === place && near <= reach ? near : 0;
  };
export type NearOf = ReturnType<typeof nearFrom>;
export const nearOf: NearOf = nearFrom(base + lowest, reach);

/** The same for any place. An error that names the operation when it is not inside the heap's memory. */
export function farOf(operation: string, pointer: number, byteOffset: number, bytes: number): number {
  if (typeof pointer === "number" && typeof byteOffset === "number") {
    const place = pointer - base + byteOffset;
    if (Number.isInteger(place) && place >= lowest && place + bytes <= limit) return place;
  }
  throw wrongPlace(operation, pointer, byteOffset, bytes);
}

/** The slice that a far place lies in, at the offset `place & IN_SLICE`. */
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
  return rangeError(
    "ERR_INVALID_POINTER",
    `${operation}: ${bytes === 1 ? "1 byte" : `${bytes} bytes`} at ${hex(pointer)} + ${show(byteOffset)} ` +
      `${bytes === 1 ? "is" : "are"} not inside the heap's memory; ` +
      "memory of C's is reached with koffi.decode and koffi.encode",
  );
}
