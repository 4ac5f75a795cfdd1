/**
 * Writing scalars at a pointer, little-endian, aligned or not. Values are converted as DataView does: integers wrap,
 * floats round. Any thread; a write of more than 4 bytes may be seen half done by another.
 *
 * @throws HeapError ERR_INVALID_POINTER when the bytes are not inside the heap's memory; see place.ts for what cannot
 *   be caught
 */
import type { Pointer } from "../core/memory.js";
import { heap } from "../malloc.js";
import { placeOf } from "./place.js";

const { data } = heap.window;

export const write = {
  u8(pointer: Pointer, value: number, byteOffset = 0): void {
    data.setUint8(placeOf(pointer, byteOffset, 1), value);
  },
  i8(pointer: Pointer, value: number, byteOffset = 0): void {
    data.setInt8(placeOf(pointer, byteOffset, 1), value);
  },
  u16(pointer: Pointer, value: number, byteOffset = 0): void {
    data.setUint16(placeOf(pointer, byteOffset, 2), value, true);
  },
  i16(pointer: Pointer, value: number, byteOffset = 0): void {
    data.setInt16(placeOf(pointer, byteOffset, 2), value, true);
  },
  u32(pointer: Pointer, value: number, byteOffset = 0): void {
    data.setUint32(placeOf(pointer, byteOffset, 4), value, true);
  },
  i32(pointer: Pointer, value: number, byteOffset = 0): void {
    data.setInt32(placeOf(pointer, byteOffset, 4), value, true);
  },
  f32(pointer: Pointer, value: number, byteOffset = 0): void {
    data.setFloat32(placeOf(pointer, byteOffset, 4), value, true);
  },
  f64(pointer: Pointer, value: number, byteOffset = 0): void {
    data.setFloat64(placeOf(pointer, byteOffset, 8), value, true);
  },
  u64(pointer: Pointer, value: bigint, byteOffset = 0): void {
    data.setBigUint64(placeOf(pointer, byteOffset, 8), value, true);
  },
  i64(pointer: Pointer, value: bigint, byteOffset = 0): void {
    data.setBigInt64(placeOf(pointer, byteOffset, 8), value, true);
  },
  /** An address as C stores it, 8 bytes. */
  pointer(pointer: Pointer, value: Pointer, byteOffset = 0): void {
    const place = placeOf(pointer, byteOffset, 8);
    data.setUint32(place, value % 2 ** 32, true);
    data.setUint32(place + 4, Math.floor(value / 2 ** 32), true);
  },
};
