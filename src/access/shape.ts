/**
 * The types of structs: what a definition may contain, and the type of its records.
 *
 * Types only: nothing here exists at run time.
 */
import type { FunctionPointer, Pointer, PointerLike } from "../memory/memory.js";
import type { Koffi } from "./koffi-types.js";

/** The scalar types of fields, and the type of each one's value in JavaScript. */
export interface ScalarValues {
  /** C's uint8_t. */
  u8: number;
  /** C's int8_t. */
  i8: number;
  /** C's uint16_t. */
  u16: number;
  /** C's int16_t. */
  i16: number;
  /** C's uint32_t. */
  u32: number;
  /** C's int32_t. */
  i32: number;
  /** C's uint64_t. V8 allocates a bigint unless its compiler can see that it is not needed. */
  u64: bigint;
  /** C's int64_t, likewise. */
  i64: bigint;
  /** C's float. */
  f32: number;
  /** C's double. */
  f64: number;
  /** C's _Bool, one byte. */
  bool: boolean;
  /**
   * Any address, 8 bytes. For a `char *`, write what cstring() returned and read with readCString(). A bigint is converted;
   * TypeScript, which knows one type of a field for both ways, accepts one in alloc(), set() and assign().
   */
  pointer: Pointer;
  /** The address of a C function, 8 bytes, such as those of nativeAllocator(). */
  function: FunctionPointer;
}
/** The name of a scalar type. */
export type ScalarName = keyof ScalarValues;

/** The name of an integer type. */
export type IntegerName = Exclude<ScalarName, "f32" | "f64" | "bool" | "pointer" | "function">;
/** A bit-field, such as "u32:3" for C's `unsigned tag : 3`. */
export type BitField = `${IntegerName | "bool"}:${number}`;
/** A pointer's target: this struct itself, another one, or a function that returns one, for a struct defined later. */
export type Target = "self" | Struct<Located> | (() => Struct<Located>);

/**
 * The type of a field: the name of a scalar; a struct or union; a fixed array of any of them, `["f64", 3]`; a string inside
 * the struct, `["char", 16]`, which holds up to 15 bytes of UTF-8 and a NUL; a pointer to a record, `["pointer", "self"]`; an
 * enumeration, `["u8", { red: 0, green: 1 }]`; a bit-field, `"u32:3"`; as the last field, an array whose length is in another
 * field, `["f64", "count"]`.
 */
export type FieldType =
  | ScalarName
  | BitField
  | Struct<Located>
  | readonly ["char", number]
  | readonly ["pointer", Target]
  | readonly [IntegerName, Readonly<Record<string, number>>]
  | readonly [FieldType, number]
  | readonly [FieldType, string];

/** Fields by name, in the order in which they lie in memory. `pointer` is no name for a field: each record has it. */
export type Definition = { readonly [name: string]: FieldType } & { readonly pointer?: never };

/** The definition D, with type never for an array whose length is in a field that D does not have. */
export type Counted<D> = {
  readonly [K in keyof D]: D[K] extends readonly [infer F, infer N extends string]
    ? F extends "pointer"
      ? N extends "self"
        ? D[K]
        : never
      : N extends keyof D
        ? D[K]
        : never
    : D[K];
};

/** A struct's packing and alignment, where they are not C's defaults. */
export interface StructOptions {
  /** The largest alignment of a field, in bytes; `true` is 1. GCC's packed, MSVC's `#pragma pack(n)`. */
  readonly packed?: boolean | 1 | 2 | 4 | 8;
  /** The least alignment of the struct, in bytes: a power of two up to 4,096. C's alignas. */
  readonly align?: number;
}

/** An object that stands for memory at an address. */
export interface Located {
  /** The address of its first byte. */
  readonly pointer: Pointer;
}

