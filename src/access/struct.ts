/**
 * Structs: C's layout for a definition, and records whose fields are typed properties.
 *
 * Owns struct(), union() and what they return. The layout comes from layout.ts or, for a koffi type, from koffi; access to
 * fields from codec.ts. Any thread: a struct is a description only, and several threads may have record objects for one
 * address.
 */
import { checkOptions, checkSize } from "../api/attached.js";
import { calloc } from "../api/calloc.js";
import { free } from "../api/malloc.js";
import { rangeError, show, typeError } from "../errors.js";
import { NULL, type Pointer, type PointerLike } from "../memory/memory.js";
import { type Assignable, assign } from "./assign.js";
import { copy, fill } from "./bytes.js";
import { recordArrayClass, recordClass } from "./classes.js";
import { type Codec, type Field, type LocatedClass, locatedCodec } from "./codec.js";
import { describe, type Surroundings } from "./definition.js";
import { codecFromKoffi, isKoffiType, membersOf } from "./koffi.js";
import type { Koffi, KoffiMembers, KoffiType } from "./koffi-types.js";
import type { Extent } from "./layout.js";
import { copyOf } from "./outside.js";
import { coverFields, padding } from "./padding.js";
import { farOf } from "./place.js";
import type {
  Counted,
  Definition,
  Located,
  RecordArray,
  RecordFrom,
  RecordWith,
  Struct,
  StructOptions,
  UnknownFields,
} from "./shape.js";

type AnyStruct = Struct<Located>;

/** The codec of each struct, for its use as a field of another. */
const codecs = new WeakMap<object, Codec>();
const NAME = /^[A-Za-z_$][A-Za-z0-9_$]*$/;
/** Names that no field can have: the record's address, and a name with a meaning in JavaScript. */
const TAKEN = new Set(["pointer", "__proto__"]);

// The first overload, since TypeScript explains a wrong call by the last one.
/**
 * Describes a C struct or union by its koffi type, including packing and alignment. TypeScript does not know the fields of a
 * koffi type: give their types, `struct<{ id: number; score: number }>(type)`, or they are unknown. A `char *` is a pointer,
 * and `long`, `size_t` and all other 64-bit integers are bigints. Any thread.
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
 * Describes a C struct: sizes, alignment and padding follow the C ABI, as a C compiler and koffi lay it out. Any thread.
 *
 * A field is the name of a scalar (u8 i8 u16 i16 u32 i32 u64 i64 f32 f64 bool pointer function), another struct, an
 * array of any of them as `[type, length]`, or a string inside the struct as `["char", bytes]`; FieldType lists more. A
 * string that does not fit with its NUL is refused, never truncated. A `char *` is a "pointer": write a pointer from
 * cstring(), and free that yourself. A "function" is one of nativeAllocator()'s, or the address of another C function.
 *
 * A field that is a record or an array is read as a new object that holds its address; keep it if a loop needs it often.
 * Fields and `pointer` are accessors: JSON.stringify() and console.log show the fields, but a spread and a message to another
 * thread copy none. Send `record.pointer`, or `record.toObject()` for a copy.
 *
 * @throws HeapError ERR_INVALID_ARG for an invalid definition
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
export function struct<const D extends Definition>(
  definition: D & Counted<D>,
  options?: StructOptions,
): Struct<RecordFrom<D>>;
export function struct(described: Definition | KoffiType, options?: StructOptions): AnyStruct {
  if (typeof described !== "object" || described === null) {
    throw typeError(
      "ERR_INVALID_ARG",
      `struct takes a definition such as { x: "f64" }, got ${show(described)}`,
    );
  }
  if (isKoffiType(described)) return structFromKoffi(described);
  if (options !== undefined) checkOptions("struct", options, { packed: true, align: true });
  return structFromDefinition(described, "struct", options);
}

/**
 * Describes a C union: all fields have offset 0, and it is as large as the largest of them. It is used like a struct, alone
 * or as a field. Any thread.
 *
 * @throws HeapError ERR_INVALID_ARG for an invalid definition
 * @example
 * ```ts
 * import { struct, union } from "heapwright";
 *
 * const Value = union({ whole: "i64", real: "f64", bytes: ["u8", 8] });
 * const Tagged = struct({ kind: ["u8", { whole: 0, real: 1 }], value: Value });
 * const tagged = Tagged.alloc({ kind: "real", value: { real: 1 } });
 * console.log(Tagged.size, tagged.kind, tagged.value.bytes.get(7)); // 16 real 63
 * Tagged.free(tagged);
 * ```
 */
