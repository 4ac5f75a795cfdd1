/**
 * What a record or an array holds of its address: a number from which an access needs few instructions.
 *
 *   0 to 2^31 - 1   a near place, aligned as the struct demands: the byte offset in the window
 *   -2^31           NULL
 *   2^96 and more   any other address, as (address + 1) * 2^96
 *
 * So an access adds the field's offset, below 2^31, and looks the page up in the table of mapped pages: `mapped[at >>> 12]`.
 * NULL leads behind the end of the table, and 2^96 and more to its entry 0, which is 0. No further test is needed, and
 * generated accessors are small enough that V8 inlines many of them (V8 rule 1).
 */
import { rangeError, show, typeError } from "../errors.js";
import { NULL, type Pointer, type PointerLike } from "../memory/memory.js";
import { near } from "./place.js";

/** The property of records and arrays. A symbol: fields may have any name. */
export const held = Symbol("held");
/** The property of arrays: the number of elements that are near, which is all or none. */
export const nearby = Symbol("nearby");

/** Fields at this offset or a higher one are not read inline. */
export const FAR_OFFSET = 2 ** 31;
const HELD_NULL = -FAR_OFFSET;
const HELD_FAR = 2 ** 96;
const { start } = near;

/** What is held of an address. `mask` says which offsets in the window are near and aligned (place.ts). */
export function hold(pointer: PointerLike, mask: number): number {
  const address = typeof pointer === "bigint" ? Number(pointer) : pointer;
  if (address === NULL) return HELD_NULL;
  if (typeof address !== "number" || !Number.isSafeInteger(address) || address < 0)
    throw notAnAddress(pointer);
  const place = address - start;
  return place === (place & mask) ? place : (address + 1) * HELD_FAR;
}

/** The address, of what is held. An element of an array may be held as a place that is no longer near. */
export function addressHeld(value: number): Pointer {
  if (value >= HELD_FAR) return (value / HELD_FAR - 1) as Pointer;
  return value < 0 ? NULL : ((start + value) as Pointer);
}

function notAnAddress(pointer: unknown): Error {
  const make = typeof pointer === "number" ? rangeError : typeError;
  return make(
    "ERR_INVALID_POINTER",
    `a record's pointer must be an address, a whole number from 0 to 2^53 - 1, got ${show(pointer)}`,
  );
}
