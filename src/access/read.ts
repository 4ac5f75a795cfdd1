/**
 * Reading scalars at a pointer, in the processor's byte order (little-endian on every platform supported), aligned or
 * not. Any thread.
 *
 * @throws HeapError ERR_INVALID_POINTER when the bytes are not inside the heap's memory; see place.ts for what cannot
 *   be caught
 */
import type { Pointer } from "../core/memory.js";
import { heap } from "../malloc.js";
import { placeOf } from "./place.js";

const { data } = heap.window;

export const read = {
  u8(pointer: Pointer, byteOffset = 0): number {
    return data.getUint8(placeOf(pointer, byteOffset, 1));
  },
  i8(pointer: Pointer, byteOffset = 0): number {
    return data.getInt8(placeOf(pointer, byteOffset, 1));
  },
  u16(pointer: Pointer, byteOffset = 0): number {
    return data.getUint16(placeOf(pointer, byteOffset, 2), true);
  },
  i16(pointer: Pointer, byteOffset = 0): number {
    return data.getInt16(placeOf(pointer, byteOffset, 2), true);
  },
  u32(pointer: Pointer, byteOffset = 0): number {
    return data.getUint32(placeOf(pointer, byteOffset, 4), true);
  },
  i32(pointer: Pointer, byteOffset = 0): number {
    return data.getInt32(placeOf(pointer, byteOffset, 4), true);
  },
  f32(pointer: Pointer, byteOffset = 0): number {
    return data.getFloat32(placeOf(pointer, byteOffset, 4), true);
  },
  f64(pointer: Pointer, byteOffset = 0): number {
    return data.getFloat64(placeOf(pointer, byteOffset, 8), true);
  },
  u64(pointer: Pointer, byteOffset = 0): bigint {
    return data.getBigUint64(placeOf(pointer, byteOffset, 8), true);
  },
  i64(pointer: Pointer, byteOffset = 0): bigint {
    return data.getBigInt64(placeOf(pointer, byteOffset, 8), true);
  },
  /** An address as C stores it: 8 bytes, of which a user address takes at most 53 bits. */
  pointer(pointer: Pointer, byteOffset = 0): Pointer {
    const place = placeOf(pointer, byteOffset, 8);
    return (data.getUint32(place, true) + data.getUint32(place + 4, true) * 2 ** 32) as Pointer;
  },
};
