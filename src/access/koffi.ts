/**
 * From a type object of koffi 3 to the codecs of a struct.
 *
 * Owns the mapping of koffi's primitives. Does not import koffi: its type objects describe themselves.
 */
import { HeapError, show, typeError } from "../errors.js";
import { arrayCodec } from "./classes.js";
import { type Codec, charsCodec, scalars } from "./codec.js";
import type { KoffiType } from "./koffi-types.js";
import type { ScalarName } from "./shape.js";

/** koffi's primitives as scalars. Its long, size_t and the like are one of these on each platform. */
const primitives: { readonly [primitive: string]: ScalarName } = {
  Bool: "bool",
  Int8: "i8",
  UInt8: "u8",
  Int16: "i16",
  UInt16: "u16",
  Int32: "i32",
  UInt32: "u32",
  Int64: "i64",
  UInt64: "u64",
  Float32: "f32",
  Float64: "f64",
  // All of these are an address in memory, whatever koffi converts it to in a call.
  Pointer: "pointer",
  String: "pointer",
  String16: "pointer",
  String32: "pointer",
  Callback: "pointer",
};

/** Whether this is a koffi type object and not a definition: in a definition no field is a number. */
export function isKoffiType(value: object): value is KoffiType {
  const { primitive, size } = value as Partial<KoffiType>;
  return typeof primitive === "string" && typeof size === "number";
}

/** The codec of a member; the caller makes those of records. */
export function codecFromKoffi(type: KoffiType, fromRecord: (type: KoffiType) => Codec): Codec {
  if (type.primitive === "Record" || type.primitive === "Union") return fromRecord(type);
  if (type.primitive === "Array") return arrayFromKoffi(type, fromRecord);
  const name = primitives[type.primitive];
  if (name === undefined) {
    throw new HeapError(
      "ERR_INVALID_ARG",
      `struct: a member of koffi's type ${show(type.name)} (${type.primitive}) cannot be read or written`,
    );
  }
  return scalars[name];
}

function arrayFromKoffi({ ref, length, hint }: KoffiType, fromRecord: (type: KoffiType) => Codec): Codec {
  if (hint === "String" && ref!.size === 1) return charsCodec(length!);
  return arrayCodec(codecFromKoffi(ref!, fromRecord), length!);
}

/** The members of a struct or union type: a union's all start at 0. */
export function membersOf(type: KoffiType): NonNullable<KoffiType["members"]> {
  if (type.members !== undefined) return type.members;
  throw typeError("ERR_INVALID_ARG", `struct: koffi's type ${show(type.name)} is not a struct`);
}
