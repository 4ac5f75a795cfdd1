/**
 * Random struct definitions: what fast-check draws, as a definition of this library's and as a koffi type.
 *
 * Owns a small description of a struct that both are made from, so that the koffi side is built by the test and not by
 * the code under test.
 */
import fc from "fast-check";
import koffi, { type TypeObject } from "koffi";
import {
  type Definition,
  type FieldType,
  type Located,
  type ScalarName,
  type Struct,
  struct,
} from "../../src/index.js";

/** A field: a scalar, a text, an array of a field, a struct. */
export type Shape =
  | { readonly kind: "scalar"; readonly name: ScalarName }
  | { readonly kind: "chars"; readonly length: number }
  | { readonly kind: "array"; readonly element: Shape; readonly length: number }
  | { readonly kind: "struct"; readonly fields: readonly Shape[] };
export type StructShape = Extract<Shape, { kind: "struct" }>;

const koffiNames: Record<ScalarName, string> = {
  u8: "uint8_t",
  i8: "int8_t",
  u16: "uint16_t",
  i16: "int16_t",
  u32: "uint32_t",
  i32: "int32_t",
  u64: "uint64_t",
  i64: "int64_t",
  f32: "float",
  f64: "double",
  bool: "bool",
  pointer: "void *",
  function: "void *",
};
const DEPTH = 3;

const scalar: fc.Arbitrary<Shape> = fc
  .constantFrom(...(Object.keys(koffiNames) as ScalarName[]))
  .map((name) => ({ kind: "scalar", name }));
const chars: fc.Arbitrary<Shape> = fc
  .integer({ min: 2, max: 20 })
  .map((length) => ({ kind: "chars", length }));

function field(depth: number): fc.Arbitrary<Shape> {
  if (depth === 0) return fc.oneof({ weight: 5, arbitrary: scalar }, { weight: 1, arbitrary: chars });
  const array = fc
    .tuple(field(depth - 1), fc.integer({ min: 1, max: 5 }))
    .map(([element, length]): Shape => ({ kind: "array", element, length }));
  return fc.oneof(
    { weight: 6, arbitrary: scalar },
    { weight: 1, arbitrary: chars },
    { weight: 2, arbitrary: array },
    { weight: 2, arbitrary: structOf(depth - 1) },
  );
}

function structOf(depth: number): fc.Arbitrary<StructShape> {
  return fc.array(field(depth), { minLength: 1, maxLength: 8 }).map((fields) => ({ kind: "struct", fields }));
}

/** Structs up to three levels deep. */
export const anyStruct: fc.Arbitrary<StructShape> = structOf(DEPTH);

export const fieldName = (index: number) => `f${index}`;

export function toStruct(shape: StructShape): Struct<Located> {
  const fields = shape.fields.map((part, i) => [fieldName(i), toField(part)] as const);
  return struct(Object.fromEntries(fields) as Definition);
}

function toField(shape: Shape): FieldType {
  switch (shape.kind) {
    case "scalar":
      return shape.name;
    case "chars":
      return ["char", shape.length];
    case "array":
      return [toField(shape.element), shape.length];
    case "struct":
      return toStruct(shape);
  }
}

/** The same through koffi alone. */
export function toKoffi(shape: Shape): TypeObject {
  switch (shape.kind) {
    case "scalar":
      return koffi.type(koffiNames[shape.name]);
    case "chars":
      return koffi.array("char", shape.length);
    case "array":
      return koffi.array(
        toKoffi(shape.element),
        shape.length,
        shape.element.kind === "scalar" ? null : "Array",
      );
    case "struct":
      return koffi.struct(Object.fromEntries(shape.fields.map((part, i) => [fieldName(i), toKoffi(part)])));
  }
}
