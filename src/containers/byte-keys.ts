/**
 * Keys of a fixed number of bytes: records of a struct, or bytes.
 *
 * Keys are equal if all their bytes are, except padding: 0 and -0 are different keys, and NaNs are equal if their bits are.
 *
 * Owns a copy of the current key's bytes outside the heap, where no other thread changes them: hash() copies them, write()
 * and equals() use them. A key given as values is first written to scratch memory that the map keeps for this thread: so
 * a thread that is terminated meanwhile leaks nothing.
 */
import { isUint8Array } from "node:util/types";
import { fill, free, type Located, malloc, type Pointer, read, type Struct, view, write } from "../index.js";
import { isStruct } from "./element.js";
import { hashWords } from "./hash.js";
import { wrongRange, wrongType } from "./header.js";
import type { Keys } from "./key-types.js";
import { EntryWord } from "./map-words.js";

const KEY = EntryWord.key;
/** Bytes of the longest key. For longer data, use a hash of it as key. */
const LONGEST = 2 ** 16;
/** Marks of named types of keys are below this. */
const FIRST_MARK = 64;

/** The keys of a struct or `["bytes", n]`; null for any other type. */
export function byteKeysOf(operation: string, type: unknown, scratch: () => Pointer): Keys | null {
  if (isStruct(type)) {
    checkLength(operation, type.size);
    return byteKeys(FIRST_MARK + 2 * type.size, type.size, type.size, (words) =>
      records(type, words, scratch),
    );
  }
  if (!Array.isArray(type) || type.length !== 2 || type[0] !== "bytes") return null;
  const length = type[1] as number;
  checkLength(operation, length);
  return byteKeys(FIRST_MARK + 2 * length + 1, length, 0, (words) =>
    fixedBytes(new Uint8Array(words.buffer, 0, length)),
  );
}

function checkLength(operation: string, length: unknown): void {
  if (Number.isInteger(length) && (length as number) > 0 && (length as number) <= LONGEST) return;
  throw wrongRange(operation, `keys of 1 to ${LONGEST} bytes`, length);
}

/** What differs between records and bytes: how a key's bytes are copied, and how a stored key is read. */
interface Form {
  take(key: unknown): void;
  read(entry: Pointer): unknown;
}

function byteKeys(
  mark: number,
  size: number,
  scratchBytes: number,
  formOf: (words: Int32Array) => Form,
): Keys {
  const words = new Int32Array(Math.ceil(size / 4));
  const { take, read: readKey } = formOf(words);
  const stored = () => words.length * 4;
  return {
    mark,
    scratchBytes,
    hash(key) {
      take(key);
      return hashWords(words);
    },
    bytes: stored,
    storedBytes: stored,
    write(entry) {
      for (let i = 0; i < words.length; i++) write.i32(entry, words[i]!, KEY + 4 * i);
    },
    equals(entry) {
      for (let i = 0; i < words.length; i++) if (read.i32(entry, KEY + 4 * i) !== words[i]) return false;
      return true;
    },
    read: readKey,
  };
}

function fixedBytes(bytes: Uint8Array): Form {
  return {
    take(key) {
      if (!isUint8Array(key)) throw wrongType("HashMap", `a Uint8Array of ${bytes.length} bytes as key`, key);
      if (key.length !== bytes.length) {
        throw wrongRange("HashMap", `keys of ${bytes.length} bytes`, key.length);
      }
      bytes.set(key);
    },
    read: (entry) => Buffer.from(view((entry + KEY) as Pointer, bytes.length)),
  };
}

function records(type: Struct<Located>, words: Int32Array, scratch: () => Pointer): Form {
  const { size } = type;
  const bytes = new Uint8Array(words.buffer);
  /** The bits that are not padding; null if there is no padding. */
  let mask: Int32Array | null = null;
  let prototype: object | null = null;
  /** Whether the scratch memory is in use: a getter in the values may use the map itself. */
  let busy = false;

  const takeFrom = (place: Pointer) => {
    const whole = size >>> 2;
    for (let i = 0; i < whole; i++) words[i] = read.i32(place, 4 * i);
    for (let i = 4 * whole; i < size; i++) bytes[i] = read.u8(place, i);
    if (mask !== null) for (let i = 0; i < words.length; i++) words[i]! &= mask[i]!;
  };
  /** Computes, at the first key, the mask and the prototype of the struct's records. */
  const prepare = () => {
    const place = scratch();
    fill(place, 0xff, size);
    type.clearPadding(place);
    takeFrom(place);
    if (bytes.subarray(0, size).some((byte) => byte !== 0xff)) mask = words.slice();
    prototype = Object.getPrototypeOf(type.at(place)) as object;
  };
  const takeValues = (values: object, place: Pointer) => {
    type.assign(place, values as never);
    takeFrom(place);
  };
  return {
    take(key) {
      if (typeof key !== "object" || key === null)
        throw wrongType("HashMap", "a record, or values for one, as key", key);
      if (prototype === null) prepare();
      if (Object.getPrototypeOf(key) === prototype) takeFrom((key as Located).pointer);
      else if (busy) {
        const place = malloc(size);
        try {
          takeValues(key, place);
        } finally {
          free(place);
        }
      } else {
        busy = true;
        try {
          takeValues(key, scratch());
        } finally {
          busy = false;
        }
      }
    },
    read: (entry) => type.at((entry + KEY) as Pointer),
  };
}