/** An array of numbers, strings or other values inside a record. A new object at each access: keep it for a loop. */
export interface ValueArray<V> extends Located, Iterable<V> {
  /** Number of elements. */
  readonly length: number;
  /**
   * The value of element `index`.
   *
   * @throws HeapError ERR_INVALID_ARG for an index outside the array
   */
  get(index: number): V;
  /**
   * Writes element `index`.
   *
   * @throws HeapError ERR_INVALID_ARG for an index outside the array
   */
  set(index: number, value: Written<V>): void;
  /** A copy of the values. */
  toArray(): V[];
}

/**
 * An array of records (or, inside a struct, of arrays). Three ways to iterate over it; times are for one double read per
 * record, by `npm run bench access`:
 *
 *   at(i)     the fastest, 1.5 ns and up: V8 does not allocate the returned object where it sees that it is not kept
 *   cursor    `cursor.pointer = array.pointerAt(i)`: one object for the whole iteration in any case; 1.5 to 11 ns
 *   for … of  the shortest to write; 2 to 18 ns, slower the more structs a program has
 */
export interface RecordArray<E extends Located> extends Located, Iterable<E>, Disposable {
  /** Number of records. */
  readonly length: number;
  /** Bytes of all records. */
  readonly byteLength: number;
  /**
   * Record `index`, as a new object.
   *
   * @throws HeapError ERR_INVALID_ARG for an index outside the array
   */
  at(index: number): E;
  /**
   * The address of record `index`.
   *
   * @throws HeapError ERR_INVALID_ARG for an index outside the array
   */
  pointerAt(index: number): Pointer;
  /**
   * Sorts the records in place. The sort is stable, as Array's sort() is. `compare` gets the same two record objects in every
   * call, moved to the records to compare; it must not keep them. Takes 4 bytes per record for a permutation, no object.
   *
   * @throws what `compare` throws, with nothing moved; HeapError ERR_OUT_OF_MEMORY like malloc
   */
  sort(compare: (a: E, b: E) => number): this;
  /**
   * Binary search in a sorted array: the index of the first record for which `compare` returns 0. `compare` must return a
   * number below 0 for the records before those and above 0 for the records after them. If there is none, the result is
   * negative: `~index` of where one would be inserted.
   */
  search(compare: (record: E) => number): number;
  /** Copies of all records as plain objects. */
  toArray(): Array<Plain<E>>;
  /**
   * Frees the records, for `using`, if they were allocated with the array; a second call does nothing. An array at a given
   * pointer, or inside a record, owns nothing and frees nothing. Do not call free(array.pointer) as well.
   *
   * @throws HeapError as free does
   */
  [Symbol.dispose](): void;
}

/** The value of a field of type T, in a struct whose definition is D. */
export type FieldValue<T, D = never> = T extends ScalarName
  ? ScalarValues[T]
  : T extends `${infer N}:${number}`
    ? N extends ScalarName
      ? ScalarValues[N]
      : never
    : T extends Struct<infer R>
      ? R
      : T extends readonly ["char", number]
        ? string
        : T extends readonly ["pointer", infer P extends Target]
          ? PointedTo<P, D> | null
          : T extends readonly [IntegerName, infer E extends Readonly<Record<string, number>>]
            ? Extract<keyof E, string> | number
            : T extends readonly [infer E, number | string]
              ? ArrayOf<FieldValue<E, D>>
              : never;
type PointedTo<P, D> = P extends "self"
  ? RecordFrom<D>
  : P extends Struct<infer R>
    ? R
    : P extends () => Struct<infer R>
      ? R
      : never;

/** In brackets, so that the type does not distribute: `boolean` is a union, but an array of it is one array. */
type ArrayOf<V> = [V] extends [Located] ? RecordArray<V> : ValueArray<V>;

