/**
 * Keys that are numbers or strings. They are compared as by Map: NaN equals NaN, and 0 equals -0. Records and bytes are in
 * byte-keys.ts.
 *
 * Owns how a key is stored in an entry, compared and hashed. A string is stored by its UTF-16 code units, in one byte each if
 * all are below 256. UTF-8 would not do: it maps all unpaired surrogates to one character.
 *
 *   length of the key   number of units * 2, and 1 if they have two bytes each
 */
import { buffer, NULL, offset, type Pointer, read, write } from "../index.js";
import { byteKeysOf } from "./byte-keys.js";
import { mix } from "./hash.js";
import { wrongRange, wrongType } from "./header.js";
import type { Keys } from "./key-types.js";
import { EntryWord } from "./map-words.js";

const KEY = EntryWord.key;
const LENGTH = EntryWord.keyLength;
/** Code units of the longest string: a longer length would not fit into its word. */
const LONGEST = 2 ** 30;

/** The least and the greatest integer of each type. */
const RANGES: Readonly<Record<string, readonly [number, number]>> = {
  u8: [0, 0xff],
  i8: [-0x80, 0x7f],
  u16: [0, 0xffff],
  i16: [-0x8000, 0x7fff],
  u32: [0, 0xffff_ffff],
  i32: [-0x8000_0000, 0x7fff_ffff],
  pointer: [0, Number.MAX_SAFE_INTEGER],
};
const LONGS: Readonly<Record<string, (key: bigint) => bigint>> = {
  u64: (key) => BigInt.asUintN(64, key),
  i64: (key) => BigInt.asIntN(64, key),
};
const NAMES = ["string", ...Object.keys(RANGES), "f64", ...Object.keys(LONGS)];

const noScratch = () => NULL;

/**
 * @param scratch returns this thread's scratch memory for a key given as values
 * @throws HeapError ERR_INVALID_ARG for an invalid type of keys
 */
export function keysOf(operation: string, type: unknown, scratch: () => Pointer = noScratch): Keys {
  const mark = NAMES.indexOf(type as string);
  if (mark < 0) {
    const keys = byteKeysOf(operation, type, scratch);
    if (keys !== null) return keys;
    throw wrongType(operation, `for its keys a struct, ["bytes", 16] or one of ${NAMES.join(", ")}`, type);
  }
  const name = type as string;
  if (name === "string") return strings(mark);
  const long = LONGS[name];
  return long === undefined ? numbers(mark, name) : longs(mark, name, long);
}

const eight = () => 8;
const double = new Float64Array(1);
const halves = new Int32Array(double.buffer);

/** Stored as doubles, which represent every value of these types. */
function numbers(mark: number, name: string): Keys {
  const [least, greatest] = RANGES[name] ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  const isInteger = name in RANGES;
  const check = (key: unknown): void => {
    if (typeof key !== "number") throw wrongType("HashMap", `numbers as keys (${name})`, key);
    if (!isInteger) return;
    if (key >= least && key <= greatest && Number.isInteger(key)) return;
    throw wrongRange("HashMap", `whole numbers from ${least} to ${greatest} as keys (${name})`, key);
  };
  return {
    mark,
    scratchBytes: 0,
    hash(key: number): number {
      if (typeof key === "number") {
        const small = key | 0;
        if (small === key && small >= least && small <= greatest) return mix(small); // 0 and -0 alike
      }
      check(key);
      double[0] = key;
      return mix(halves[0]! ^ Math.imul(halves[1]!, 31));
    },
    bytes: eight,
    storedBytes: eight,
    write: (entry, key: number) => write.f64(entry, key, KEY),
    equals(entry, key: number): boolean {
      const there = read.f64(entry, KEY);
      return there === key || (Number.isNaN(there) && Number.isNaN(key));
    },
    read: (entry) => read.f64(entry, KEY) + 0,
  };
}

function longs(mark: number, name: string, wrap: (key: bigint) => bigint): Keys {
  return {
    mark,
    scratchBytes: 0,
    hash(key: bigint): number {
      if (typeof key !== "bigint") throw wrongType("HashMap", `bigints as keys (${name})`, key);
      if (wrap(key) !== key) throw wrongRange("HashMap", `bigints of 64 bits as keys (${name})`, key);
      return mix(Number(BigInt.asIntN(32, key)) ^ Math.imul(Number(BigInt.asIntN(32, key >> 32n)), 31));
    },
    bytes: eight,
    storedBytes: eight,
    write: (entry, key: bigint) => write.i64(entry, key, KEY),
    equals: (entry, key: bigint) => read.i64(entry, KEY) === BigInt.asIntN(64, key),
    read: (entry) => wrap(read.i64(entry, KEY)),
  };
}

function isWide(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0xff) return true;
  return false;
}

function strings(mark: number): Keys {
  return {
    mark,
    scratchBytes: 0,
    hash(key: string): number {
      if (typeof key !== "string") throw wrongType("HashMap", "strings as keys", key);
      let hash = key.length;
      for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193); // FNV-1a's step
      return mix(hash);
    },
    bytes: textBytes,
    storedBytes(entry): number {
      const word = read.u32(entry, LENGTH);
      return (word & 1) !== 0 ? word & -2 : word >>> 1;
    },
    write: (entry, key: string) => writeText(entry, LENGTH, KEY, key),
    equals(entry, key: string): boolean {
      const { length } = key;
      const word = read.u32(entry, LENGTH);
      if (word >>> 1 !== length) return false;
      if ((word & 1) !== 0) {
        for (let i = 0; i < length; i++) if (read.u16(entry, KEY + 2 * i) !== key.charCodeAt(i)) return false;
        return true;
      }
      for (let i = 0; i < length; i++) if (read.u8(entry, KEY + i) !== key.charCodeAt(i)) return false;
      return true;
    },
    read: (entry) => readText(entry, LENGTH, KEY),
  };
}

/** Bytes of a string in an entry. */
export function textBytes(text: unknown): number {
  if (typeof text !== "string") throw wrongType("HashMap", "a string", text);
  if (text.length > LONGEST) throw wrongRange("HashMap", `strings of up to ${LONGEST} units`, text.length);
  return isWide(text) ? 2 * text.length : text.length;
}

/** Writes a string at `place`, and its length at `lengthPlace`. */
export function writeText(entry: Pointer, lengthPlace: number, place: number, text: string): void {
  const wide = isWide(text);
  write.u32(entry, text.length * 2 + (wide ? 1 : 0), lengthPlace);
  if (text.length > SHORT) {
    const bytes = buffer(offset(entry, place), wide ? 2 * text.length : text.length);
    bytes.write(text, wide ? "utf16le" : "latin1");
  } else if (wide) {
    for (let i = 0; i < text.length; i++) write.u16(entry, text.charCodeAt(i), place + 2 * i);
  } else {
    for (let i = 0; i < text.length; i++) write.u8(entry, text.charCodeAt(i), place + i);
  }
}

/** Up to this many code units a loop is faster than a Buffer. */
const SHORT = 32;

export function readText(entry: Pointer, lengthPlace: number, place: number): string {
  const word = read.u32(entry, lengthPlace);
  const length = word >>> 1;
  if (length === 0) return "";
  const wide = (word & 1) !== 0;
  return buffer(offset(entry, place), wide ? 2 * length : length).toString(wide ? "utf16le" : "latin1");
}
