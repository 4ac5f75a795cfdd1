/**
 * Structs: C's layout for a definition, and records whose fields are typed properties.
 *
 * Owns struct() and what it returns. The layout comes from layout.ts or, for a type of koffi's, from koffi; how a field
 * is read and written from codec.ts. Any thread: a struct is a description, and records of one address may be held by
 * several threads at once.
 */
import { checkSize } from "../attached.js";
import type { Pointer } from "../core/memory.js";
import { HeapError, rangeError, show, typeError } from "../errors.js";
import { calloc } from "../malloc.js";
import { arrayCodec, type Codec, charsCodec, placeCodec, recordArrayClass, scalars } from "./codec.js";
import { codecFromKoffi, isKoffiType, membersOf } from "./koffi.js";
import { type Extent, layOut } from "./layout.js";
import { farOf } from "./place.js";
import { type Field, recordClass } from "./record.js";
import type {
  Definition,
  Koffi,
  KoffiType,
  Located,
  RecordArray,
  RecordFrom,
  RecordWith,
  ScalarName,
  Struct,
  UnknownFields,
} from "./shape.js";

type AnyStruct = Struct<Located>;

/** The codec of each struct, as a field of another one. */
const codecs = new WeakMap<object, Codec>();
const NAME = /^[A-Za-z_$][A-Za-z0-9_$]*$/;
/** Names that a record cannot give to a field: its address, and what JavaScript takes for itself. */
const TAKEN = new Set(["pointer", "__proto__"]);

// First, for TypeScript explains what is wrong with a call by the last.
/**
 * Describes a C struct, or a union, by its type in koffi, packed ones and chosen alignments included. koffi's types do not
 * tell TypeScript what their fields are; say it yourself, `struct<{ id: number; score: number }>(type)`, or they are
 * unknown. A `char *` is a pointer here, and `long`, `size_t` and all that takes 64 bits is a bigint.
 *
 * @throws HeapError ERR_INVALID_ARG for a type that is no struct, or has a member of another byte order
 * @example
 * ```ts
 * import koffi from "koffi";
 * import { free, struct } from "heapwright";
 *
 * const Pair = struct(koffi.struct({ id: "int", score: "double" }));
 * const pair = Pair.alloc();
 * pair.score = 0.5;
 * console.log(Pair.size, pair.score); // 16 0.5
 * free(pair.pointer);
 * ```
 */
export function struct<Fields extends object = UnknownFields>(type: KoffiType): Struct<RecordWith<Fields>>;
/**
 * Describes a C struct: sizes, alignment and padding follow the C ABI, and so agree with what a C compiler and koffi do.
 *
 * A field is the name of a scalar (u8 i8 u16 i16 u32 i32 u64 i64 f32 f64 bool pointer function), another struct, an
 * array of any of them as `[type, length]`, or a text inside the struct as `["char", bytes]`. A text is cut off nowhere:
 * one that does not fit with its NUL is refused. A `char *` is a "pointer", to be written with cstring() and freed by
 * you; a "function" is one of nativeAllocator()'s, or another C function's address.
 *
 * A field that is a record or an array is read as an object that says where it lies; keep it if a loop needs it often.
 * A record has its address and nothing else of its own: a spread, JSON and structuredClone() copy the address alone.
 * console.log reads and shows its fields, if there is memory.
 *
 * @throws HeapError ERR_INVALID_ARG for what is no definition
 * @example
 * ```ts
 * import { free, struct } from "heapwright";
 *
 * const Point = struct({ x: "f64", y: "f64" });
 * const Line = struct({ name: ["char", 8], ends: [Point, 2], width: "u8" });
 * console.log(Line.size, Line.alignment, Line.offsets.ends); // 48 8 8
 *
 * const line = Line.alloc(); // zeroed; line.pointer is its address
 * line.name = "axis";
 * line.ends.at(1).x = 2.5;
 * console.log(Line.at(line.pointer).ends.at(1).x, line.name); // 2.5 axis
 * free(line.pointer);
 *
 * const points = Point.array(1000);
 * for (const point of points) point.x = 1;
 * console.log(points.at(999).x); // 1
 * free(points.pointer);
 * ```
 */
export function struct<const D extends Definition>(definition: D): Struct<RecordFrom<D>>;
export function struct(described: Definition | KoffiType): AnyStruct {
  if (typeof described !== "object" || described === null) {
    throw typeError(
      "ERR_INVALID_ARG",
      `struct takes a definition such as { x: "f64" }, got ${show(described)}`,
    );
  }
  return isKoffiType(described) ? structFromKoffi(described) : structFromDefinition(described);
}

function structFromDefinition(definition: Definition): AnyStruct {
  const named = Object.entries(definition).map(([name, type]) => ({ name, codec: codecOf(name, type) }));
  const layout = layOut(named.map((field) => field.codec));
  const fields = named.map((field, i) => ({ ...field, offset: layout.offsets[i]! }));
  return makeStruct(layout, fields, (koffi, name) => {
    const members = named.map((field) => [field.name, field.codec.koffi(koffi)] as const);
    return koffi.struct(name, Object.fromEntries(members));
  });
}

