/**
 * Copies between the heap's memory and other memory of the process, such as C's, where it is not known what is mapped.
 *
 * The kernel copies (os-copy.ts): it returns an error where a load or store would end the process. So an unmapped address
 * is an error; a wrong address that is mapped goes unnoticed, as in C. Any thread.
 */
import { checkSize, unusable } from "../api/attached.js";
import { free, heap, malloc } from "../api/malloc.js";
import { HeapError, hex, rangeError, show, typeError } from "../errors.js";
import type { Pointer, PointerLike } from "../memory/memory.js";
import { farOf } from "./place.js";

const { base } = heap.window;

/**
 * Copies `byteLength` bytes of C's memory into the heap's: memcpy from an address that a C function returned. Any thread.
 *
 * @param target in the heap's memory
 * @param address of the first byte: a number, or a bigint as koffi returns a `void *`
 * @throws HeapError ERR_INVALID_POINTER when the target is not inside the heap's memory, or the bytes at `address` cannot all
 *   be read; those before the first unreadable one were copied. ERR_INVALID_ARG for an invalid length;
 *   ERR_UNSUPPORTED_PLATFORM where the kernel forbids process_vm_readv and memfd_create
 * @example
 * ```ts
 * import koffi from "koffi";
 * import { copyFrom, free, malloc, readCString } from "heapwright";
 *
 * const strerror = koffi.load(null).func("void *strerror(int error)");
 * const text = malloc(64);
 * copyFrom(text, strerror(2), 10);
 * console.log(readCString(text, 10)); // No such fi
 * free(text);
 * ```
 */
export function copyFrom(target: PointerLike, address: number | bigint, byteLength: number): void {
  checkSize("copyFrom", "byteLength", byteLength);
  const to = base + farOf("copyFrom", target, 0, byteLength);
  copyUnchecked("copyFrom", to, addressIn("copyFrom", address, byteLength), byteLength, address);
}

/**
 * Copies `byteLength` bytes of the heap's memory into C's. Any thread.
 *
 * @param address of the first byte that is written: a number, or a bigint as koffi returns a `void *`
 * @param source in the heap's memory
 * @throws HeapError like copyFrom, for bytes that cannot all be written; those before the first one were written
 * @example
 * ```ts
 * import koffi from "koffi";
 * import { copyTo, cstring, free } from "heapwright";
 *
 * const libc = koffi.load(null);
 * const [calloc, strlen] = [libc.func("void *calloc(size_t, size_t)"), libc.func("size_t strlen(void *text)")];
 * const theirs = calloc(1, 16); // freed by C's free
 * const ours = cstring("for C");
 * copyTo(theirs, ours, 6);
 * console.log(strlen(theirs)); // 5
 * free(ours);
 * ```
 */
export function copyTo(address: number | bigint, source: PointerLike, byteLength: number): void {
  checkSize("copyTo", "byteLength", byteLength);
  const from = base + farOf("copyTo", source, 0, byteLength);
  copyUnchecked("copyTo", addressIn("copyTo", address, byteLength), from, byteLength, address);
}

/** A new block with a copy of `bytes` bytes at an address of C's; freed again if they cannot be read. */
export function copyOf(address: number | bigint, bytes: number): Pointer {
  const pointer = malloc(bytes);
  try {
    copyFrom(pointer, address, bytes);
  } catch (error) {
    free(pointer);
    throw error;
  }
  return pointer;
}

function addressIn(operation: string, address: unknown, bytes: number): number {
  if (unusable !== null) throw unusable;
  if (typeof address !== "number" && typeof address !== "bigint") {
    throw typeError(
      "ERR_INVALID_POINTER",
      `${operation}: an address is a number or a bigint, got ${show(address)}`,
    );
  }
  const value = Number(address);
  if (Number.isSafeInteger(value) && value >= 0 && Number.isSafeInteger(value + bytes)) return value;
  throw rangeError("ERR_INVALID_POINTER", `${operation}: ${show(address)} is not an address`);
}

function copyUnchecked(
  operation: string,
  target: number,
  source: number,
  bytes: number,
  theirs: number | bigint,
): void {
  if (bytes === 0) return;
  const { readable, copied } = heap.wilderness.os.copyUnchecked(target, source, bytes);
  if (copied === bytes) return;
  if (Number.isNaN(copied)) throw noFile(operation);
  const [what, from, most] = copied < readable ? ["written to", target, copied] : ["read", source, readable];
  const which = from === Number(theirs) ? "C's memory" : "the heap's memory";
  throw rangeError(
    "ERR_INVALID_POINTER",
    `${operation}: of ${bytes} bytes of ${which} at ${hex(from)} only ${most} can be ${what}; nothing is mapped beyond, or it ` +
      "is forbidden. Look at who freed it, and at its length",
  );
}

function noFile(operation: string): HeapError {
  return new HeapError(
    "ERR_UNSUPPORTED_PLATFORM",
    `${operation}: the kernel forbids process_vm_readv and memfd_create, by which a wrong address is told; take koffi.decode and ` +
      "koffi.encode instead",
  );
}
