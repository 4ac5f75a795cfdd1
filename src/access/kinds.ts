/**
 * Kinds of fields built on scalars: bit-fields, enumerations, pointers to records, an array at a struct's end.
 */

import { rangeError, show, typeError } from "../errors.js";
import { NULL, type Pointer } from "../memory/memory.js";
import { type Codec, type LocatedClass, scalars } from "./codec.js";
import { coverBits } from "./padding.js";
import type { IntegerName } from "./shape.js";

type Get = Codec["get"];
type Set = NonNullable<Codec["set"]>;

/** A bit-field: `bits` bits of an integer or a bool, from bit `shift` up. */
export function bitCodec(name: IntegerName | "bool", bits: number, shift: number): Codec {
  const { size, alignment } = scalars[name];
  const ways = size === 8 ? wideBits(name as "u64" | "i64", bits, shift) : narrowBits(name, bits, shift);
  const koffi = () => {
    throw typeError("ERR_INVALID_ARG", "koffi knows no bit-fields: give C the record's pointer, as void *");
  };
  const covers = (mask: Uint8Array, at: number) => coverBits(mask, at, shift, bits);
  return {
    size,
    alignment,
    bits,
    key: `${name}:${bits}@${shift}`,
    koffi,
    covers,
    ...ways,
  };
}

function narrowBits(name: IntegerName | "bool", bits: number, shift: number): Pick<Codec, "get" | "set"> {
  const unit = scalars[name === "bool" ? "u8" : name];
  const whole = unit.get as (pointer: Pointer, byteOffset: number) => number;
  const put = unit.set as Set;
  const above = 32 - bits;
  const signed = name.startsWith("i");
  const field = (word: number) => {
    const top = word << (above - shift);
    return signed ? top >> above : top >>> above;
  };
  const mask = (-1 >>> above) << shift;
  return {
    get(pointer, byteOffset) {
      const value = field(whole(pointer, byteOffset));
      return name === "bool" ? value !== 0 : value;
    },
    set(pointer, value: number, byteOffset) {
      put(pointer, ((whole(pointer, byteOffset) & ~mask) | ((value << shift) & mask)) as never, byteOffset);
    },
  };
}

function wideBits(name: "u64" | "i64", bits: number, shift: number): Pick<Codec, "get" | "set"> {
  const whole = scalars.u64.get as (pointer: Pointer, byteOffset: number) => bigint;
  const put = scalars.u64.set as Set;
  const from = BigInt(shift);
  const mask = ((1n << BigInt(bits)) - 1n) << from;
  const convert = name === "i64" ? BigInt.asIntN : BigInt.asUintN;
  return {
    get: (pointer, byteOffset) => convert(bits, whole(pointer, byteOffset) >> from),
    set(pointer, value: bigint, byteOffset) {
      put(pointer, ((whole(pointer, byteOffset) & ~mask) | ((value << from) & mask)) as never, byteOffset);
    },
  };
}

/** An enumeration: an integer whose values have names. A value without a name is read as a number. */
export function enumCodec(name: IntegerName, values: Readonly<Record<string, number>>): Codec {
  const unit = scalars[name];
  const byName = new Map(Object.entries(values));
  const byValue = new Map<unknown, string>([...byName].map(([key, value]) => [value, key] as const));
  const numberOf = (given: unknown): number => {
    const value = typeof given === "string" ? byName.get(given) : given;
    if (typeof value === "number" && Number.isInteger(value)) return value;
    throw typeError(
      "ERR_INVALID_ARG",
      `an enumeration's value is one of ${[...byName.keys()].join(", ")}, or a whole number, got ${show(given)}`,
    );
  };
  return {
    size: unit.size,
    alignment: unit.alignment,
    key: `${name}${JSON.stringify([...byName])}`,
    get: (pointer, byteOffset) => {
      const value = unit.get(pointer, byteOffset);
      return byValue.get(value) ?? value;
    },
    set: (pointer, value: unknown, byteOffset) =>
      (unit.set as Set)(pointer, numberOf(value) as never, byteOffset),
    koffi: unit.koffi,
  };
}

/** A pointer to a record: read as that record, or null. `target` is called at the first use: it may be defined later. */
export function pointerCodec(key: string, target: () => LocatedClass, isSelf = false): Codec {
  const { size, alignment, get, set, koffi } = scalars.pointer;
  let type: LocatedClass | null = null;
  const known = (): LocatedClass => {
    type ??= target();
    return type;
  };
  return {
    size,
    alignment,
    koffi,
    key,
    points: isSelf ? "self" : known,
    get: (pointer, byteOffset) => {
      const address = get(pointer, byteOffset) as Pointer;
      return address === NULL ? null : known().from(address);
    },
    set: (pointer, value: unknown, byteOffset) =>
      (set as Set)(pointer, addressOf(value, known()) as never, byteOffset),
  };
}

function addressOf(value: unknown, type: LocatedClass): number | bigint {
  if (value === null) return 0;
  if (typeof value === "number" || typeof value === "bigint") return value;
  if (value instanceof type) return value.pointer;
  throw typeError(
    "ERR_INVALID_ARG",
    `a pointer to a record is set to one of its struct, or to null; got ${show(value)}`,
  );
}

/** An array at a struct's end (C's flexible array member); its length is in the field `distance` bytes before it. */
export function flexibleCodec(
  element: Codec,
  arrays: LocatedClass,
  counter: string,
  count: Codec,
  distance: number,
): Codec {
  const lengthAt: Get = (pointer, byteOffset) => Number(count.get(pointer, byteOffset - distance));
  return {
    size: 0,
    alignment: element.alignment,
    key: `${element.key}[-${distance}]`,
    flexible: element.size,
    counter,
    get: (pointer, byteOffset) =>
      arrays.from((pointer + byteOffset) as Pointer, lengthAt(pointer, byteOffset) as number),
    set: null,
    koffi: () => {
      throw typeError(
        "ERR_INVALID_ARG",
        "koffi knows no array at a struct's end: give C the record's pointer, as void *",
      );
    },
  };
}

/** Parses "u32:3". */
export function bitsOf(name: string, text: string): readonly [IntegerName | "bool", number] | null {
  const match = /^([a-z0-9]+):(\d+)$/.exec(text);
  if (match === null) return null;
  const unit = match[1]!;
  const bits = Number(match[2]);
  const most = unit === "bool" ? 1 : Number(unit.slice(1));
  if (!/^([ui](8|16|32|64)|bool)$/.test(unit)) return null;
  if (bits >= 1 && bits <= most) return [unit as IntegerName, bits];
  throw rangeError("ERR_INVALID_ARG", `struct: ${name} may have 1 to ${most} bits of ${unit}, got ${bits}`);
}
