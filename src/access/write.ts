/**
 * Writing scalars at a pointer, little-endian, aligned or not. Values are converted as DataView does: integers wrap,
 * floats round. Any thread; a write of more than 4 bytes may be seen half done by another.
 *
 * @throws HeapError ERR_INVALID_POINTER when the bytes are not inside the heap's memory; see place.ts for what cannot
 *   be caught
 */
import type { Pointer } from "../core/memory.js";
import { heap } from "../malloc.js";
import * as place from "./place.js";

const { data } = heap.window;
// Names of this module's own, which V8 folds into the code.
const { farOf, nearOf } = place;

export const write = {
  u8(pointer: Pointer, value: number, byteOffset = 0): void {
    const near = nearOf(pointer, byteOffset, 1);
    if (near !== 0) data.setUint8(near, value);
    else data.setUint8(farOf(pointer, byteOffset, 1), value);
  },
  i8(pointer: Pointer, value: number, byteOffset = 0): void {
    const near = nearOf(pointer, byteOffset, 1);
    if (near !== 0) data.setInt8(near, value);
    else data.setInt8(farOf(pointer, byteOffset, 1), value);
  },
  u16(pointer: Pointer, value: number, byteOffset = 0): void {
    const near = nearOf(pointer, byteOffset, 2);
    if (near !== 0) data.setUint16(near, value, true);
    else data.setUint16(farOf(pointer, byteOffset, 2), value, true);
  },
  i16(pointer: Pointer, value: number, byteOffset = 0): void {
    const near = nearOf(pointer, byteOffset, 2);
    if (near !== 0) data.setInt16(near, value, true);
    else data.setInt16(farOf(pointer, byteOffset, 2), value, true);
  },
  u32(pointer: Pointer, value: number, byteOffset = 0): void {
    const near = nearOf(pointer, byteOffset, 4);
    if (near !== 0) data.setUint32(near, value, true);
    else data.setUint32(farOf(pointer, byteOffset, 4), value, true);
  },
  i32(pointer: Pointer, value: number, byteOffset = 0): void {
    const near = nearOf(pointer, byteOffset, 4);
    if (near !== 0) data.setInt32(near, value, true);
    else data.setInt32(farOf(pointer, byteOffset, 4), value, true);
  },
  f32(pointer: Pointer, value: number, byteOffset = 0): void {
    const near = nearOf(pointer, byteOffset, 4);
    if (near !== 0) data.setFloat32(near, value, true);
    else data.setFloat32(farOf(pointer, byteOffset, 4), value, true);
  },
  f64(pointer: Pointer, value: number, byteOffset = 0): void {
    const near = nearOf(pointer, byteOffset, 8);
    if (near !== 0) data.setFloat64(near, value, true);
    else data.setFloat64(farOf(pointer, byteOffset, 8), value, true);
  },
  u64(pointer: Pointer, value: bigint, byteOffset = 0): void {
    const near = nearOf(pointer, byteOffset, 8);
    if (near !== 0) data.setBigUint64(near, value, true);
    else data.setBigUint64(farOf(pointer, byteOffset, 8), value, true);
  },
  i64(pointer: Pointer, value: bigint, byteOffset = 0): void {
    const near = nearOf(pointer, byteOffset, 8);
    if (near !== 0) data.setBigInt64(near, value, true);
    else data.setBigInt64(farOf(pointer, byteOffset, 8), value, true);
  },
  /** An address as C stores it, 8 bytes. */
  pointer(pointer: Pointer, value: Pointer, byteOffset = 0): void {
    const near = nearOf(pointer, byteOffset, 8);
    if (near !== 0) putAddress(near, value);
    else putAddress(farOf(pointer, byteOffset, 8), value);
  },
};

function putAddress(place: number, value: number): void {
  const high = Math.floor(value / 2 ** 32);
  data.setUint32(place, value - high * 2 ** 32, true);
  data.setUint32(place + 4, high, true);
}