/** Names of fields that are records or arrays: those cannot be assigned to; copy() copies their contents. */
type LocatedNames<D> = { [K in keyof D]: IsLocated<D[K]> extends true ? K : never }[keyof D];
/** Decided by the definition and not by the value's type: the value of a pointer may be the record itself. */
type IsLocated<T> = T extends string
  ? false
  : T extends readonly ["char", number] | readonly ["pointer", Target] | readonly [IntegerName, object]
    ? false
    : true;
type Values<D> = { -readonly [K in Exclude<keyof D, LocatedNames<D>>]: FieldValue<D[K], D> };
type LocatedFields<D> = { readonly [K in LocatedNames<D>]: FieldValue<D[K], D> };

/** The methods of a record. A field of the same name hides one. */
export interface RecordMethods<Fields> {
  /**
   * Writes the given values, `{ x: 1, ends: [{ y: 2 }] }`, and leaves other fields as they are.
   *
   * @returns the record
   * @throws HeapError ERR_INVALID_ARG for values that the struct has no place for; those before them are written then
   */
  set(values: Initial<Fields>): this;
  /** A copy as a plain object, for JSON, a spread or a message; a pointer is copied as its address. */
  toObject(): Plain<Fields>;
}
/**
 * A record: its address, fields and methods. Setting `pointer` makes the object stand for another record; what is no address
 * is refused with ERR_INVALID_POINTER.
 */
export type RecordWith<Fields> = { get pointer(): Pointer; set pointer(to: PointerLike) } & Fields &
  Omit<RecordMethods<Fields>, keyof Fields>;
/** The record that a definition describes. If the definition is not known at compile time, its fields are unknown. */
export type RecordFrom<D> = RecordWith<string extends keyof D ? UnknownFields : Values<D> & LocatedFields<D>>;
export type UnknownFields = { [name: string]: unknown };

/** The names of a record's fields, without methods. */
type FieldNames<R> = {
  [K in keyof R]-?: K extends "pointer" ? never : R[K] extends (...args: never) => unknown ? never : K;
}[keyof R];

/**
 * Initial values of fields, any of which may be left out: a value, for a record inside it again an object of initial values,
 * for an array anything iterable.
 */
export type Initial<R> = { readonly [K in FieldNames<R>]?: InitialValue<R[K]> | undefined };
type InitialValue<V> = [null] extends [V]
  ? Written<V>
  : V extends RecordArray<infer E>
    ? Iterable<InitialValue<E>>
    : V extends ValueArray<infer E>
      ? Iterable<Written<E>>
      : V extends Located
        ? Initial<V>
        : Written<V>;
/** What may be written where V is read: an address also as a bigint, a pointer to a record also as its address. */
type Written<V> =
  | V
  | ([null] extends [V] ? PointerLike : V extends Pointer | FunctionPointer ? bigint : never);

/** A record as a plain object, arrays in it as plain arrays. A pointer to a record is its address. */
export type Plain<R> = { [K in FieldNames<R>]: PlainValue<R[K]> };
type PlainValue<V> = [null] extends [V]
  ? Pointer
  : V extends RecordArray<infer E>
    ? Array<PlainValue<E>>
    : V extends ValueArray<infer E>
      ? E[]
      : V extends Located
        ? Plain<V>
        : V;

/** The record of a struct: `type Point = RecordOf<typeof Point>`. */
export type RecordOf<S> = S extends Struct<infer R> ? R : never;

/**
 * A layout in memory, and functions on records of it. Made by struct() or union().
 *
 * Pass a record or an array of records to C by its `pointer`. **Declare such a parameter `void *`**: koffi accepts an address
 * for it, and throws for a record. For a parameter `Time *` koffi accepts an address too, but copies an object: given a
 * record, C fills the copy, and the record stays as it was. A parameter `Time` is a copy in C as well, and accepts a record.
 *
 * @example
 * ```ts
 * import koffi from "koffi";
 * import { free, struct } from "heapwright";
 *
 * const Time = struct({ seconds: "i64", nanoseconds: "i64" });
 * const clock = koffi.load(null).func("int clock_gettime(int clock, void *time)");
 * const time = Time.alloc();
 * clock(0, time.pointer); // clock(0, time) would throw
 * console.log(time.seconds > 1_700_000_000n); // true
 * free(time.pointer);
 * ```
 */
