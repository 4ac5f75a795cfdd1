/**
 * Elements of a container: scalars, by the names that struct() uses, or records of a struct.
 *
 * Owns the types of elements, and how each is read, written and told from others at run time.
 */
import {
  copy,
  free,
  type Initial,
  type Located,
  type Pointer,
  read,
  type ScalarName,
  type ScalarValues,
  type Struct,
  write,
} from "../index.js";
import { wrongType } from "./header.js";

/** The name of a scalar, `"f64"`, or a struct. */
export type ElementType = ScalarName | Struct<Located>;

/** The type of an element when it is read: a value, or the record in the container. */
export type ElementOf<T> = T extends ScalarName ? ScalarValues[T] : T extends Struct<infer R> ? R : never;

/** The type of an element when it is written: a value, a record to copy, or values for fields, with zero for the others. */
export type ElementFrom<T> = T extends ScalarName
  ? ScalarValues[T]
  : T extends Struct<infer R>
    ? R | Initial<R>
    : never;

/** How elements of one type are read and written in memory. */
export interface Element {
  /** Bytes. */
  readonly size: number;
  /** A number for the type and its size, which a container stores, to compare. */
  readonly mark: number;
  get(pointer: Pointer, byteOffset: number): unknown;
  /** Writes an element that readers cannot find yet: values that are refused may be written in part. */
  put(pointer: Pointer, value: never, byteOffset: number): void;
  /** Overwrites an element: nothing is written if the value is refused or the thread is terminated before. */
  set(pointer: Pointer, value: never, byteOffset: number): void;
}

const SIZES: Readonly<Record<ScalarName, number>> = {
  u8: 1,
  i8: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  u64: 8,
  i64: 8,
  f32: 4,
  f64: 8,
  bool: 1,
  pointer: 8,
  function: 8,
};
const NAMES = Object.keys(SIZES) as ScalarName[];

/** @throws HeapError ERR_INVALID_ARG for what is neither the name of a scalar nor a struct */
export function elementOf(operation: string, type: unknown): Element {
  const index = NAMES.indexOf(type as ScalarName);
  if (index >= 0) return scalar(type as ScalarName, index);
  if (isStruct(type)) return record(type);
  throw wrongType(operation, `a struct or one of ${NAMES.join(", ")}`, type);
}

function scalar(name: ScalarName, index: number): Element {
  const [get, set] = accessOf(name);
  return { size: SIZES[name], mark: -1 - index, get, set, put: set };
}

function accessOf(name: ScalarName): [Element["get"], Element["set"]] {
  switch (name) {
    case "bool":
      return [
        (pointer, byteOffset) => read.u8(pointer, byteOffset) !== 0,
        (pointer, value: boolean, byteOffset) => write.u8(pointer, value ? 1 : 0, byteOffset),
      ];
    case "function":
      return [read.pointer, write.pointer];
    default:
      return [read[name], write[name]];
  }
}

/** Whether the type looks like a result of struct(). */
export function isStruct(type: unknown): type is Struct<Located> {
  return typeof type === "object" && type !== null && "alloc" in type && "size" in type && "at" in type;
}

function record(type: Struct<Located>): Element {
  const { size } = type;
  return {
    size,
    mark: size,
    get: (pointer, byteOffset) => type.at((pointer + byteOffset) as Pointer),
    put: (pointer, values: object | undefined, byteOffset) =>
      type.assign((pointer + byteOffset) as Pointer, values as never),
    set(pointer, values: object | undefined, byteOffset) {
      const place = (pointer + byteOffset) as Pointer;
      if (values === undefined || "pointer" in values) {
        type.assign(place, values as never);
        return;
      }
      const made = type.alloc(values as never);
      copy(place, made.pointer, size);
      free(made.pointer);
    },
  };
}
