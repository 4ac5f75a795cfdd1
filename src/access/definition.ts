/**
 * Parses definitions: from a struct's definition to the codecs and offsets of its fields.
 *
 * Owns what a definition may contain, and the errors for the rest. Must not know classes of records.
 */
import { HeapError, rangeError, show, typeError } from "../errors.js";
import { arrayCodec, flexibleArrayClass } from "./classes.js";
import { type Codec, charsCodec, type Field, type LocatedClass, scalars } from "./codec.js";
import { bitCodec, bitsOf, enumCodec, flexibleCodec, pointerCodec } from "./kinds.js";
import { type Extent, type Layout, type Limits, layOut, layOutUnion, NATURAL } from "./layout.js";
import type { Definition, IntegerName, ScalarName, StructOptions } from "./shape.js";

/** Access to other structs, and to the one that is being defined. */
export interface Surroundings {
  /** The codec of a struct; undefined for any other value. */
  codecOf(struct: unknown): Codec | undefined;
  /** The class of a struct's records; throws for any other value. */
  classOf(struct: unknown): LocatedClass;
  /** The class of this struct's records, once it is made. */
  self(): LocatedClass;
}

export interface Described {
  readonly fields: readonly Field[];
  readonly layout: Layout;
  /** Definitions of equal keys describe the same struct. */
  readonly key: string;
}

/** A field before layout: its codec may depend on its offset. */
interface Part extends Extent {
  readonly name: string;
  readonly key: string;
  /** Whether it is, or ends with, an array whose length is in another field. */
  readonly isOpen: boolean;
  codec(offset: number, shift: number, before: readonly Field[]): Codec;
}

export function describe(
  definition: Definition,
  around: Surroundings,
  kind: "struct" | "union",
  options: StructOptions = {},
): Described {
  const limits = limitsOf(options);
  const parts = Object.entries(definition).map(([name, type]) => partOf(name, type, around));
  checkParts(parts, kind, limits);
  const layout = kind === "union" ? layOutUnion(parts) : layOut(parts, limits);
  const fields: Field[] = [];
  for (const [i, part] of parts.entries()) {
    const offset = layout.offsets[i]!;
    fields.push({ name: part.name, offset, codec: part.codec(offset, layout.shifts[i]!, fields) });
  }
  const rule = limits === NATURAL ? "" : `/${limits.most}/${limits.least}`;
  return { fields, layout, key: `${kind}${rule}{${parts.map((part) => `${part.name}:${part.key}`).join()}}` };
}

function partOf(name: string, type: unknown, around: Surroundings): Part {
  const bits = typeof type === "string" ? bitsOf(name, type) : null;
  if (bits !== null) {
    const [unit, width] = bits;
    const { size, alignment } = scalars[unit];
    return {
      ...{ name, size, alignment, bits: width, key: `${unit}:${width}`, isOpen: false },
      codec: (_offset, shift) => bitCodec(unit, width, shift),
    };
  }
  const pair = Array.isArray(type) && type.length === 2 ? (type as [unknown, unknown]) : null;
  if (pair !== null && typeof pair[1] === "string" && pair[0] !== "pointer") {
    const element = codecOf(name, pair[0], around);
    const [, counter] = pair as [unknown, string];
    return {
      ...{ name, size: 0, alignment: element.alignment, key: `${element.key}[${counter}]`, isOpen: true },
      codec: (offset, _shift, before) => {
        const count = before.find((field) => field.name === counter);
        if (count === undefined || !/^[ui]\d+$/.test(count.codec.way ?? "")) throw noCounter(name, counter);
        return flexibleCodec(
          element,
          flexibleArrayClass(element),
          counter,
          count.codec,
          offset - count.offset,
        );
      },
    };
  }
  const codec = codecOf(name, type, around);
  const { size, alignment, key } = codec;
  return { name, size, alignment, key, isOpen: codec.flexible !== undefined, codec: () => codec };
}

/** The codec for the type of a field or of an array's elements. */
function codecOf(name: string, type: unknown, around: Surroundings): Codec {
  if (typeof type === "string" && Object.hasOwn(scalars, type)) return scalars[type as ScalarName];
  if (Array.isArray(type) && type.length === 2) return pairOf(name, type as [unknown, unknown], around);
  const nested = typeof type === "object" && type !== null ? around.codecOf(type) : undefined;
  if (nested !== undefined) return nested;
  throw new HeapError(
    "ERR_INVALID_ARG",
    `struct: ${name} must be one of ${Object.keys(scalars).join(", ")}, a struct, [type, length], ["char", bytes], ` +
      `["pointer", struct], [integer, { name: value }], "u32:3" or, at the end, [type, "field"]; got ${show(type)}`,
  );
}

