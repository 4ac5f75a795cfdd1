/**
 * The types of keys, and the operations on keys that a map needs.
 */
import type { Initial, Located, Pointer, ScalarName, ScalarValues, Struct } from "../index.js";

/** The name of a number type, "string", a struct, or `["bytes", 16]` for 16 bytes. */
export type KeyType =
  | "string"
  | Exclude<ScalarName, "bool" | "f32" | "function">
  | Struct<Located>
  | readonly ["bytes", number];

/** The type of a key when it is read; of a struct, the record in the map. */
export type KeyOf<K> = K extends "string"
  ? string
  : K extends keyof ScalarValues
    ? ScalarValues[K]
    : K extends readonly ["bytes", number]
      ? Buffer
      : K extends Struct<infer R>
        ? R
        : never;
/** The type of a key as an argument; of a struct, a record, or values for its fields with zero for the others. */
export type KeyFrom<K> = K extends readonly ["bytes", number]
  ? Uint8Array
  : K extends Struct<infer R>
    ? R | Initial<R>
    : KeyOf<K>;

export interface Keys {
  readonly mark: number;
  /** Bytes of scratch memory that this thread needs for a key given as values; 0 if none is needed. */
  readonly scratchBytes: number;
  /** The hash; throws for a wrong type of key. Must be called before write() and equals() with the same key. */
  hash(key: unknown): number;
  /** Bytes of a key in a new entry. */
  bytes(key: unknown): number;
  /** Bytes of the key in an existing entry. */
  storedBytes(entry: Pointer): number;
  write(entry: Pointer, key: unknown): void;
  equals(entry: Pointer, key: unknown): boolean;
  read(entry: Pointer): unknown;
}
