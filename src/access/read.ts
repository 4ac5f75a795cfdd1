/**
 * Reading scalars at a pointer, in the processor's byte order (little-endian on every platform supported), aligned or
 * not. Each access tests for a near place first (place.ts).
 */
import type { Pointer } from "../core/memory.js";
import { farOf, IN_SLICE, type NearOf, nearData, nearOf, sliceAt } from "./place.js";

/** The same for far places. Not in the functions themselves, which V8 inlines up to a size. */
const beyond = {
  u8(pointer: Pointer, byteOffset = 0): number {
    const far = farOf("read.u8", pointer, byteOffset, 1);
    return sliceAt(far).getUint8(far & IN_SLICE);
  },
  i8(pointer: Pointer, byteOffset = 0): number {
    const far = farOf("read.i8", pointer, byteOffset, 1);
    return sliceAt(far).getInt8(far & IN_SLICE);
  },
  u16(pointer: Pointer, byteOffset = 0): number {
    const far = farOf("read.u16", pointer, byteOffset, 2);
    return sliceAt(far).getUint16(far & IN_SLICE, true);
  },
  i16(pointer: Pointer, byteOffset = 0): number {
    const far = farOf("read.i16", pointer, byteOffset, 2);
    return sliceAt(far).getInt16(far & IN_SLICE, true);
  },
  u32(pointer: Pointer, byteOffset = 0): number {
    const far = farOf("read.u32", pointer, byteOffset, 4);
    return sliceAt(far).getUint32(far & IN_SLICE, true);
  },
  i32(pointer: Pointer, byteOffset = 0): number {
    const far = farOf("read.i32", pointer, byteOffset, 4);
    return sliceAt(far).getInt32(far & IN_SLICE, true);
  },
  f32(pointer: Pointer, byteOffset = 0): number {
    const far = farOf("read.f32", pointer, byteOffset, 4);
    return sliceAt(far).getFloat32(far & IN_SLICE, true);
  },
  f64(pointer: Pointer, byteOffset = 0): number {
    const far = farOf("read.f64", pointer, byteOffset, 8);
    return sliceAt(far).getFloat64(far & IN_SLICE, true);
  },
  u64(pointer: Pointer, byteOffset = 0): bigint {
    const far = farOf("read.u64", pointer, byteOffset, 8);
    return sliceAt(far).getBigUint64(far & IN_SLICE, true);
  },
  i64(pointer: Pointer, byteOffset = 0): bigint {
    const far = farOf("read.i64", pointer, byteOffset, 8);
    return sliceAt(far).getBigInt64(far & IN_SLICE, true);
  },
  pointer(pointer: Pointer, byteOffset = 0): Pointer {
    const far = farOf("read.pointer", pointer, byteOffset, 8);
    return addressAt(sliceAt(far), far & IN_SLICE);
  },
};

type Beyond = typeof beyond;

/** The constants are parameters, as place.ts explains. */
const reader = (data: DataView, nearOf: NearOf, beyond: Beyond) => ({
  /** C's uint8_t, at `pointer + byteOffset`. */
  u8(pointer: Pointer, byteOffset?: number): number {
    const near = nearOf(pointer, byteOffset);
    return near !== 0 ? data.getUint8(near) : beyond.u8(pointer, byteOffset);
  },
  /** C's int8_t, at `pointer + byteOffset`. */
  i8(pointer: Pointer, byteOffset?: number): number {
    const near = nearOf(pointer, byteOffset);
    return near !== 0 ? data.getInt8(near) : beyond.i8(pointer, byteOffset);
  },
  /** C's uint16_t, at `pointer + byteOffset`. */
  u16(pointer: Pointer, byteOffset?: number): number {
    const near = nearOf(pointer, byteOffset);
    return near !== 0 ? data.getUint16(near, true) : beyond.u16(pointer, byteOffset);
  },
  /** C's int16_t, at `pointer + byteOffset`. */
  i16(pointer: Pointer, byteOffset?: number): number {
    const near = nearOf(pointer, byteOffset);
    return near !== 0 ? data.getInt16(near, true) : beyond.i16(pointer, byteOffset);
  },
  /** C's uint32_t, at `pointer + byteOffset`. */
  u32(pointer: Pointer, byteOffset?: number): number {
    const near = nearOf(pointer, byteOffset);
    return near !== 0 ? data.getUint32(near, true) : beyond.u32(pointer, byteOffset);
  },
  /** C's int32_t, at `pointer + byteOffset`. */
  i32(pointer: Pointer, byteOffset?: number): number {
    const near = nearOf(pointer, byteOffset);
    return near !== 0 ? data.getInt32(near, true) : beyond.i32(pointer, byteOffset);
  },
  /** C's float, at `pointer + byteOffset`. */
  f32(pointer: Pointer, byteOffset?: number): number {
    const near = nearOf(pointer, byteOffset);
    return near !== 0 ? data.getFloat32(near, true) : beyond.f32(pointer, byteOffset);
  },
  /** C's double, at `pointer + byteOffset`. */
  f64(pointer: Pointer, byteOffset?: number): number {
    const near = nearOf(pointer, byteOffset);
    return near !== 0 ? data.getFloat64(near, true) : beyond.f64(pointer, byteOffset);
  },
  /** C's uint64_t, a bigint, at `pointer + byteOffset`. */
  u64(pointer: Pointer, byteOffset?: number): bigint {
    const near = nearOf(pointer, byteOffset);
    return near !== 0 ? data.getBigUint64(near, true) : beyond.u64(pointer, byteOffset);
  },
  /** C's int64_t, a bigint, at `pointer + byteOffset`. */
  i64(pointer: Pointer, byteOffset?: number): bigint {
    const near = nearOf(pointer, byteOffset);
    return near !== 0 ? data.getBigInt64(near, true) : beyond.i64(pointer, byteOffset);
  },
  /** An address as C stores it: 8 bytes, of which a user address takes at most 53 bits. */
  pointer(pointer: Pointer, byteOffset?: number): Pointer {
    const near = nearOf(pointer, byteOffset);
    return near !== 0 ? addressAt(data, near) : beyond.pointer(pointer, byteOffset);
  },
});

/**
 * Reads a value at `pointer + byteOffset`: `read.u8 i8 u16 i16 u32 i32 f32 f64 (pointer, byteOffset = 0)` give a number,
 * `read.u64 i64` a bigint, `read.pointer` an address. 1 to 2 ns in a compiled loop, in blocks with a mapping of their own
 * 2 to 5; a bigint is an object, and takes up to 12. Any thread, any thread's blocks.
 *
 * NULL, what is no number, and every address outside the heap's memory are refused. A freed block is not: what is still
 * mapped reads as whatever lies there now, and reading a freed block that had a mapping of its own ends the process, as
 * in C.
 *
 * @throws HeapError ERR_INVALID_POINTER when the bytes are not inside the heap's memory; ERR_INVALID_ARG for a
 *   `byteOffset` that is no number
 * @example
 * ```ts
 * import { free, malloc, read, write } from "heapwright";
 *
 * const block = malloc(16);
 * write.u32(block, 0x12345678);
 * console.log(read.u8(block), read.u16(block, 2)); // 120 4660
 * free(block);
 * ```
 */
export const read = reader(nearData, nearOf, beyond);

function addressAt(view: DataView, offset: number): Pointer {
  return (view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 2 ** 32) as Pointer;
}
