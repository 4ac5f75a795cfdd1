/**
 * Reading scalars at a pointer, in the processor's byte order (little-endian on every supported platform), aligned or not.
 * Each access checks for a near place itself (place.ts).
 */
import type { Pointer, PointerLike } from "../memory/memory.js";
import { addressAt, high } from "./addresses.js";
import { BYTES, farOf, HALVES, IN_SLICE, LONGS, near, sliceAt, WORDS } from "./place.js";
import { mapped } from "./there.js";

/** The far paths. Separate functions: V8 inlines the near ones only while they are small. */
const beyond = {
  farU8(pointer: PointerLike, byteOffset = 0): number {
    const far = farOf("read.u8", pointer, byteOffset, 1);
    return sliceAt(far).getUint8(far & IN_SLICE);
  },
  farI8(pointer: PointerLike, byteOffset = 0): number {
    const far = farOf("read.i8", pointer, byteOffset, 1);
    return sliceAt(far).getInt8(far & IN_SLICE);
  },
  farU16(pointer: PointerLike, byteOffset = 0): number {
    const far = farOf("read.u16", pointer, byteOffset, 2);
    return sliceAt(far).getUint16(far & IN_SLICE, true);
  },
  farI16(pointer: PointerLike, byteOffset = 0): number {
    const far = farOf("read.i16", pointer, byteOffset, 2);
    return sliceAt(far).getInt16(far & IN_SLICE, true);
  },
  farU32(pointer: PointerLike, byteOffset = 0): number {
    const far = farOf("read.u32", pointer, byteOffset, 4);
    return sliceAt(far).getUint32(far & IN_SLICE, true);
  },
  farI32(pointer: PointerLike, byteOffset = 0): number {
    const far = farOf("read.i32", pointer, byteOffset, 4);
    return sliceAt(far).getInt32(far & IN_SLICE, true);
  },
  farF32(pointer: PointerLike, byteOffset = 0): number {
    const far = farOf("read.f32", pointer, byteOffset, 4);
    return sliceAt(far).getFloat32(far & IN_SLICE, true);
  },
  farF64(pointer: PointerLike, byteOffset = 0): number {
    const far = farOf("read.f64", pointer, byteOffset, 8);
    return sliceAt(far).getFloat64(far & IN_SLICE, true);
  },
  farU64(pointer: PointerLike, byteOffset = 0): bigint {
    const far = farOf("read.u64", pointer, byteOffset, 8);
    return sliceAt(far).getBigUint64(far & IN_SLICE, true);
  },
  farI64(pointer: PointerLike, byteOffset = 0): bigint {
    const far = farOf("read.i64", pointer, byteOffset, 8);
    return sliceAt(far).getBigInt64(far & IN_SLICE, true);
  },
  farPointer(pointer: PointerLike, byteOffset = 0): Pointer {
    const at =
      typeof pointer === "number" && typeof byteOffset === "number" ? pointer - near.start + byteOffset : -1;
    if (at === (at & LONGS) && mapped[at >>> 12]) return addressAt(at >>> 2);
    const far = farOf("read.pointer", pointer, byteOffset, 8);
    return farAddress(sliceAt(far), far & IN_SLICE);
  },
};

type Beyond = typeof beyond;

/**
 * Makes the accessors. The constants are parameters: V8 folds those as it folds a module's constants, and a load takes two
 * bytes of bytecode instead of four to six; destructured consts would be tested for initialization at each use. Every byte
 * counts for inlining (V8 rule 1).
 */