function structFromKoffi(type: KoffiType): AnyStruct {
  const fields = Object.entries(membersOf(type)).map(([name, member]) => ({
    name,
    offset: member.offset,
    codec: codecFromKoffi(member.type, (record) => codecs.get(structFromKoffi(record))!),
  }));
  return makeStruct(type, fields, () => type as never);
}

/** A type of koffi's, and the names that koffi knows it by. */
interface NamedType<T> {
  readonly type: T;
  readonly names: Set<string | undefined>;
}

type MakeKoffiType = <T>(koffi: Koffi<T>, name: string | null) => T;

/** koffi 2 has functions of the same names, and fails somewhere in them. */
function checkVersion<T>(koffi: Koffi<T>): void {
  const { version } = koffi as { readonly version?: string };
  if (Number.parseInt(`${version}`, 10) < 3) {
    throw typeError("ERR_INVALID_ARG", `koffiType: koffi must be version 3, got version ${version}`);
  }
}

function makeStruct(
  { size, alignment }: Extent,
  fields: readonly Field[],
  toKoffi: MakeKoffiType,
): AnyStruct {
  checkFields(fields, size);
  const Record = recordClass(fields, size);
  const koffiTypes = new WeakMap<object, NamedType<unknown>>();
  const koffiType = <T>(koffi: Koffi<T>, name?: string): T => {
    if (!koffiTypes.has(koffi)) {
      checkVersion(koffi);
      const type = toKoffi(koffi, name ?? null);
      koffiTypes.set(koffi, { type, names: new Set([(type as { name?: string }).name]) });
    }
    const { type, names } = koffiTypes.get(koffi) as NamedType<T>;
    if (name !== undefined && !names.has(name)) koffi.alias(name, type);
    if (name !== undefined) names.add(name);
    return type;
  };
  const codec = placeCodec({ size, alignment }, Record, (koffi) => koffiType(koffi));
  const Records = recordArrayClass(codec);
  const made: AnyStruct = {
    size,
    alignment,
    offsets: Object.freeze(Object.fromEntries(fields.map(({ name, offset }) => [name, offset]))),
    at(pointer: Pointer): Located {
      farOf("at", pointer, 0, size);
      return new Record(pointer);
    },
    alloc(): Located {
      return new Record(calloc(1, size));
    },
    array(length: number, pointer?: Pointer): RecordArray<Located> {
      checkSize("array", "length", length);
      if (pointer === undefined) return new Records(calloc(length, size), length);
      farOf("array", pointer, 0, length * size);
      return new Records(pointer, length);
    },
    koffiType,
  };
  codecs.set(made, codec);
  return Object.freeze(made);
}

/** The codec of a field that a definition describes so. */
function codecOf(name: string, type: unknown): Codec {
  if (typeof type === "string" && Object.hasOwn(scalars, type)) return scalars[type as ScalarName];
  if (Array.isArray(type) && type.length === 2) {
    const [element, length] = type as [unknown, unknown];
    checkLength(name, length);
    return element === "char" ? charsCodec(length) : arrayCodec(codecOf(name, element), length);
  }
  const nested = typeof type === "object" && type !== null ? codecs.get(type) : undefined;
  if (nested !== undefined) return nested;
  throw new HeapError(
    "ERR_INVALID_ARG",
    `struct: ${name} must be one of ${Object.keys(scalars).join(", ")}, a struct, [type, length] or ["char", bytes], ` +
      `got ${show(type)}`,
  );
}

function checkLength(name: string, length: unknown): asserts length is number {
  if (Number.isSafeInteger(length) && (length as number) > 0) return;
  throw rangeError(
    "ERR_INVALID_ARG",
    `struct: the length of ${name} must be a whole number from 1 on, got ${show(length)}`,
  );
}

function checkFields(fields: readonly Field[], size: number): void {
  if (fields.length === 0) {
    throw rangeError(
      "ERR_INVALID_ARG",
      "struct: a struct needs at least one field, as in C (and a type of koffi is one of version 3)",
    );
  }
  if (!Number.isSafeInteger(size)) {
    throw rangeError("ERR_INVALID_ARG", `struct: a struct of ${show(size)} bytes is too large`);
  }
  // A name such as "0" would also change its place: JavaScript puts those before all others.
  const wrong = fields.find(({ name }) => !NAME.test(name) || TAKEN.has(name));
  if (wrong !== undefined) {
    throw rangeError(
      "ERR_INVALID_ARG",
      `struct: a field cannot be called ${show(wrong.name)}: ` +
        (TAKEN.has(wrong.name)
          ? "records have a property of that name; choose another"
          : "C would not accept it"),
    );
  }
}
