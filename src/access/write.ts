/**
 * Writing scalars at a pointer, little-endian, aligned or not. Each access checks for a near place itself (place.ts).
 */

import type { FunctionPointer, PointerLike } from "../memory/memory.js";
import { addressOfBigint, high, highOf, setAddress } from "./addresses.js";
import { BYTES, farOf, HALVES, IN_SLICE, LONGS, near, sliceAt, WORDS } from "./place.js";
import { mapped } from "./there.js";

/** The far paths. Separate functions: V8 inlines the near ones only while they are small. */
const beyond = {
  farU8(pointer: PointerLike, value: number, byteOffset = 0): void {
    const far = farOf("write.u8", pointer, byteOffset, 1);
    sliceAt(far).setUint8(far & IN_SLICE, value);
  },
  farI8(pointer: PointerLike, value: number, byteOffset = 0): void {
    const far = farOf("write.i8", pointer, byteOffset, 1);
    sliceAt(far).setInt8(far & IN_SLICE, value);
  },
  farU16(pointer: PointerLike, value: number, byteOffset = 0): void {
    const far = farOf("write.u16", pointer, byteOffset, 2);
    sliceAt(far).setUint16(far & IN_SLICE, value, true);
  },
  farI16(pointer: PointerLike, value: number, byteOffset = 0): void {
    const far = farOf("write.i16", pointer, byteOffset, 2);
    sliceAt(far).setInt16(far & IN_SLICE, value, true);
  },
  farU32(pointer: PointerLike, value: number, byteOffset = 0): void {
    const far = farOf("write.u32", pointer, byteOffset, 4);
    sliceAt(far).setUint32(far & IN_SLICE, value, true);
  },
  farI32(pointer: PointerLike, value: number, byteOffset = 0): void {
    const far = farOf("write.i32", pointer, byteOffset, 4);
    sliceAt(far).setInt32(far & IN_SLICE, value, true);
  },
  farF32(pointer: PointerLike, value: number, byteOffset = 0): void {
    const far = farOf("write.f32", pointer, byteOffset, 4);
    sliceAt(far).setFloat32(far & IN_SLICE, value, true);
  },
  farF64(pointer: PointerLike, value: number, byteOffset = 0): void {
    const far = farOf("write.f64", pointer, byteOffset, 8);
    sliceAt(far).setFloat64(far & IN_SLICE, value, true);
  },
  farU64(pointer: PointerLike, value: bigint, byteOffset = 0): void {
    const far = farOf("write.u64", pointer, byteOffset, 8);
    sliceAt(far).setBigUint64(far & IN_SLICE, value, true);
  },
  farI64(pointer: PointerLike, value: bigint, byteOffset = 0): void {
    const far = farOf("write.i64", pointer, byteOffset, 8);
    sliceAt(far).setBigInt64(far & IN_SLICE, value, true);
  },
  farPointer(pointer: PointerLike, value: PointerLike | FunctionPointer, byteOffset = 0): void {
    if (typeof value === "bigint") {
      beyond.farPointer(pointer, addressOfBigint(value), byteOffset);
      return;
    }
    const at =
      typeof pointer === "number" && typeof byteOffset === "number" ? pointer - near.start + byteOffset : -1;
    if (at === (at & LONGS) && mapped[at >>> 12]) {
      setAddress(at >>> 2, value);
      return;
    }
    const far = farOf("write.pointer", pointer, byteOffset, 8);
    putAddress(sliceAt(far), far & IN_SLICE, value);
  },
};

type Beyond = typeof beyond;