export function union<const D extends Definition>(definition: D): Struct<RecordFrom<D>> {
  if (typeof definition !== "object" || definition === null) {
    throw typeError(
      "ERR_INVALID_ARG",
      `union takes a definition such as { x: "f64" }, got ${show(definition)}`,
    );
  }
  return structFromDefinition(definition, "union") as unknown as Struct<RecordFrom<D>>;
}

/** All structs by the key of their definition: so a definition inside a function gives one struct for all calls. */
const defined = new Map<string, AnyStruct>();

function structFromDefinition(
  definition: Definition,
  kind: "struct" | "union",
  options?: StructOptions,
): AnyStruct {
  let self: LocatedClass | null = null;
  const around: Surroundings = {
    codecOf: (struct) => codecs.get(struct as object),
    classOf: (struct) => {
      const type = typeof struct === "object" && struct !== null ? codecs.get(struct)?.type : undefined;
      if (type !== undefined) return type;
      throw typeError(
        "ERR_INVALID_ARG",
        `struct: a pointer's function must give a struct, got ${show(struct)}`,
      );
    },
    self: () => self!,
  };
  const { fields, layout, key } = describe(definition, around, kind, options);
  const known = defined.get(key);
  if (known !== undefined) return known;
  const made = makeStruct(layout, fields, key, (koffi, name) =>
    toKoffi(koffi, name, fields, layout, kind, options),
  );
  self = codecs.get(made)!.type!;
  defined.set(key, made);
  return made;
}

/** A koffi type of this layout. Other alignments than the types' own are given per member, the struct's to the first one. */
function toKoffi<T>(
  koffi: Koffi<T>,
  name: string | null,
  fields: readonly Field[],
  { alignment }: Extent,
  kind: "struct" | "union",
  options: StructOptions = {},
): T {
  const members: KoffiMembers<T> = {};
  for (const [i, field] of fields.entries()) {
    const type = field.codec.koffi(koffi);
    const most = options.packed === true ? 1 : options.packed || Number.POSITIVE_INFINITY;
    const own = i === 0 ? alignment : Math.min(field.codec.alignment, most);
    members[field.name] = own === field.codec.alignment ? type : [own, type];
  }
  return kind === "union" ? koffi.union!(name, members) : koffi.struct(name, members);
}

/** The structs of koffi types, whose layout is koffi's. */
const ofKoffi = new WeakMap<KoffiType, AnyStruct>();
let koffiTypes = 0;

function structFromKoffi(type: KoffiType): AnyStruct {
  const known = ofKoffi.get(type);
  if (known !== undefined) return known;
  const fields = Object.entries(membersOf(type)).map(([name, member]) => ({
    name,
    offset: member.offset,
    codec: codecFromKoffi(member.type, (record) => codecs.get(structFromKoffi(record))!),
  }));
  const made = makeStruct(type, fields, `koffi#${++koffiTypes}`, () => type as never);
  ofKoffi.set(type, made);
  return made;
}

/** A koffi type, and the names that koffi knows it by. */
interface NamedType<T> {
  readonly type: T;
  readonly names: Set<string | undefined>;
}

type MakeKoffiType = <T>(koffi: Koffi<T>, name: string | null) => T;

/** Refuses koffi 2, which has functions of the same names but fails inside them. */
function checkVersion<T>(koffi: Koffi<T>): void {
  const { version } = koffi as { readonly version?: string };
  if (Number.parseInt(`${version}`, 10) < 3) {
    throw typeError("ERR_INVALID_ARG", `koffiType: koffi must be version 3, got version ${version}`);
  }
}

