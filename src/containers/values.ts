/**
 * Values of a map: scalars, records, strings and bytes.
 *
 * Owns the layout of a value in an entry. A scalar, of up to 8 bytes, is overwritten by one store, which readers never see in
 * part; all other values never change once readers can find them.
 */
import { isUint8Array } from "node:util/types";
import { buffer, offset, type Pointer, read, view, write } from "../index.js";
import { type ElementFrom, type ElementOf, type ElementType, elementOf } from "./element.js";
import { wrongType } from "./header.js";
import { readText, textBytes, writeText } from "./keys.js";
import { EntryWord } from "./map-words.js";

/** The name of a scalar, a struct, "string", or "bytes" for a Uint8Array of any length. */
export type ValueType = ElementType | "string" | "bytes";
/** The type of a value when it is read; of a struct, the record in the map. */
export type ValueOf<V> = V extends "string" ? string : V extends "bytes" ? Buffer : ElementOf<V>;
/** The type of a value when it is written. */
export type ValueFrom<V> = V extends "string" ? string : V extends "bytes" ? Uint8Array : ElementFrom<V>;

export interface Values {
  readonly mark: number;
  /** Whether a value is overwritten in its entry, instead of by a new entry. */
  readonly inPlace: boolean;
  /** Whether read() returns an object over the entry, not a copy. */
  readonly isRecord: boolean;
  /** Bytes of a value in an entry. Throws for a wrong type. */
  bytes(value: unknown): number;
  write(entry: Pointer, place: number, value: unknown): void;
  read(entry: Pointer, place: number): unknown;
}

const LENGTH = EntryWord.valueLength;
/** Different from the marks of elements (element.ts): small negative numbers for scalars, sizes for structs. */
const STRING_MARK = -100;
const BYTES_MARK = -101;

/** @throws HeapError ERR_INVALID_ARG for an invalid type of values */
export function valuesOf(operation: string, type: unknown): Values {
  if (type === "string") return texts;
  if (type === "bytes") return bytes;
  const { size, mark, get, put } = elementOf(operation, type);
  const isRecord = typeof type !== "string";
  return {
    mark,
    isRecord,
    inPlace: !isRecord,
    bytes: () => size,
    write: (entry, place, value) => put(entry, value as never, place),
    read: get,
  };
}

const texts: Values = {
  mark: STRING_MARK,
  inPlace: false,
  isRecord: false,
  bytes: textBytes,
  write: (entry, place, value) => writeText(entry, LENGTH, place, value as string),
  read: (entry, place) => readText(entry, LENGTH, place),
};

const bytes: Values = {
  mark: BYTES_MARK,
  inPlace: false,
  isRecord: false,
  bytes(value): number {
    if (!isUint8Array(value)) throw wrongType("HashMap.set", "a Uint8Array as value", value);
    return value.length;
  },
  write(entry, place, value: Uint8Array): void {
    write.u32(entry, value.length, LENGTH);
    view(offset(entry, place), value.length).set(value);
  },
  read: (entry, place) => Buffer.from(buffer(offset(entry, place), read.u32(entry, LENGTH))),
};
