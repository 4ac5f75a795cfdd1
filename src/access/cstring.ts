/**
 * C strings: UTF-8 bytes that end with a NUL.
 *
 * Owns the conversion both ways, for blocks of their own and for `char name[n]` inside a struct. A lone surrogate
 * becomes U+FFFD, and so does each malformed byte sequence, as everywhere in Node. A NUL inside a text is refused: C
 * would see the text end there.
 */
import { checkSize } from "../attached.js";
import type { Pointer } from "../core/memory.js";
import { rangeError, show, typeError } from "../errors.js";
import { heap, malloc, usableAt } from "../malloc.js";
import { farOf } from "./place.js";

const { buffer, bytes, span } = heap.window;
const encoder = new TextEncoder();

/**
 * Copies a text into a new block, as UTF-8 and with the NUL that C looks for. Free it with free().
 *
 * @throws HeapError ERR_INVALID_ARG for what is no string or has a NUL inside; ERR_OUT_OF_MEMORY like malloc
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
  checkText("cstring", text);
  const byteLength = Buffer.byteLength(text);
  const pointer = malloc(byteLength + 1);
  encode(text, farOf("cstring", pointer, 0, byteLength + 1), byteLength);
  return pointer;
}

/**
 * The text at `pointer`, up to its NUL, or `maxBytes` bytes where there is none before.
 *
 * For a pointer into the middle of a block, `maxBytes` must be given. A pointer to memory that is not the heap's
 * (what getenv() returned, say) is refused: koffi.decode(pointer, "char *") reads that.
 *
 * @param maxBytes how far to look for the NUL at most; usableSize(pointer) by default
 * @throws HeapError ERR_INVALID_POINTER when `pointer` is not inside the heap's memory, or `maxBytes` is not given and no
 *   live block starts there; ERR_INVALID_ARG for a `maxBytes` that is none
 * @example
 * ```ts
 * import { cstring, free, readCString } from "heapwright";
 *
 * const path = cstring("/usr/lib");
 * console.log(readCString(path), readCString(path, 4)); // /usr/lib /usr
 * free(path);
 * ```
 */
export function readCString(pointer: Pointer, maxBytes: number = usableAt("readCString", pointer)): string {
  checkSize("readCString", "maxBytes", maxBytes);
  const place = farOf("readCString", pointer, 0, 0);
  return decode(place, Math.min(maxBytes, span - place));
}

/** The text in a `char[byteLength]` at `pointer + byteOffset`; it may fill the array and then has no NUL. */
export function readChars(pointer: Pointer, byteOffset: number, byteLength: number): string {
  return decode(farOf("a char array", pointer, byteOffset, byteLength), byteLength);
}

/** Writes a text and its NUL into a `char[byteLength]`, and clears the rest as strncpy does. */
export function writeChars(pointer: Pointer, text: string, byteOffset: number, byteLength: number): void {
  checkText("a char array", text);
  const place = farOf("a char array", pointer, byteOffset, byteLength);
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

function decode(place: number, maxBytes: number): string {
  const part = Buffer.from(buffer, place, maxBytes);
  const end = part.indexOf(0);
  return part.toString("utf8", 0, end < 0 ? maxBytes : end);
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