/** Makes the accessors; the constants are parameters for the reason given in read.ts. */
const writer = (
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
  u8(pointer: PointerLike, value: number, byteOffset?: number): void {
    const offset = byteOffset === undefined ? 0 : byteOffset;
    if (typeof pointer === "number" && typeof offset === "number") {
      const at = pointer - start + offset;
      if (at === (at & bytes) && mapped[at >>> 12]) {
        u8[at] = value;
        return;
      }
    }
    farU8(pointer, value, byteOffset);
  },
  /** C's int8_t, at `pointer + byteOffset`. */
  i8(pointer: PointerLike, value: number, byteOffset?: number): void {
    const offset = byteOffset === undefined ? 0 : byteOffset;
    if (typeof pointer === "number" && typeof offset === "number") {
      const at = pointer - start + offset;
      if (at === (at & bytes) && mapped[at >>> 12]) {
        i8[at] = value;
        return;
      }
    }
    farI8(pointer, value, byteOffset);
  },
  /** C's uint16_t, at `pointer + byteOffset`. */
  u16(pointer: PointerLike, value: number, byteOffset?: number): void {
    const offset = byteOffset === undefined ? 0 : byteOffset;
    if (typeof pointer === "number" && typeof offset === "number") {
      const at = pointer - start + offset;
      if (at === (at & halves) && mapped[at >>> 12]) {
        u16[at >>> 1] = value;
        return;
      }
    }
    farU16(pointer, value, byteOffset);
  },
  /** C's int16_t, at `pointer + byteOffset`. */
  i16(pointer: PointerLike, value: number, byteOffset?: number): void {
    const offset = byteOffset === undefined ? 0 : byteOffset;
    if (typeof pointer === "number" && typeof offset === "number") {
      const at = pointer - start + offset;
      if (at === (at & halves) && mapped[at >>> 12]) {
        i16[at >>> 1] = value;
        return;
      }
    }
    farI16(pointer, value, byteOffset);
  },
  /** C's uint32_t, at `pointer + byteOffset`. */
  u32(pointer: PointerLike, value: number, byteOffset?: number): void {
    const offset = byteOffset === undefined ? 0 : byteOffset;
    if (typeof pointer === "number" && typeof offset === "number") {
      const at = pointer - start + offset;
      if (at === (at & words) && mapped[at >>> 12]) {
        u32[at >>> 2] = value;
        return;
      }
    }
    farU32(pointer, value, byteOffset);
  },
  /** C's int32_t, at `pointer + byteOffset`. */
  i32(pointer: PointerLike, value: number, byteOffset?: number): void {
    const offset = byteOffset === undefined ? 0 : byteOffset;
    if (typeof pointer === "number" && typeof offset === "number") {
      const at = pointer - start + offset;
      if (at === (at & words) && mapped[at >>> 12]) {
        i32[at >>> 2] = value;
        return;
      }
    }
    farI32(pointer, value, byteOffset);
  },
  /** C's float, at `pointer + byteOffset`. */
  f32(pointer: PointerLike, value: number, byteOffset?: number): void {
    const offset = byteOffset === undefined ? 0 : byteOffset;
    if (typeof pointer === "number" && typeof offset === "number") {
      const at = pointer - start + offset;
      if (at === (at & words) && mapped[at >>> 12]) {
        f32[at >>> 2] = value;
        return;
      }
    }
    farF32(pointer, value, byteOffset);
  },
  /** C's double, at `pointer + byteOffset`. */
  f64(pointer: PointerLike, value: number, byteOffset?: number): void {
    const offset = byteOffset === undefined ? 0 : byteOffset;
    if (typeof pointer === "number" && typeof offset === "number") {
      const at = pointer - start + offset;
      if (at === (at & longs) && mapped[at >>> 12]) {
        f64[at >>> 3] = value;
        return;
      }
    }
    farF64(pointer, value, byteOffset);
  },
  /** C's uint64_t, a bigint, at `pointer + byteOffset`. */
  u64(pointer: PointerLike, value: bigint, byteOffset?: number): void {
    const offset = byteOffset === undefined ? 0 : byteOffset;
    if (typeof pointer === "number" && typeof offset === "number") {
      const at = pointer - start + offset;
      if (at === (at & longs) && mapped[at >>> 12]) {
        data.setBigUint64(at, value, true);
        return;
      }
    }
    farU64(pointer, value, byteOffset);
  },
  /** C's int64_t, a bigint, at `pointer + byteOffset`. */
  i64(pointer: PointerLike, value: bigint, byteOffset?: number): void {
    const offset = byteOffset === undefined ? 0 : byteOffset;
    if (typeof pointer === "number" && typeof offset === "number") {
      const at = pointer - start + offset;
      if (at === (at & longs) && mapped[at >>> 12]) {
        data.setBigInt64(at, value, true);
        return;
      }
    }
    farI64(pointer, value, byteOffset);
  },
  /** An address as C stores it, 8 bytes, at `pointer + byteOffset`; a bigint is accepted, but slow. */
  pointer(pointer: PointerLike, value: PointerLike | FunctionPointer, byteOffset?: number): void {
    const offset = byteOffset === undefined ? 0 : byteOffset;
    if (typeof pointer === "number" && typeof offset === "number" && typeof value === "number") {
      const at = pointer - start + offset;
      if (at === (at & longs) && mapped[at >>> 12] && value === (value & bytes)) {
        const word = at >>> 2;
        high[word] = 0;
        u32[word] = value;
        return;
      }
    }
    farPointer(pointer, value, byteOffset);
  },
});

/**
 * Writes a value at `pointer + byteOffset`: `write.u8(pointer, value, byteOffset = 0)`, and i8 u16 i16 u32 i32 f32 f64 u64
 * i64 pointer alike. Values are converted as by DataView: integers wrap, floats round; u64 and i64 take a bigint, and
 * pointer either. As fast as read. Any thread, any thread's blocks. Another thread may see half of a value that is wider than 4 bytes or not
 * aligned.
 *
 * NULL, values that are no numbers, and addresses where the heap has no memory are refused. Bounds of blocks are not
 * checked: a write past a block's end, or into a freed block, overwrites what lies there now. check() finds overwritten
 * headers.
 *
 * @throws HeapError ERR_INVALID_POINTER when the bytes are not inside the heap's memory; ERR_INVALID_ARG for a
 *   `byteOffset` that is not a number; nothing was written
 * @throws TypeError V8's own, which does not name the operation, for a number given to u64 or i64, or a bigint to any other
 *   but pointer: our own would take a test more in each access; nothing was written
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
export const write = writer(
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

function putAddress(view: DataView, offset: number, value: number): void {
  const high = highOf(value);
  view.setUint32(offset, value - high * 2 ** 32, true);
  view.setUint32(offset + 4, high, true);
}
