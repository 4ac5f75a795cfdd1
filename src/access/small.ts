/**
 * Parts of an access besides loads and stores of scalars, so small that V8 always inlines them.
 *
 * V8 inlines the most frequent calls until a function contains 920 bytes of inlined bytecode (V8 rule 1), but a function of
 * at most 27 bytes that contains no inlined code is inlined in any case. If an access is a call instead, V8 allocates the
 * record, and an object for each double passed in or out. So no function here may grow: test/inlining.test.ts checks.
 *
 * The constants are parameters: V8 folds those as it folds a module's constants, and a load takes two bytes of bytecode
 * instead of four to six. The order of operands matters too: a left operand takes a register of its own unless it is a
 * parameter.
 */
import { rangeError, show, typeError } from "../errors.js";
import { BYTES, near } from "./place.js";

const { i32, u32 } = near;
/** The near part from its second word on: `high[i]` is the upper word of the address whose lower word is i. */
export const high = new Int32Array(i32.buffer, Math.min(4, i32.byteLength), Math.max(0, i32.length - 1));

function wideAt(word: number): number {
  return u32[word]! + (high[word]! >>> 0) * 2 ** 32;
}

function wideHigh(value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return Math.floor(value / 2 ** 32);
  const error = typeof value === "number" ? rangeError : typeError;
  throw error(
    "ERR_INVALID_ARG",
    `write.pointer: an address is a whole number from 0 to 2^53 - 1, got ${show(value)}; a bigint is made one by Number()`,
  );
}

const make = (
  i32: Int32Array,
  u32: Uint32Array,
  high: Int32Array,
  bytes: number,
  far: typeof wideHigh,
  wide: typeof wideAt,
) => ({
  /** The address in two words of the near part. Below 4 GiB it needs no arithmetic, and stays an integer. */
  addressAt(word: number): number {
    if (high[word]) return wide(word);
    return u32[word]!;
  },
  /** The upper word of an address; throws for any other value. */
  highOf(value: number): number {
    if (typeof value === "number" && value === (value & bytes)) return 0;
    return far(value);
  },
  /** Writes both words of an address. */
  setAddress(word: number, upper: number, value: number): void {
    high[word] = upper;
    i32[word] = value;
  },
  isIndex(index: number, length: number): boolean {
    return typeof index === "number" && index === index >>> 0 && index < length;
  },
});

export const small = make(i32, u32, high, BYTES, wideHigh, wideAt);