function pairOf(name: string, [element, of]: [unknown, unknown], around: Surroundings): Codec {
  if (element === "pointer" && typeof of !== "number") return pointerOf(name, of, around);
  const isInteger = typeof element === "string" && /^[ui](8|16|32|64)$/.test(element);
  if (isInteger && typeof of === "object" && of !== null) {
    checkValues(name, of);
    return enumCodec(element as IntegerName, of as Record<string, number>);
  }
  checkLength(name, of);
  if (element === "char") return charsCodec(of);
  const codec = codecOf(name, element, around);
  if (codec.flexible !== undefined)
    throw typeError(
      "ERR_INVALID_ARG",
      `struct: ${name} cannot be an array of structs that end with an array`,
    );
  return arrayCodec(codec, of);
}

let functions = 0;
const numbers = new WeakMap<object, number>();

function pointerOf(name: string, target: unknown, around: Surroundings): Codec {
  if (target === "self") return pointerCodec("*self", around.self, true);
  const codec = typeof target === "object" && target !== null ? around.codecOf(target) : undefined;
  if (codec !== undefined) return pointerCodec(`*${codec.key}`, () => codec.type!);
  if (typeof target === "function") {
    const number = numbers.get(target) ?? ++functions;
    numbers.set(target, number);
    return pointerCodec(`*function#${number}`, () => around.classOf((target as () => unknown)()));
  }
  throw typeError(
    "ERR_INVALID_ARG",
    `struct: ${name} points to "self", a struct, or what a function () => Other gives; got ${show(target)}`,
  );
}

function limitsOf({ packed = false, align = 1 }: StructOptions): Limits {
  if (packed === false && align === 1) return NATURAL;
  const most = packed === false ? NATURAL.most : packed === true ? 1 : packed;
  if (![1, 2, 4, 8, NATURAL.most].includes(most))
    throw rangeError("ERR_INVALID_ARG", `struct: packed is true, 1, 2, 4 or 8, got ${show(packed)}`);
  if (!Number.isInteger(align) || align < 1 || align > 4096 || (align & (align - 1)) !== 0)
    throw rangeError("ERR_INVALID_ARG", `struct: align is a power of two up to 4096, got ${show(align)}`);
  return { most, least: align };
}

function checkParts(parts: readonly Part[], kind: "struct" | "union", { most }: Limits): void {
  const flexible = parts.findIndex((part) => part.isOpen);
  if (flexible >= 0 && (kind === "union" || flexible !== parts.length - 1 || parts.length === 1)) {
    const { name } = parts[flexible]!;
    throw rangeError(
      "ERR_INVALID_ARG",
      `struct: ${name}, an array without a length, must be a struct's last field`,
    );
  }
  const bits = parts.find((part) => part.bits !== undefined);
  if (bits !== undefined && most < NATURAL.most)
    throw rangeError("ERR_INVALID_ARG", `struct: ${bits.name}: a packed struct can have no bit-fields`);
}

function checkValues(name: string, values: object): void {
  const wrong = Object.entries(values).find(([, value]) => !Number.isSafeInteger(value));
  if (wrong === undefined && Object.keys(values).length > 0) return;
  const got = wrong === undefined ? "none" : `${wrong[0]}: ${show(wrong[1])}`;
  throw rangeError(
    "ERR_INVALID_ARG",
    `struct: ${name} needs names with whole numbers, { red: 0, green: 1 }; got ${got}`,
  );
}

function noCounter(name: string, counter: string): Error {
  return rangeError(
    "ERR_INVALID_ARG",
    `struct: the length of ${name} must be in an integer field before it, and ${show(counter)} is none`,
  );
}

function checkLength(name: string, length: unknown): asserts length is number {
  if (Number.isSafeInteger(length) && (length as number) > 0) return;
  throw rangeError(
    "ERR_INVALID_ARG",
    `struct: the length of ${name} must be a whole number from 1 on, got ${show(length)}`,
  );
}