function makeStruct(
  { size, alignment }: Extent,
  fields: readonly Field[],
  key: string,
  toKoffi: MakeKoffiType,
): AnyStruct {
  checkFields(fields, size);
  const { Record, at } = recordClass(fields, { size, alignment });
  const koffiTypes = new WeakMap<object, NamedType<unknown>>();
  const koffiType = <T>(koffi: Koffi<T>, name?: string): T => {
    if (!koffiTypes.has(koffi)) {
      checkVersion(koffi);
      const type = toKoffi(koffi, name ?? null);
      koffiTypes.set(koffi, {
        type,
        names: new Set([(type as { name?: string }).name]),
      });
    }
    const { type, names } = koffiTypes.get(koffi) as NamedType<T>;
    if (name !== undefined && !names.has(name)) koffi.alias(name, type);
    if (name !== undefined) names.add(name);
    return type;
  };
  const isOpen = fields.at(-1)!.codec.flexible !== undefined;
  const place = locatedCodec({ size, alignment }, Record, key, (koffi) => koffiType(koffi));
  const covers = (mask: Uint8Array, at: number) => coverFields(fields, mask, at);
  const codec: Codec = { ...place, covers, ...(isOpen ? { flexible: 0 } : {}) };
  const Records = recordArrayClass(Record, { size, alignment });
  class OwnedRecords extends Records {
    #owns = true;

    [Symbol.dispose](): void {
      if (!this.#owns) return;
      this.#owns = false;
      free(this.pointer);
    }
  }
  const made: AnyStruct = {
    size,
    alignment,
    offsets: Object.freeze(Object.fromEntries(fields.map(({ name, offset }) => [name, offset]))),
    at,
    alloc(values?: object): Located {
      const record = Record.from(calloc(1, size + (values === undefined ? 0 : bytesBehind(fields, values))));
      if (values !== undefined) fillIn(record, values);
      return record;
    },
    copyFrom(address: number | bigint): Located {
      return Record.from(copyOf(address, size));
    },
    free(record: Located | PointerLike): void {
      if (typeof record !== "object" || record === null) {
        free(record);
        return;
      }
      free(record.pointer);
      (record as { pointer: Pointer }).pointer = NULL;
    },
    assign(pointer: PointerLike, values?: object): void {
      if (values instanceof Record) {
        copy(pointer, values.pointer, size);
        return;
      }
      if (isOpen && values !== undefined) checkNothingBehind(fields.at(-1)!, values);
      fill(pointer, 0, size);
      if (values !== undefined) (Record.from(pointer) as Located & Assignable)[assign](values);
    },
    clearPadding: padding(fields, size),
    array(length: number, pointer?: PointerLike): RecordArray<Located> {
      checkSize("array", "length", length);
      if (isOpen)
        throw typeError("ERR_INVALID_ARG", "array: records that end with an array do not lie in a row");
      if (pointer === undefined)
        return OwnedRecords.from(calloc(length, size), length) as RecordArray<Located>;
      farOf("array", pointer, 0, length * size);
      return Records.from(pointer, length) as RecordArray<Located>;
    },
    koffiType,
  };
  codecs.set(made, codec);
  return Object.freeze(made);
}

/** Bytes to allocate after the struct, for an array at its end whose length is in the values. */
function bytesBehind(fields: readonly Field[], values: object): number {
  const flexible = fields.at(-1)!.codec;
  if (flexible.flexible === undefined || flexible.counter === undefined) return 0;
  const count = Number((values as { [name: string]: unknown })[flexible.counter] ?? 0);
  checkSize("alloc", flexible.counter, count);
  return count * flexible.flexible;
}

/** Refuses values for an array at the end: of an existing record it is not known how many elements have room. */
function checkNothingBehind({ name }: Field, values: object): void {
  if ((values as { [name: string]: unknown } | null)?.[name] === undefined) return;
  throw typeError("ERR_INVALID_ARG", `assign: ${name}, at the end, has no room here; set its elements`);
}

/** Writes a new record's values, and frees the record if they are refused. */
function fillIn(record: Located, values: object): void {
  try {
    (record as Located & Assignable)[assign](values);
  } catch (error) {
    free(record.pointer);
    throw error;
  }
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
  // A name such as "0" would also change the order of the fields: JavaScript lists such keys first.
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
