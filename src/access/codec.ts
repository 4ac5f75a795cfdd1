/**
 * Codecs: how each kind of field is read and written, how large it is, and what koffi calls it.
 *
 * A codec with a `set` is for a value. One without is for a place: a record or an array inside another, read as an object of
 * the class `type` that holds its address.
 */
import type { Pointer, PointerLike } from "../memory/memory.js";
import { readChars, writeChars } from "./cstring.js";
import type { Koffi, KoffiSpec } from "./koffi-types.js";
import type { Extent } from "./layout.js";
import { read } from "./read.js";
import type { Located, ScalarName } from "./shape.js";
import { write } from "./write.js";

export interface Codec extends Extent {
  get(pointer: Pointer, byteOffset: number): unknown;
  readonly set: ((pointer: Pointer, value: never, byteOffset: number) => void) | null;
  readonly koffi: ToKoffi;
  /** Codecs of equal keys behave alike. */
  readonly key: string;
  /** Of a number, an address or a boolean: which inline access the generated code contains (WAYS in generate.ts). */
  readonly way?: string;
  /** Of a place: its class. */
  readonly type?: LocatedClass;
  /** Of a pointer to records: their class, which may be defined after the pointer. */
  readonly points?: "self" | (() => LocatedClass);
  /** Of an array at the end of a struct (C's flexible array member): bytes per element. Of a struct that ends with one: 0. */
  readonly flexible?: number;
  /** Of such an array: the field that holds its length. */
  readonly counter?: string;
  /** Sets in `mask` the bits of a value at `at` that are not padding (padding.ts); if absent, all bits are set. */
  readonly covers?: (mask: Uint8Array, at: number) => void;
}

/** A field of a struct. */
export interface Field {
  readonly name: string;
  readonly offset: number;
  readonly codec: Codec;
}

/** The koffi type of the same layout, or its name. */
export type ToKoffi = <T>(koffi: Koffi<T>) => KoffiSpec<T>;

/**
 * The class of the object for a record or array. A class, so that V8 can avoid the allocation. The constructor takes what the
 * object is to hold (held.ts).
 */
export interface LocatedClass {
  new (place: number, length?: number): Located;
  readonly prototype: Located;
  /** The object for an address. */
  from(pointer: PointerLike, length?: number): Located;
  /** Of records: the address of one, 0 of null, or -1 for any other value. */
  addressOf?(record: unknown): number;
}

function scalar(key: string, size: number, koffiName: string, get: Codec["get"], set: Codec["set"]): Codec {
  return { size, alignment: size, get, set, koffi: () => koffiName, key, way: key };
}

export const scalars: Readonly<Record<ScalarName, Codec>> = {
  u8: scalar("u8", 1, "uint8_t", read.u8, write.u8),
  i8: scalar("i8", 1, "int8_t", read.i8, write.i8),
  u16: scalar("u16", 2, "uint16_t", read.u16, write.u16),
  i16: scalar("i16", 2, "int16_t", read.i16, write.i16),
  u32: scalar("u32", 4, "uint32_t", read.u32, write.u32),
  i32: scalar("i32", 4, "int32_t", read.i32, write.i32),
  u64: scalar("u64", 8, "uint64_t", read.u64, write.u64),
  i64: scalar("i64", 8, "int64_t", read.i64, write.i64),
  f32: scalar("f32", 4, "float", read.f32, write.f32),
  f64: scalar("f64", 8, "double", read.f64, write.f64),
  bool: scalar("bool", 1, "bool", readBool, writeBool),
  pointer: scalar("pointer", 8, "void *", read.pointer, write.pointer),
  function: scalar("pointer", 8, "void *", read.pointer, write.pointer),
};

function readBool(pointer: Pointer, byteOffset: number): boolean {
  return read.u8(pointer, byteOffset) !== 0;
}

function writeBool(pointer: Pointer, value: boolean, byteOffset: number): void {
  write.u8(pointer, value ? 1 : 0, byteOffset);
}

/** `char name[length]`: a string. */
export function charsCodec(length: number): Codec {
  return {
    size: length,
    alignment: 1,
    get: (pointer, byteOffset) => readChars(pointer, byteOffset, length),
    set: (pointer, value: string, byteOffset) => writeChars(pointer, value, byteOffset, length),
    koffi: (koffi) => koffi.array("char", length),
    key: `char[${length}]`,
  };
}

/** A record or an array inside another one, as a field. */
export function locatedCodec(
  { size, alignment }: Extent,
  type: LocatedClass,
  key: string,
  koffi: ToKoffi,
): Codec {
  const get: Codec["get"] = (pointer, byteOffset) => type.from((pointer + byteOffset) as Pointer);
  return { size, alignment, get, set: null, koffi, key, type };
}
