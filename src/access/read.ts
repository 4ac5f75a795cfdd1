/**
 * Reading scalars at a pointer, in the processor's byte order (little-endian on every platform supported), aligned or
 * not. Each access tests for a near place first (place.ts).
 */
import type { Pointer } from "../core/memory.js";
import { heap } from "../malloc.js";
import * as place from "./place.js";

const { data } = heap.window;
// Names of this module's own, which V8 folds into the code.
const { farOf, nearOf } = place;

/**
 * Reads a value at `pointer + byteOffset`: `read.u8 i8 u16 i16 u32 i32 f32 f64 (pointer, byteOffset = 0)` give a number,
 * `read.u64 i64` a bigint, `read.pointer` an address. About 2 ns each, bigints more. Any thread, any thread's blocks.
 *
 * Memory that was freed can still be read as long as it is mapped, as in C; see place.ts for what that means.
 *
 * @throws HeapError ERR_INVALID_POINTER when the bytes are not inside the heap's memory; ERR_INVALID_ARG for a
 *   `byteOffset` that is no number
 * @example
 * import { free, malloc, read, write } from "heapwright";
 *
 * const block = malloc(16);
 * write.u32(block, 0x12345678);
 * console.log(read.u8(block), read.u16(block, 2)); // 120 4660
 * free(block);
 */
export const read = {
  u8(pointer: Pointer, byteOffset = 0): number {
    const near = nearOf(pointer, byteOffset, 1);
    return near !== 0 ? data.getUint8(near) : data.getUint8(farOf(pointer, byteOffset, 1));
  },
  i8(pointer: Pointer, byteOffset = 0): number {
    const near = nearOf(pointer, byteOffset, 1);
    return near !== 0 ? data.getInt8(near) : data.getInt8(farOf(pointer, byteOffset, 1));
  },
  u16(pointer: Pointer, byteOffset = 0): number {
    const near = nearOf(pointer, byteOffset, 2);
    return near !== 0 ? data.getUint16(near, true) : data.getUint16(farOf(pointer, byteOffset, 2), true);
  },
  i16(pointer: Pointer, byteOffset = 0): number {
    const near = nearOf(pointer, byteOffset, 2);
    return near !== 0 ? data.getInt16(near, true) : data.getInt16(farOf(pointer, byteOffset, 2), true);
  },
  u32(pointer: Pointer, byteOffset = 0): number {
    const near = nearOf(pointer, byteOffset, 4);
    return near !== 0 ? data.getUint32(near, true) : data.getUint32(farOf(pointer, byteOffset, 4), true);
  },
  i32(pointer: Pointer, byteOffset = 0): number {
    const near = nearOf(pointer, byteOffset, 4);
    return near !== 0 ? data.getInt32(near, true) : data.getInt32(farOf(pointer, byteOffset, 4), true);
  },
  f32(pointer: Pointer, byteOffset = 0): number {
    const near = nearOf(pointer, byteOffset, 4);
    return near !== 0 ? data.getFloat32(near, true) : data.getFloat32(farOf(pointer, byteOffset, 4), true);
  },
  f64(pointer: Pointer, byteOffset = 0): number {
    const near = nearOf(pointer, byteOffset, 8);
    return near !== 0 ? data.getFloat64(near, true) : data.getFloat64(farOf(pointer, byteOffset, 8), true);
  },
  u64(pointer: Pointer, byteOffset = 0): bigint {
    const near = nearOf(pointer, byteOffset, 8);
    return near !== 0
      ? data.getBigUint64(near, true)
      : data.getBigUint64(farOf(pointer, byteOffset, 8), true);
  },
  i64(pointer: Pointer, byteOffset = 0): bigint {
    const near = nearOf(pointer, byteOffset, 8);
    return near !== 0 ? data.getBigInt64(near, true) : data.getBigInt64(farOf(pointer, byteOffset, 8), true);
  },
  /** An address as C stores it: 8 bytes, of which a user address takes at most 53 bits. */
  pointer(pointer: Pointer, byteOffset = 0): Pointer {
    const near = nearOf(pointer, byteOffset, 8);
    return near !== 0 ? addressAt(near) : addressAt(farOf(pointer, byteOffset, 8));
  },
};

function addressAt(place: number): Pointer {
  return (data.getUint32(place, true) + data.getUint32(place + 4, true) * 2 ** 32) as Pointer;
}
