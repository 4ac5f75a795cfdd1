/**
 * Writing scalars at a pointer, little-endian, aligned or not. Each access tests for a near place first (place.ts).
 *
 * `value | 0` is what setInt8, setInt16 and setInt32 make of a value anyhow; V8's mid-tier compiler leaves the fast way
 * for good when it meets one that is no int32 yet.
 */
import type { FunctionPointer, Pointer } from "../core/memory.js";
import { rangeError, show, typeError } from "../errors.js";
import { farOf, IN_SLICE, type NearOf, nearData, nearOf, sliceAt } from "./place.js";

/** The same for far places. Not in the functions themselves, which V8 inlines up to a size. */
const beyond = {
  u8(pointer: Pointer, value: number, byteOffset = 0): void {
    const far = farOf("write.u8", pointer, byteOffset, 1);
    sliceAt(far).setUint8(far & IN_SLICE, value);
  },
  i8(pointer: Pointer, value: number, byteOffset = 0): void {
    const far = farOf("write.i8", pointer, byteOffset, 1);
    sliceAt(far).setInt8(far & IN_SLICE, value | 0);
  },
  u16(pointer: Pointer, value: number, byteOffset = 0): void {
    const far = farOf("write.u16", pointer, byteOffset, 2);
    sliceAt(far).setUint16(far & IN_SLICE, value, true);
  },
  i16(pointer: Pointer, value: number, byteOffset = 0): void {
    const far = farOf("write.i16", pointer, byteOffset, 2);
    sliceAt(far).setInt16(far & IN_SLICE, value | 0, true);
  },
  u32(pointer: Pointer, value: number, byteOffset = 0): void {
    const far = farOf("write.u32", pointer, byteOffset, 4);
    sliceAt(far).setUint32(far & IN_SLICE, value, true);
  },
  i32(pointer: Pointer, value: number, byteOffset = 0): void {
    const far = farOf("write.i32", pointer, byteOffset, 4);
    sliceAt(far).setInt32(far & IN_SLICE, value | 0, true);
  },
  f32(pointer: Pointer, value: number, byteOffset = 0): void {
    const far = farOf("write.f32", pointer, byteOffset, 4);
    sliceAt(far).setFloat32(far & IN_SLICE, value, true);
  },
  f64(pointer: Pointer, value: number, byteOffset = 0): void {
    const far = farOf("write.f64", pointer, byteOffset, 8);
    sliceAt(far).setFloat64(far & IN_SLICE, value, true);
  },
  u64(pointer: Pointer, value: bigint, byteOffset = 0): void {
    const far = farOf("write.u64", pointer, byteOffset, 8);
    sliceAt(far).setBigUint64(far & IN_SLICE, value, true);
  },
  i64(pointer: Pointer, value: bigint, byteOffset = 0): void {
    const far = farOf("write.i64", pointer, byteOffset, 8);
    sliceAt(far).setBigInt64(far & IN_SLICE, value, true);
  },
  pointer(pointer: Pointer, value: Pointer | FunctionPointer, byteOffset = 0): void {
    const far = farOf("write.pointer", pointer, byteOffset, 8);
    putAddress(sliceAt(far), far & IN_SLICE, value);
  },
};

type Beyond = typeof beyond;