export interface Struct<R extends Located> {
  /** Bytes of one record, including padding at its end: C's sizeof. */
  readonly size: number;
  /** Alignment of a record in bytes: C's alignof. */
  readonly alignment: number;
  /** Bytes from the start of a record to each field: C's offsetof. */
  readonly offsets: { readonly [K in FieldNames<R>]: number };
  /**
   * The record at `pointer`: an object that holds the address and nothing else. Its fields are read and written in place. Each
   * access checks that the field is inside the heap's memory, and throws if it is not.
   *
   * @throws HeapError ERR_INVALID_POINTER when `pointer` is not inside the heap's memory
   */
  at(pointer: PointerLike): R;
  /**
   * A new record. Free it with `free(record.pointer)`.
   *
   * @param values initial values, `{ x: 1, ends: [{ y: 2 }] }`; all else is zero. The field that holds the length of an array
   *   at the end decides how much is allocated
   * @throws HeapError ERR_OUT_OF_MEMORY like malloc; ERR_INVALID_ARG for values that the struct has no place for, with
   *   nothing allocated
   */
  alloc(values?: Initial<NoInfer<R>>): R;
  /**
   * A new record with a copy of one in C's memory. Free it with `free(record.pointer)`. The inverse is
   * `copyTo(address, record.pointer, size)`.
   *
   * @param address a number, or a bigint as koffi returns a `void *`
   * @throws HeapError like copyFrom and alloc, with nothing allocated
   */
  copyFrom(address: number | bigint): R;
  /**
   * Frees a record that alloc() or copyFrom() made, or the one at a pointer. A record's pointer is then NULL: its fields throw.
   *
   * @throws HeapError as free does
   */
  free(record: R | PointerLike): void;
  /**
   * Writes the whole record at `pointer`: a copy of another record of this struct, or values, with zero for all else. C's
   * `*p = *q` and `*p = (Point){ .x = 1 }`. Values for an array at the end are refused; set them through the record.
   *
   * @throws HeapError ERR_INVALID_POINTER when the record is not inside the heap's memory; ERR_INVALID_ARG for values that the
   *   struct has no place for; those before them are written then, and the rest is zero
   */
  assign(pointer: PointerLike, values?: R | Initial<NoInfer<R>>): void;
  /**
   * Clears the padding of the record at `pointer`: bytes between fields and at the end, bits beside bit-fields. Then compare()
   * on two records compares their fields. GCC's __builtin_clear_padding.
   *
   * @throws HeapError ERR_INVALID_POINTER when the record is not inside the heap's memory
   */
  clearPadding(pointer: PointerLike): void;
  /**
   * An array of `length` records: new zeroed ones, to be freed with `free(array.pointer)`; or those at `pointer`.
   *
   * @throws HeapError ERR_INVALID_ARG for an invalid length; ERR_OUT_OF_MEMORY like malloc; ERR_INVALID_POINTER when
   *   the records at `pointer` would not be inside the heap's memory
   */
  array(length: number, pointer?: PointerLike): RecordArray<R>;
  /**
   * This struct as a koffi type, for declarations of C functions that take or return it by value, and for koffi.decode.
   * Declare a parameter that takes a record's address `void *`. The type is made once per koffi instance; a further name
   * becomes an alias of it, as by typedef. For a struct that was made from a koffi type, the result is that type.
   *
   * @param koffi the module, version 3, as `import koffi from "koffi"` gives it
   * @param name for declarations such as `"Point *"`; without it the type has no name
   * @throws HeapError ERR_INVALID_ARG for koffi 2; koffi's error for a name that another type has
   */
  koffiType<T>(koffi: Koffi<T>, name?: string): T;
}
