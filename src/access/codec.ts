/**
 * Codecs: how each kind of field is read and written, how large it is, and what koffi calls it.
 *
 * Owns the classes of arrays. A codec either has a `set` and stands for a value, or has none and stands for a place: a
 * record or an array, whose `get` makes the object that says where it lies.
 *
 * The accessors call `get` and `set` from consts in their closures. V8 folds those when it inlines an accessor, so that
 * a field costs what read and write cost; no code is generated from text.
 */
import type { Pointer } from "../core/memory.js";
import { rangeError, show, typeError } from "../errors.js";
import { readChars, writeChars } from "./cstring.js";
import type { Extent } from "./layout.js";
import { read } from "./read.js";
import type { Koffi, KoffiSpec, Located, RecordArray, ScalarName, ValueArray } from "./shape.js";
import { inspect, shown } from "./shown.js";
import { write } from "./write.js";

export interface Codec extends Extent {
  get(pointer: Pointer, byteOffset: number): unknown;
  readonly set: ((pointer: Pointer, value: never, byteOffset: number) => void) | null;
  readonly koffi: ToKoffi;
}

/** The koffi type of the same layout, or its name. */
export type ToKoffi = <T>(koffi: Koffi<T>) => KoffiSpec<T>;

/** Makes the object for what lies at an address; `new`, so that V8 can see that it need not be made at all. */
export type Place = new (pointer: Pointer) => Located;

function scalar(size: number, koffiName: string, get: Codec["get"], set: Codec["set"]): Codec {
  return { size, alignment: size, get, set, koffi: () => koffiName };
}

export const scalars: Readonly<Record<ScalarName, Codec>> = {
  u8: scalar(1, "uint8_t", read.u8, write.u8),
  i8: scalar(1, "int8_t", read.i8, write.i8),
  u16: scalar(2, "uint16_t", read.u16, write.u16),
  i16: scalar(2, "int16_t", read.i16, write.i16),
  u32: scalar(4, "uint32_t", read.u32, write.u32),
  i32: scalar(4, "int32_t", read.i32, write.i32),
  u64: scalar(8, "uint64_t", read.u64, write.u64),
  i64: scalar(8, "int64_t", read.i64, write.i64),
  f32: scalar(4, "float", read.f32, write.f32),
  f64: scalar(8, "double", read.f64, write.f64),
  bool: scalar(1, "bool", readBool, writeBool),
  pointer: scalar(8, "void *", read.pointer, write.pointer),
  function: scalar(8, "void *", read.pointer, write.pointer),
};

function readBool(pointer: Pointer, byteOffset: number): boolean {
  return read.u8(pointer, byteOffset) !== 0;
}

function writeBool(pointer: Pointer, value: boolean, byteOffset: number): void {
  write.u8(pointer, value ? 1 : 0, byteOffset);
}

/** `char name[length]`: a text. */
export function charsCodec(length: number): Codec {
  return {
    size: length,
    alignment: 1,
    get: (pointer, byteOffset) => readChars(pointer, byteOffset, length),
    set: (pointer, value: string, byteOffset) => writeChars(pointer, value, byteOffset, length),
    koffi: (koffi) => koffi.array("char", length),
  };
}

/** A record, or an array, in the place of a field. */
export function placeCodec(extent: Extent, type: Place, koffi: ToKoffi): Codec {
  const { size, alignment } = extent;
  return {
    size,
    alignment,
    get: (pointer, byteOffset) => new type((pointer + byteOffset) as Pointer),
    set: null,
    koffi,
  };
}

/** `length` elements in a row. */
export function arrayCodec(element: Codec, length: number): Codec {
  const { size, alignment } = element;
  const extent = { size: size * length, alignment };
  const ArrayField: ArrayClass<Located> =
    element.set === null ? recordArrayClass(element) : valueArrayClass(element);
  class Sized extends ArrayField {
    constructor(pointer: Pointer) {
      super(pointer, length);
    }
  }
  return placeCodec(extent, Sized, (koffi) => {
    const ref = element.koffi(koffi);
    // Without the hint koffi 3.3.4 decodes an array of arrays, or of texts, as if it had one dimension.
    return typeof ref === "string" ? koffi.array(ref, length) : koffi.array(ref, length, "Array");
  });
}

type ArrayClass<A extends Located> = new (pointer: Pointer, length: number) => A;

function valueArrayClass(element: Codec): ArrayClass<ValueArray<unknown>> {
  const { get, size } = element;
  const set = element.set as NonNullable<Codec["set"]>;
  return class ValueArray {
    readonly pointer: Pointer;
    readonly length: number;

    constructor(pointer: Pointer, length: number) {
      this.pointer = pointer;
      this.length = length;
    }

    get(index: number): unknown {
      if (isOutside(index, this.length)) throw wrongIndex(index, this.length);
      return get(this.pointer, index * size);
    }

    set(index: number, value: unknown): void {
      if (isOutside(index, this.length)) throw wrongIndex(index, this.length);
      set(this.pointer, value as never, index * size);
    }

    *[Symbol.iterator](): IterableIterator<unknown> {
      for (let i = 0; i < this.length; i++) yield this.get(i);
    }

    [inspect](): unknown[] | string {
      return shown(this.pointer, this.length * size, () => [...this]);
    }
  };
}

/** Of elements that are places: `get` of their codec makes the object. */
export function recordArrayClass({
  get,
  size,
}: Pick<Codec, "get" | "size">): ArrayClass<RecordArray<Located>> {
  class RecordIterator implements IterableIterator<Located> {
    readonly pointer: Pointer;
    readonly length: number;
    index = 0;

    constructor(pointer: Pointer, length: number) {
      this.pointer = pointer;
      this.length = length;
    }

    next(): IteratorResult<Located> {
      // One result and one record, made in one place: V8 then makes neither. Past the end nobody looks at the value.
      const index = this.index++;
      return { done: index >= this.length, value: get(this.pointer, index * size) as Located };
    }

    [Symbol.iterator](): this {
      return this;
    }
  }

  return class RecordArray {
    readonly pointer: Pointer;
    readonly length: number;

    constructor(pointer: Pointer, length: number) {
      this.pointer = pointer;
      this.length = length;
    }

    get byteLength(): number {
      return this.length * size;
    }

    at(index: number): Located {
      if (isOutside(index, this.length)) throw wrongIndex(index, this.length);
      return get(this.pointer, index * size) as Located;
    }

    pointerAt(index: number): Pointer {
      if (isOutside(index, this.length)) throw wrongIndex(index, this.length);
      return (this.pointer + index * size) as Pointer;
    }

    [Symbol.iterator](): IterableIterator<Located> {
      return new RecordIterator(this.pointer, this.length);
    }

    [inspect](): unknown[] | string {
      return shown(this.pointer, this.length * size, () => [...this]);
    }
  };
}

function isOutside(index: number, length: number): boolean {
  if (typeof index === "number" && index >>> 0 === index) return index >= length;
  return !Number.isInteger(index) || index < 0 || index >= length; // beyond 2^32 elements, or none
}

function wrongIndex(index: unknown, length: number): Error {
  const make = typeof index === "number" ? rangeError : typeError;
  return make(
    "ERR_INVALID_ARG",
    `an index must be a whole number below the array's length of ${length}, got ${show(index)}`,
  );
}
