/**
 * The types of structs: what a definition may say, and the record that TypeScript makes of it.
 *
 * Owns types alone; nothing here exists at run time.
 */
import type { FunctionPointer, Pointer } from "../core/memory.js";

/** A field of one value, and what it is in JavaScript. */
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
  /** C's uint64_t. A bigint costs an allocation by V8 where its compiler cannot see that it is not needed. */
  u64: bigint;
  /** C's int64_t, likewise. */
  i64: bigint;
  /** C's float. */
  f32: number;
  /** C's double. */
  f64: number;
  /** C's _Bool, one byte. */
  bool: boolean;
  /** Any address, 8 bytes. For a `char *`, write what cstring() returned and read with readCString(). */
  pointer: Pointer;
  /** The address of a C function, 8 bytes, such as those of nativeAllocator(). */
  function: FunctionPointer;
}
/** The name of a field of one value. */
export type ScalarName = keyof ScalarValues;

/**
 * What a field may be: the name of a scalar; a struct; a fixed array of any of them, `["f64", 3]`; or a text inside the
 * struct, `["char", 16]`, which holds up to 15 bytes of UTF-8 and a NUL.
 */
export type FieldType =
  | ScalarName
  | Struct<Located>
  | readonly ["char", number]
  | readonly [FieldType, number];

/** Fields by name, in the order in which they lie in memory. `pointer` is taken: each record has it. */
export type Definition = { readonly [name: string]: FieldType } & { readonly pointer?: never };

/** What lies at an address. */
export interface Located {
  /** The address of its first byte. */
  readonly pointer: Pointer;
}

/** A fixed array of numbers, texts or other values. Made anew at each access: keep it for a loop. */
export interface ValueArray<V> extends Located, Iterable<V> {
  /** Elements. */
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
  set(index: number, value: V): void;
}

/**
 * An array of records (or, inside a struct, of arrays). Three ways to walk it, timed with one double read per record by
 * `npm run bench access`:
 *
 *   at(i)     the fastest, 1.5 ns and up: the object that it returns is not made where V8 sees that it is not kept
 *   cursor    `cursor.pointer = array.pointerAt(i)`: one object for the whole walk, whatever V8 sees; 1.5 to 11 ns
 *   for … of  the shortest to write; 2 to 18 ns, the slower the more structs a program has
 */
export interface RecordArray<E extends Located> extends Located, Iterable<E> {
  /** Records. */
  readonly length: number;
  /** Bytes of all of them. */
  readonly byteLength: number;
  /**
   * Record `index`, as an object of its own.
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
}

/** The value of a field of type T. */
export type FieldValue<T> = T extends ScalarName
  ? ScalarValues[T]
  : T extends Struct<infer R>
    ? R
    : T extends readonly ["char", number]
      ? string
      : T extends readonly [infer E, number]
        ? ArrayOf<FieldValue<E>>
        : never;

/** In brackets: `boolean` is a union, and an array of it is one array. */
type ArrayOf<V> = [V] extends [Located] ? RecordArray<V> : ValueArray<V>;

/** Fields that are records or arrays are places, and a place cannot be assigned to; copy() copies what lies there. */
type PlaceNames<D> = { [K in keyof D]: FieldValue<D[K]> extends Located ? K : never }[keyof D];
type Values<D> = { -readonly [K in Exclude<keyof D, PlaceNames<D>>]: FieldValue<D[K]> };
type Places<D> = { readonly [K in PlaceNames<D>]: FieldValue<D[K]> };

/** A record: its address, which may be changed to move it to another, and its fields. */
export type RecordWith<Fields> = { pointer: Pointer } & Fields;
/** The record that a definition describes; of one put together at run time, no more than that it has fields. */
export type RecordFrom<D> = RecordWith<string extends keyof D ? UnknownFields : Values<D> & Places<D>>;
export type UnknownFields = { [name: string]: unknown };

/** The record of a struct: `type Point = RecordOf<typeof Point>`. */
export type RecordOf<S> = S extends Struct<infer R> ? R : never;

/**
 * A layout in memory, and the records that lie in it. Made by struct().
 *
 * @example
 * ```ts
 * import koffi from "koffi";
 * import { free, struct } from "heapwright";
 *
 * const Time = struct({ seconds: "i64", nanoseconds: "i64" });
 * Time.koffiType(koffi, "Time");
 * const clock = koffi.load(null).func("int clock_gettime(int clock, Time *time)");
 * const time = Time.alloc();
 * clock(0, time.pointer); // koffi takes a Pointer where C takes a pointer
 * console.log(time.seconds > 1_700_000_000n); // true
 * free(time.pointer);
 * ```
 */
export interface Struct<R extends Located> {
  /** Bytes of one record, padding at its end included: C's sizeof. */
  readonly size: number;
  /** C's alignof. */
  readonly alignment: number;
  /** Bytes from the start of a record to each field: C's offsetof. */
  readonly offsets: { readonly [K in Exclude<keyof R, "pointer">]: number };
  /**
   * The record at `pointer`: an object that holds the address and nothing else. Its fields are read and written in
   * place, and checked like read and write at each access.
   *
   * @throws HeapError ERR_INVALID_POINTER when a record there would not be inside the heap's memory
   */
  at(pointer: Pointer): R;
  /**
   * A new record, zeroed. Free it with `free(record.pointer)`.
   *
   * @throws HeapError ERR_OUT_OF_MEMORY like malloc
   */
  alloc(): R;
  /**
   * `length` records in a row: new and zeroed ones, to be freed with `free(array.pointer)`; or those at `pointer`.
   *
   * @throws HeapError ERR_INVALID_ARG for a length that is none; ERR_OUT_OF_MEMORY like malloc; ERR_INVALID_POINTER when
   *   the records at `pointer` would not be inside the heap's memory
   */
  array(length: number, pointer?: Pointer): RecordArray<R>;
  /**
   * The same struct as a type of koffi's, to declare C functions with. It is made once per koffi instance; another name is
   * given to it, as typedef does. A struct that was made from a koffi type gives that type back.
   *
   * @param koffi the module, version 3, as `import koffi from "koffi"` gives it
   * @param name for koffi's own declarations, `"Point *"`; without one the type has none
   * @throws HeapError ERR_INVALID_ARG for koffi 2; koffi's own error for a name that another type has
   */
  koffiType<T>(koffi: Koffi<T>, name?: string): T;
}

/** What is needed of the koffi module; this library does not hand its own out. */
export interface Koffi<T> {
  /** koffi.struct */
  struct(name: string | null, members: Record<string, KoffiSpec<T>>): T;
  /** koffi.array */
  array(ref: KoffiSpec<T>, length: number, hint?: "Array"): T;
  /** koffi.alias */
  alias(name: string, type: KoffiSpec<T>): T;
}
/** A type or its name. What T is shows in what koffi returns, not in all that it takes. */
export type KoffiSpec<T> = NoInfer<T> | string;

/** A type object of koffi 3: the part of it that says how it lies in memory. */
export interface KoffiType {
  /** The type's name in koffi. */
  readonly name: string;
  /** What kind it is: "Record", "Array", "Int32" and so on. */
  readonly primitive: string;
  /** Bytes. */
  readonly size: number;
  /** Bytes of which its address must be a multiple. */
  readonly alignment: number;
  /** Elements of an array. */
  readonly length?: number;
  /** "String" for an array of characters that is a text. */
  readonly hint?: string;
  /** What an array consists of, or a pointer points to. */
  readonly ref?: KoffiType;
  /** Of a struct or union, by name. */
  readonly members?: Readonly<Record<string, { readonly type: KoffiType; readonly offset: number }>>;
}
