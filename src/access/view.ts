/// <reference types="node" preserve="true" />
/**
 * Views over memory. A view is not a copy, and does not keep its block alive.
 *
 * After free() a view shows whatever the memory is used for next; a large block is unmapped, and touching a view of it ends
 * the process. Bounds of blocks are not checked. A view's `buffer` is all of the heap's memory, and its `byteOffset` says
 * where the view begins: send a `slice()` by message, or the pointer. Do not pass a view to code that detaches its buffer:
 * `reader.read(view)` of a byte stream, or its controller's `enqueue(view)`. On Node 20 that fails; on Node 22 and later it
 * empties all existing views of the thread, and what is written to them is lost. Read the stream into an ordinary array and
 * `set()` that. Making a view costs 30 to 50 ns, a thread's first one also a garbage collection on Node 22 and later; one of
 * the same place and length as a recent one may be the same object, and costs 5 ns. For single values use read and write.
 * Any thread.
 */
import { checkSize, unusable } from "../api/attached.js";
import { heap, usableAt } from "../api/malloc.js";
import { hex, rangeError, show, typeError } from "../errors.js";
import type { PointerLike } from "../memory/memory.js";
import { canPin, pin, refuseTransfer } from "./pinned.js";
import { farOf, near } from "./place.js";
import { type ArrayRange, Reused, type TypedArrayClass } from "./reused.js";
import { mapped } from "./there.js";

export type { TypedArrayClass };

/** A Uint8Array; from TypeScript 5.7 on, one over an ArrayBuffer. */
type Bytes = ReturnType<Uint8Array["slice"]>;

/**
 * The buffer that views are made over. A view gives access to it, and code may detach it, for example by reading a stream
 * into the view: all views over it are empty then. So it is the heap's own buffer only where that was pinned (pinned.ts);
 * else it is a separate one over the same memory, made again if it was detached.
 *
 * It is made at the first use, since V8 does a full garbage collection when it learns of so long a buffer. But in a worker
 * it is made while the library loads: koffi 3.3.4 ends the process if Node refuses it a buffer, as Node does in a worker
 * that is being terminated, so the first view must not need one.
 */
const { os } = heap.wilderness;
let lent = new ArrayBuffer(0);
if (unusable === null && !os.mayMoveBreak && !canPin(os.viewLimit)) lentBuffer();

function lentBuffer(): ArrayBuffer {
  if (lent.byteLength === 0) lent = lend();
  return lent;
}

/** Arrays of more bytes than this are not reused: to check that all their pages are mapped takes longer. */
const PAGE = 4096;
const { start } = near;
/** The reused views of each class, and the class that was used last. */
const made = new Map<unknown, Reused<ArrayRange>>();
let last = reusedOf(Uint8Array);
const bytes = last as Reused<Bytes>;

function reusedOf<T extends ArrayRange>(type: TypedArrayClass<T>): Reused<T> {
  const known = made.get(type) as Reused<T> | undefined;
  if (known !== undefined) return known;
  checkClass(type);
  const fresh = new Reused(type);
  made.set(type, fresh as never);
  return fresh;
}

/** A reused view of that place and length if its memory is mapped; else null. A detached one has length 0. */
function madeBefore<T extends ArrayRange>(
  reused: Reused<T>,
  pointer: number | bigint,
  length: number,
): T | null {
  if (typeof pointer !== "number") return null;
  const at = pointer - start;
  if (at !== (at & reused.mask) || !mapped[at >>> 12]) return null;
  const known = reused.find(at);
  if (known.byteOffset !== at || known.length !== length) return null;
  return mapped[(at + length * reused.elementBytes - 1) >>> 12] ? known : null;
}

function makeView<T extends ArrayRange>(reused: Reused<T>, place: number, length: number): T {
  const array = new reused.type(lentBuffer(), place, length);
  if (length > 0 && length * reused.elementBytes <= PAGE) reused.keep(place, array);
  return array;
}

function lend(): ArrayBuffer {
  const { base, buffer, span } = heap.window;
  return canPin(os.viewLimit) && pin(buffer) ? buffer : refuseTransfer(os.view(base, span));
}