/** The constants are parameters, as place.ts explains. */
const writer = (data: DataView, nearOf: NearOf, beyond: Beyond) => ({
  /** C's uint8_t, at `pointer + byteOffset`. */
  u8(pointer: Pointer, value: number, byteOffset?: number): void {
    const near = nearOf(pointer, byteOffset);
    if (near !== 0) data.setUint8(near, value);
    else beyond.u8(pointer, value, byteOffset);
  },
  /** C's int8_t, at `pointer + byteOffset`. */
  i8(pointer: Pointer, value: number, byteOffset?: number): void {
    const near = nearOf(pointer, byteOffset);
    if (near !== 0) data.setInt8(near, value | 0);
    else beyond.i8(pointer, value, byteOffset);
  },
  /** C's uint16_t, at `pointer + byteOffset`. */
  u16(pointer: Pointer, value: number, byteOffset?: number): void {
    const near = nearOf(pointer, byteOffset);
    if (near !== 0) data.setUint16(near, value, true);
    else beyond.u16(pointer, value, byteOffset);
  },
  /** C's int16_t, at `pointer + byteOffset`. */
  i16(pointer: Pointer, value: number, byteOffset?: number): void {
    const near = nearOf(pointer, byteOffset);
    if (near !== 0) data.setInt16(near, value | 0, true);
    else beyond.i16(pointer, value, byteOffset);
  },
  /** C's uint32_t, at `pointer + byteOffset`. */
  u32(pointer: Pointer, value: number, byteOffset?: number): void {
    const near = nearOf(pointer, byteOffset);
    if (near !== 0) data.setUint32(near, value, true);
    else beyond.u32(pointer, value, byteOffset);
  },
  /** C's int32_t, at `pointer + byteOffset`. */
  i32(pointer: Pointer, value: number, byteOffset?: number): void {
    const near = nearOf(pointer, byteOffset);
    if (near !== 0) data.setInt32(near, value | 0, true);
    else beyond.i32(pointer, value, byteOffset);
  },
  /** C's float, at `pointer + byteOffset`. */
  f32(pointer: Pointer, value: number, byteOffset?: number): void {
    const near = nearOf(pointer, byteOffset);
    if (near !== 0) data.setFloat32(near, value, true);
    else beyond.f32(pointer, value, byteOffset);
  },
  /** C's double, at `pointer + byteOffset`. */
  f64(pointer: Pointer, value: number, byteOffset?: number): void {
    const near = nearOf(pointer, byteOffset);
    if (near !== 0) data.setFloat64(near, value, true);
    else beyond.f64(pointer, value, byteOffset);
  },
  /** C's uint64_t, a bigint, at `pointer + byteOffset`. */
  u64(pointer: Pointer, value: bigint, byteOffset?: number): void {
    const near = nearOf(pointer, byteOffset);
    if (near !== 0) data.setBigUint64(near, value, true);
    else beyond.u64(pointer, value, byteOffset);
  },
  /** C's int64_t, a bigint, at `pointer + byteOffset`. */
  i64(pointer: Pointer, value: bigint, byteOffset?: number): void {
    const near = nearOf(pointer, byteOffset);
    if (near !== 0) data.setBigInt64(near, value, true);
    else beyond.i64(pointer, value, byteOffset);
  },
  /** An address as C stores it, 8 bytes. */
  pointer(pointer: Pointer, value: Pointer | FunctionPointer, byteOffset?: number): void {
    const near = nearOf(pointer, byteOffset);
    if (near !== 0) putAddress(data, near, value);
    else beyond.pointer(pointer, value, byteOffset);
  },
});

/**
 * Writes a value at `pointer + byteOffset`: `write.u8(pointer, value, byteOffset = 0)`, and i8 u16 i16 u32 i32 f32 f64 u64
 * i64 pointer alike. Values are converted as DataView does: integers wrap, floats round; u64 and i64 take a bigint. As
 * fast as read. Any thread, any thread's blocks; what is wider than 4 bytes, or not aligned, may be seen half written by
 * another.
 *
 * NULL, what is no number, and every address outside the heap's memory are refused. Whose block it is is not looked at: a
 * write past a block's end, or into a freed one, damages what lies there now, or ends the process where nothing is mapped
 * any more, as in C. check() finds damaged headers.
 *
 * @throws HeapError ERR_INVALID_POINTER when the bytes are not inside the heap's memory; ERR_INVALID_ARG for a
 *   `byteOffset` that is no number; nothing was written
 * @example
 * ```ts
 * import { free, malloc, read, write } from "heapwright";
 *
 * const node = malloc(24);
 * write.f64(node, 0.5);
 * write.u64(node, 2n ** 63n, 8);
 * write.pointer(node, node, 16);
 * console.log(read.f64(node), read.u64(node, 8), read.pointer(node, 16) === node); // 0.5 9223372036854775808n true
 * free(node);
 * ```
 */
export const write = writer(nearData, nearOf, beyond);

function putAddress(view: DataView, offset: number, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw noAddress(value);
  const high = Math.floor(value / 2 ** 32);
  view.setUint32(offset, value - high * 2 ** 32, true);
  view.setUint32(offset + 4, high, true);
}

function noAddress(value: unknown): Error {
  const make = typeof value === "number" ? rangeError : typeError;
  return make(
    "ERR_INVALID_ARG",
    `write.pointer: an address is a whole number from 0 to 2^53 - 1, got ${show(value)}; a bigint is made one by Number()`,
  );
}
