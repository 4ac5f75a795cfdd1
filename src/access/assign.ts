/**
 * Assignment of several fields or elements at once: `Point.alloc({ x: 1 })`.
 *
 * Owns the method by which records and arrays take values, and what is refused before anything is written. Must not know
 * how fields and elements are written.
 */
import { show, typeError } from "../errors.js";
import type { Pointer } from "../memory/memory.js";
import type { Field } from "./codec.js";
import { held } from "./held.js";

/** The method of records and arrays that writes values into their fields or elements, and leaves the others. */
export const assign = Symbol("assign");

/** A record or an array. */
export interface Assignable {
  [assign](values: unknown): void;
}

/** An object's values by field name, without undefined ones; throws ERR_INVALID_ARG for a name that is no field. */
export function valuesByName(
  values: unknown,
  fields: ReadonlyMap<string, unknown>,
): Array<[string, unknown]> {
  const wanted = `values go by the fields' names (${[...fields.keys()].join(", ")})`;
  if (typeof values !== "object" || values === null || Symbol.iterator in values) {
    throw typeError("ERR_INVALID_ARG", `${wanted}, got ${show(values)}`);
  }
  if (held in values) {
    throw typeError("ERR_INVALID_ARG", `${wanted}, got a record; copy() copies one, from pointer to pointer`);
  }
  const unknown = Object.keys(values).find((name) => !fields.has(name));
  if (unknown !== undefined) throw typeError("ERR_INVALID_ARG", `${wanted}, got one for ${show(unknown)}`);
  return Object.entries(values).filter(([, value]) => value !== undefined);
}

/** The values of an array's elements in order, from anything iterable; else throws ERR_INVALID_ARG. */
export function valuesInOrder(values: unknown): Iterable<unknown> {
  if (typeof values === "object" && values !== null && Symbol.iterator in values) {
    return values as Iterable<unknown>;
  }
  throw typeError("ERR_INVALID_ARG", `an array's values are given as an array, got ${show(values)}`);
}

/** Writes a field's value; of a field that is a record or an array, the values inside it. */
export function put(
  pointer: Pointer,
  { offset, codec }: Pick<Field, "offset" | "codec">,
  value: unknown,
): void {
  if (codec.set !== null) codec.set(pointer, value as never, offset);
  else (codec.get(pointer, offset) as Assignable)[assign](value);
}