const reader = (
  start: number,
  u8: Uint8Array,
  i8: Int8Array,
  u16: Uint16Array,
  i16: Int16Array,
  u32: Uint32Array,
  i32: Int32Array,
  f32: Float32Array,
  f64: Float64Array,
  data: DataView,
  mapped: Uint8Array,
  bytes: number,
  halves: number,
  words: number,
  longs: number,
  high: Int32Array,
  farU8: Beyond["farU8"],
  farI8: Beyond["farI8"],
  farU16: Beyond["farU16"],
  farI16: Beyond["farI16"],
  farU32: Beyond["farU32"],
  farI32: Beyond["farI32"],
  farF32: Beyond["farF32"],
  farF64: Beyond["farF64"],
  farU64: Beyond["farU64"],
  farI64: Beyond["farI64"],
  farPointer: Beyond["farPointer"],
) => ({
  /** C's uint8_t, at `pointer + byteOffset`. */
  u8(pointer: PointerLike, byteOffset?: number): number {
    const offset = byteOffset === undefined ? 0 : byteOffset; // a default value would copy both parameters first
    if (typeof pointer === "number" && typeof offset === "number") {
      const at = pointer - start + offset;
      if (at === (at & bytes) && mapped[at >>> 12]) return u8[at]!;
    }
    return farU8(pointer, byteOffset);
  },
  /** C's int8_t, at `pointer + byteOffset`. */
  i8(pointer: PointerLike, byteOffset?: number): number {
    const offset = byteOffset === undefined ? 0 : byteOffset;
    if (typeof pointer === "number" && typeof offset === "number") {
      const at = pointer - start + offset;
      if (at === (at & bytes) && mapped[at >>> 12]) return i8[at]!;
    }
    return farI8(pointer, byteOffset);
  },
  /** C's uint16_t, at `pointer + byteOffset`. */
  u16(pointer: PointerLike, byteOffset?: number): number {
    const offset = byteOffset === undefined ? 0 : byteOffset;
    if (typeof pointer === "number" && typeof offset === "number") {
      const at = pointer - start + offset;
      if (at === (at & halves) && mapped[at >>> 12]) return u16[at >>> 1]!;
    }
    return farU16(pointer, byteOffset);
  },
  /** C's int16_t, at `pointer + byteOffset`. */
  i16(pointer: PointerLike, byteOffset?: number): number {
    const offset = byteOffset === undefined ? 0 : byteOffset;
    if (typeof pointer === "number" && typeof offset === "number") {
      const at = pointer - start + offset;
      if (at === (at & halves) && mapped[at >>> 12]) return i16[at >>> 1]!;
    }
    return farI16(pointer, byteOffset);
  },
  /** C's uint32_t, at `pointer + byteOffset`. */
  u32(pointer: PointerLike, byteOffset?: number): number {
    const offset = byteOffset === undefined ? 0 : byteOffset;
    if (typeof pointer === "number" && typeof offset === "number") {
      const at = pointer - start + offset;
      if (at === (at & words) && mapped[at >>> 12]) return u32[at >>> 2]!;
    }
    return farU32(pointer, byteOffset);
  },
  /** C's int32_t, at `pointer + byteOffset`. */
  i32(pointer: PointerLike, byteOffset?: number): number {
    const offset = byteOffset === undefined ? 0 : byteOffset;
    if (typeof pointer === "number" && typeof offset === "number") {
      const at = pointer - start + offset;
      if (at === (at & words) && mapped[at >>> 12]) return i32[at >>> 2]!;
    }
    return farI32(pointer, byteOffset);
  },
  /** C's float, at `pointer + byteOffset`. */
  f32(pointer: PointerLike, byteOffset?: number): number {
    const offset = byteOffset === undefined ? 0 : byteOffset;
    if (typeof pointer === "number" && typeof offset === "number") {
      const at = pointer - start + offset;
      if (at === (at & words) && mapped[at >>> 12]) return f32[at >>> 2]!;
    }
    return farF32(pointer, byteOffset);
  },
  /** C's double, at `pointer + byteOffset`. */
  f64(pointer: PointerLike, byteOffset?: number): number {
    const offset = byteOffset === undefined ? 0 : byteOffset;
    if (typeof pointer === "number" && typeof offset === "number") {
      const at = pointer - start + offset;
      if (at === (at & longs) && mapped[at >>> 12]) return f64[at >>> 3]!;
    }
    return farF64(pointer, byteOffset);
  },
  /** C's uint64_t, a bigint, at `pointer + byteOffset`. */
  u64(pointer: PointerLike, byteOffset?: number): bigint {
    const offset = byteOffset === undefined ? 0 : byteOffset;
    if (typeof pointer === "number" && typeof offset === "number") {
      const at = pointer - start + offset;
      if (at === (at & longs) && mapped[at >>> 12]) return data.getBigUint64(at, true);
    }
    return farU64(pointer, byteOffset);
  },
  /** C's int64_t, a bigint, at `pointer + byteOffset`. */
  i64(pointer: PointerLike, byteOffset?: number): bigint {
    const offset = byteOffset === undefined ? 0 : byteOffset;
    if (typeof pointer === "number" && typeof offset === "number") {
      const at = pointer - start + offset;
      if (at === (at & longs) && mapped[at >>> 12]) return data.getBigInt64(at, true);
    }
    return farI64(pointer, byteOffset);
  },
  /** An address as C stores it, in 8 bytes, at `pointer + byteOffset`; addresses of user space take at most 53 bits. */
  pointer(pointer: PointerLike, byteOffset?: number): Pointer {
    const offset = byteOffset === undefined ? 0 : byteOffset;
    if (typeof pointer === "number" && typeof offset === "number") {
      const at = pointer - start + offset;
      if (at === (at & longs) && mapped[at >>> 12] && !high[at >>> 2]) return u32[at >>> 2] as Pointer;
    }
    return farPointer(pointer, byteOffset);
  },
});

/**
 * Reads a value at `pointer + byteOffset`: `read.u8 i8 u16 i16 u32 i32 f32 f64 (pointer, byteOffset = 0)` give a number,
 * `read.u64 i64` a bigint, `read.pointer` an address. In a compiled loop a read takes 1 to 2 ns at an aligned address and
 * 10 at another; a bigint is an object, and takes up to 12. With a bigint for the
 * pointer it takes some 50. Any thread, any thread's blocks.
 *
 * NULL, values that are no numbers, and addresses where the heap has no memory are refused, such as that of a large block
 * after it was freed. Other freed blocks are not noticed: whatever lies there now is read.
 *
 * @throws HeapError ERR_INVALID_POINTER when the bytes are not inside the heap's memory; ERR_INVALID_ARG for a
 *   `byteOffset` that is not a number
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
export const read = reader(
  near.start,
  near.u8,
  near.i8,
  near.u16,
  near.i16,
  near.u32,
  near.i32,
  near.f32,
  near.f64,
  near.data,
  mapped,
  BYTES,
  HALVES,
  WORDS,
  LONGS,
  high,
  beyond.farU8,
  beyond.farI8,
  beyond.farU16,
  beyond.farI16,
  beyond.farU32,
  beyond.farI32,
  beyond.farF32,
  beyond.farF64,
  beyond.farU64,
  beyond.farI64,
  beyond.farPointer,
);

function farAddress(view: DataView, offset: number): Pointer {
  return (view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 2 ** 32) as Pointer;
}
