/**
 * What all containers share: a first word that says which kind of container a block is, and errors.
 */
import { HeapError, hex, rangeError, show, typeError } from "../errors.js";
import { type Pointer, read, usableSize, write } from "../index.js";

/** The first word of each kind of container: four letters. */
export const Kind = { vector: 0x76656374, queue: 0x71756575, map: 0x6d617020, strings: 0x73747273 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

const NAMES = new Map<number, string>([
  [Kind.vector, "Vector"],
  [Kind.queue, "Queue"],
  [Kind.map, "HashMap"],
  [Kind.strings, "StringTable"],
]);

/** Throws unless a container of this kind starts at the address. */
export function checkKind(operation: string, pointer: Pointer, kind: Kind): void {
  const found = usableSize(pointer) >= 4 ? read.u32(pointer) : 0; // throws unless a live block starts there
  if (found === kind) return;
  const name = NAMES.get(kind);
  throw rangeError(
    "ERR_INVALID_POINTER",
    `${operation}: at ${hex(pointer)} is ${NAMES.has(found) ? `a ${NAMES.get(found)}` : "something else"}; give the ` +
      `\`pointer\` of a ${name} that was not freed`,
  );
}

/**
 * Throws if the container was freed: by this very object, or elsewhere, which shows until the memory is allocated again.
 *
 * @param isFreed whether this object freed it
 */
export function checkOpen(pointer: Pointer, kind: Kind, isFreed: boolean): void {
  if (isFreed || read.u32(pointer) !== kind) throw freed(kind);
}

/** The error for a use after free(). */
export function freed(kind: Kind): HeapError {
  return new HeapError("ERR_DISPOSED", `this ${NAMES.get(kind)} was freed; make a new one`);
}

/** The error for a second free() of the same object, whatever lies there now. */
export function freedTwice(kind: Kind): HeapError {
  return rangeError("ERR_DOUBLE_FREE", `free: this ${NAMES.get(kind)} was freed already`);
}

/** Clears the kind before the block is freed, so that later uses are refused; throws if it was freed already. */
export function retireKind(pointer: Pointer, kind: Kind): void {
  checkKind("free", pointer, kind);
  write.u32(pointer, 0);
}

export function invalidState(what: string): HeapError {
  return new HeapError("ERR_INVALID_STATE", what);
}

export function wrongType(operation: string, expected: string, value: unknown): HeapError {
  return typeError("ERR_INVALID_ARG", `${operation} takes ${expected}, got ${show(value)}`);
}

export function wrongRange(operation: string, expected: string, value: unknown): HeapError {
  return rangeError("ERR_INVALID_ARG", `${operation} takes ${expected}, got ${show(value)}`);
}

export function checkNumber(operation: string, name: string, value: unknown): void {
  if (typeof value === "number") return;
  throw typeError("ERR_INVALID_ARG", `${operation}: ${name} must be a number, got ${show(value)}`);
}

export function wrongElement(operation: string, pointer: Pointer): HeapError {
  return rangeError(
    "ERR_INVALID_ARG",
    `${operation}: what is at ${hex(pointer)} was made for another type; give the one that it was made for`,
  );
}