/**
 * The bytes at `pointer`: a Uint8Array over the memory itself, not a copy. Any thread.
 *
 * @param byteLength bytes; usableSize(pointer) by default
 * @throws HeapError ERR_INVALID_POINTER when the bytes are not inside the heap's memory, or no length is given and no
 *   live block starts at `pointer`; ERR_INVALID_ARG for an invalid length
 * @example
 * ```ts
 * import { free, malloc, read, view } from "heapwright";
 *
 * const block = malloc(16);
 * view(block).set([1, 2, 3]);
 * console.log(read.u8(block, 2)); // 3
 * free(block);
 * ```
 */
export function view(pointer: PointerLike, byteLength: number = usableAt("view", pointer)): Bytes {
  const known = madeBefore(bytes, pointer, byteLength);
  if (known !== null) return known;
  checkSize("view", "byteLength", byteLength);
  return makeView(bytes, farOf("view", pointer, 0, byteLength), byteLength);
}

/**
 * The bytes at `pointer` as a Buffer over the memory itself, for sockets, files and hashes. Any thread.
 *
 * An asynchronous operation, such as a write to a file, uses the memory until its callback: free it after that.
 *
 * @param byteLength bytes; usableSize(pointer) by default
 * @throws HeapError like view
 * @example
 * ```ts
 * import { buffer, free, malloc } from "heapwright";
 *
 * const block = malloc(16);
 * buffer(block, 5).write("hello");
 * console.log(buffer(block, 5).toString("hex")); // 68656c6c6f
 * free(block);
 * ```
 */
export function buffer(
  pointer: PointerLike,
  byteLength: number = usableAt("buffer", pointer),
): ReturnType<typeof Buffer.alloc> {
  checkSize("buffer", "byteLength", byteLength);
  const place = farOf("buffer", pointer, 0, byteLength);
  return Buffer.from(lentBuffer(), place, byteLength);
}

/**
 * The memory at `pointer` as numbers of one type: a typed array over the memory itself, not a copy. Any thread.
 *
 * @param type any typed array class, such as Float64Array
 * @param pointer a multiple of the element's size, as typed arrays demand; what malloc returns is one
 * @param length elements, not bytes
 * @throws HeapError ERR_INVALID_POINTER when the elements are not inside the heap's memory, or the pointer is not
 *   aligned; ERR_INVALID_ARG for an invalid length, or a class that is no typed array
 * @example
 * ```ts
 * import { free, malloc, read, typed } from "heapwright";
 *
 * const block = malloc(3 * 8);
 * const numbers = typed(Float64Array, block, 3);
 * numbers.set([1.5, 2.5, 3.5]);
 * console.log(read.f64(block, 8)); // 2.5
 * free(block);
 * ```
 */
export function typed<T>(type: TypedArrayClass<T>, pointer: PointerLike, length: number): T {
  if (type !== last.type) last = reusedOf(type as never);
  const known = madeBefore(last, pointer, length);
  if (known !== null) return known as T;
  checkSize("typed", "length", length);
  const { elementBytes } = last;
  const place = farOf("typed", pointer, 0, length * elementBytes);
  // The window starts at a page: a place is aligned if its address is.
  if (place % elementBytes !== 0) {
    throw rangeError(
      "ERR_INVALID_POINTER",
      `typed: ${type.name} needs an address that is a multiple of ${elementBytes}, got ${hex(Number(pointer))}; ` +
        "read and write take any address",
    );
  }
  return makeView(last, place, length) as T;
}

function checkClass(type: unknown): asserts type is { readonly name: string } {
  if (typeof type === "function" && type !== Buffer && isTypedArrayClass(type as never)) return;
  const hint = type === Buffer ? "Buffer: call buffer() instead" : show(type);
  throw typeError(
    "ERR_INVALID_ARG",
    `typed: the first argument must be a typed array class such as Float64Array, got ${hint}`,
  );
}

/** Tests what the class makes, not its parent class: under Jest and in a vm context that is another realm's. */
function isTypedArrayClass(type: TypedArrayClass<unknown>): boolean {
  if (typeof type.BYTES_PER_ELEMENT !== "number") return false;
  try {
    return ArrayBuffer.isView(Reflect.construct(type as never, [0]));
  } catch {
    return false;
  }
}
