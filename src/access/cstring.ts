/**
 * C strings: UTF-8 bytes that end with a NUL.
 *
 * Owns the conversion both ways, for blocks and for `char name[n]` inside a struct. A lone surrogate becomes U+FFFD, and so
 * does each malformed byte sequence, as everywhere in Node. A NUL inside a string is refused: for C the string would end
 * there.
 */
import { checkSize } from "../api/attached.js";
import { heap, malloc, usableAt } from "../api/malloc.js";
import { rangeError, show, typeError } from "../errors.js";
import type { Pointer, PointerLike } from "../memory/memory.js";
import { farOf, near } from "./place.js";
import { reach } from "./there.js";

const { buffer, bytes } = heap.window;
const { u8 } = near;
const encoder = new TextEncoder();
/** Up to this many characters a loop is faster than a call into Node. */
const SHORT = 48;

/**
 * Copies a string into a new block, as UTF-8 with a NUL at the end. Free it with free().
 *
 * @throws HeapError ERR_INVALID_ARG unless `text` is a string without NUL; ERR_OUT_OF_MEMORY like malloc
 * @example
 * ```ts
 * import { cstring, free, readCString, usableSize } from "heapwright";
 *
 * const name = cstring("naïve");
 * console.log(readCString(name), usableSize(name) >= 7); // naïve true
 * free(name);
 * ```
 */
export function cstring(text: string): Pointer {
  if (isShort(text)) return shortString(text);
  checkText("cstring", text);
  const byteLength = Buffer.byteLength(text);
  const pointer = malloc(byteLength + 1);
  encode(text, farOf("cstring", pointer, 0, byteLength + 1), byteLength);
  return pointer;
}

/** Whether the string is short and all ASCII without NUL: one byte per character. */
function isShort(text: string): boolean {
  if (typeof text !== "string" || text.length > SHORT) return false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0 || code > 127) return false;
  }
  return true;
}

function shortString(text: string): Pointer {
  const { length } = text;
  const pointer = malloc(length + 1);
  putShort(text, farOf("cstring", pointer, 0, length + 1), length + 1);
  return pointer;
}

/** Writes a string of one byte per character, and NULs up to `byteLength`. */
function putShort(text: string, place: number, byteLength: number): void {
  const { length } = text;
  const target = place + byteLength <= u8.length ? u8 : bytes;
  for (let i = 0; i < length; i++) target[place + i] = text.charCodeAt(i);
  for (let i = length; i < byteLength; i++) target[place + i] = 0;
}

/**
 * The string at `pointer`, up to its NUL, or up to `maxBytes` bytes if there is no NUL before. Any thread.
 *
 * `maxBytes` must be given for a pointer into the middle of a block. A pointer to memory that is not the heap's, such as
 * getenv()'s result, is refused: koffi.decode(pointer, "char *") reads that.
 *
 * @param maxBytes bytes in which to look for the NUL; usableSize(pointer) by default
 * @throws HeapError ERR_INVALID_POINTER when `pointer` is not inside the heap's memory, or `maxBytes` is not given and no
 *   live block starts there; ERR_INVALID_ARG for an invalid `maxBytes`
 * @example
 * ```ts
 * import { cstring, free, readCString } from "heapwright";
 *
 * const path = cstring("/usr/lib");
 * console.log(readCString(path), readCString(path, 4)); // /usr/lib /usr
 * free(path);
 * ```
 */
export function readCString(
  pointer: PointerLike,
  maxBytes: number = usableAt("readCString", pointer),
): string {
  checkSize("readCString", "maxBytes", maxBytes);
  const place = farOf("readCString", pointer, 0, Math.min(maxBytes, 1));
  const reached = reach(place, maxBytes);
  return decode(place, reached, () => farOf("readCString", pointer, 0, Math.min(maxBytes, reached + 1)));
}

/** The string in a `char[byteLength]` at `pointer + byteOffset`; one that fills the array has no NUL. */
export function readChars(pointer: Pointer, byteOffset: number, byteLength: number): string {
  return decode(farOf("a char array", pointer, byteOffset, byteLength), byteLength);
}

/** Writes a string and its NUL into a `char[byteLength]`, and clears the rest as strncpy does. */
export function writeChars(pointer: Pointer, text: string, byteOffset: number, byteLength: number): void {
  const short = isShort(text);
  if (!short) checkText("a char array", text);
  const place = farOf("a char array", pointer, byteOffset, byteLength);
  if (short && text.length < byteLength && byteLength <= SHORT) {
    putShort(text, place, byteLength);
    return;
  }
  const needed = Buffer.byteLength(text);
  if (needed >= byteLength) {
    throw rangeError(
      "ERR_INVALID_ARG",
      `${show(text)} takes ${needed} bytes and a NUL, and does not fit into char[${byteLength}]`,
    );
  }
  encode(text, place, needed);
  bytes.fill(0, place + needed + 1, place + byteLength);
}

function encode(text: string, place: number, byteLength: number): void {
  const part = new Uint8Array(buffer, place, byteLength + 1);
  encoder.encodeInto(text, part);
  part[byteLength] = 0;
}

/** The string up to the NUL, or all bytes if there is none; then `unended` is called first, and may throw. */
function decode(place: number, maxBytes: number, unended = () => {}): string {
  const short = decodeShort(place, maxBytes);
  if (short !== null) return short;
  const part = Buffer.from(buffer, place, maxBytes);
  const end = part.indexOf(0);
  if (end < 0) unended();
  return part.toString("utf8", 0, end < 0 ? maxBytes : end);
}

/** A Buffer over the near part: making one per string would take longer than reading the string. */
const whole = Buffer.from(buffer, 0, u8.length);

/** A short ASCII string; null for any other. */
function decodeShort(place: number, maxBytes: number): string | null {
  const limit = Math.min(place + Math.min(maxBytes, SHORT), u8.length);
  for (let i = place; i < limit; i++) {
    const code = u8[i]!;
    if (code === 0) return whole.toString("latin1", place, i);
    if (code > 127) return null;
  }
  return null;
}

function checkText(what: string, text: string): void {
  if (typeof text !== "string") {
    throw typeError("ERR_INVALID_ARG", `${what} takes a string, got ${show(text)}`);
  }
  if (text.includes("\0")) {
    throw rangeError(
      "ERR_INVALID_ARG",
      `${what} takes a text without NUL, which would end there for C, got ${show(text)}`,
    );
  }
}
