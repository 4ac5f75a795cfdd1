/**
 * Addresses as C stores them: 8 bytes, of which user space takes 53 bits at most.
 *
 * In the near part an address is two words. Below 2 GiB it is the lower word alone, and stays an integer: the accessors read
 * and write that themselves. What is here is for all others.
 */
import { numberOf } from "../api/attached.js";
import { rangeError, show, typeError } from "../errors.js";
import type { Pointer } from "../memory/memory.js";
import { BYTES, near } from "./place.js";

const { i32, u32 } = near;
/** The near part from its second word on: `high[i]` is the upper word of the address whose lower word is i. */
export const high = new Int32Array(i32.buffer, Math.min(4, i32.byteLength), Math.max(0, i32.length - 1));

/** The address in two words of the near part. */
export function addressAt(word: number): Pointer {
  return (u32[word]! + (high[word]! >>> 0) * 2 ** 32) as Pointer;
}

/** Writes an address into two words of the near part; throws for any other value. */
export function setAddress(word: number, value: number): void {
  const upper = highOf(value);
  high[word] = upper;
  i32[word] = value;
}

/** The upper word of an address; throws for any other value. */
export function highOf(value: number): number {
  if (typeof value === "number" && value === (value & BYTES)) return 0;
  if (Number.isSafeInteger(value) && value >= 0) return Math.floor(value / 2 ** 32);
  throw noAddress(value);
}

/** The address that a bigint is; throws for one that is none. */
export function addressOfBigint(value: bigint): Pointer {
  const address = numberOf(value);
  if (address < 0) throw noAddress(value);
  return address as Pointer;
}

function noAddress(value: unknown): Error {
  const make = typeof value === "number" || typeof value === "bigint" ? rangeError : typeError;
  return make(
    "ERR_INVALID_ARG",
    `write.pointer: an address is a whole number from 0 to 2^53 - 1, got ${show(value)}`,
  );
}
