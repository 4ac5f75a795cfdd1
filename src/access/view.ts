/// <reference types="node" preserve="true" />
/**
 * Views over memory: no copy, and no say in its lifetime.
 *
 * A view stays readable after free(), and then shows whatever the memory is used for next; of a large block that was
 * freed nothing is left, and touching it ends the process. Bounds of blocks are not looked at. A view's `buffer` is all of
 * the heap's memory, and its `byteOffset` says where it begins, so send a `slice()` by message, or the pointer. Making one
 * costs 30 to 50 ns; for single values use read and write. Any thread.
 */
import { checkSize, unusable } from "../attached.js";
import type { Pointer } from "../core/memory.js";
import { hex, rangeError, show, typeError } from "../errors.js";
import { heap, usableAt } from "../malloc.js";
import { farOf } from "./place.js";

/** What every typed array class is: its element's size, and a constructor over part of a buffer. */
export interface TypedArrayClass<T> {
  /** Bytes of one element. */
  readonly BYTES_PER_ELEMENT: number;
  /** The array over part of a buffer. */
  new (buffer: ArrayBuffer, byteOffset: number, length: number): T;
}

/** A Uint8Array over an ArrayBuffer, where TypeScript tells that apart (5.7). */
type Bytes = ReturnType<Uint8Array["slice"]>;

/**
 * What views are made over: not the buffer of the heap itself. Whoever has a view can detach its buffer, by reading a stream
 * into it for one, and what is made over that buffer is then empty: other views are made again here, the heap's could not.
 *
 * The first one is made while the library is loaded. koffi 3.3.4 ends the process where Node refuses it a buffer, as Node
 * does in a worker that is being terminated; so a program's first view is no place to ask for one.
 */
let lent = unusable === null ? everything() : new ArrayBuffer(0);

function everything(): ArrayBuffer {
  return heap.store.os.view(heap.window.base, heap.window.span);
}

function lentBuffer(): ArrayBuffer {
  if (lent.byteLength === 0) lent = everything();
  return lent;
}

/**
 * The bytes at `pointer`, as they are now and will be: a Uint8Array over the memory itself, not a copy.
 *
 * @param byteLength bytes; usableSize(pointer) by default
 * @throws HeapError ERR_INVALID_POINTER when the bytes are not inside the heap's memory, or no length is given and no
 *   live block starts at `pointer`; ERR_INVALID_ARG for a length that is none
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
export function view(pointer: Pointer, byteLength: number = usableAt("view", pointer)): Bytes {
  checkSize("view", "byteLength", byteLength);
  const place = farOf("view", pointer, 0, byteLength);
  return new Uint8Array(lentBuffer(), place, byteLength);
}

/**
 * The same as a Buffer, for what takes one: sockets, files, hashes.
 *
 * An operation that goes on in the background (a write to a file, say) uses the memory until it calls back: free it
 * after that.
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
  pointer: Pointer,
  byteLength: number = usableAt("buffer", pointer),
): ReturnType<typeof Buffer.alloc> {
  checkSize("buffer", "byteLength", byteLength);
  const place = farOf("buffer", pointer, 0, byteLength);
  return Buffer.from(lentBuffer(), place, byteLength);
}

/**
 * The memory at `pointer` as numbers of one kind: a typed array over the memory itself, not a copy.
 *
 * @param type any typed array class, Float64Array for one
 * @param pointer a multiple of the element's size, as typed arrays demand; what malloc returns is one
 * @param length elements, not bytes
 * @throws HeapError ERR_INVALID_POINTER when the elements are not inside the heap's memory, or the pointer is not
 *   aligned; ERR_INVALID_ARG for a length that is none, or a class of another kind
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
export function typed<T>(type: TypedArrayClass<T>, pointer: Pointer, length: number): T {
  checkClass(type);
  checkSize("typed", "length", length);
  const elementBytes = type.BYTES_PER_ELEMENT;
  const place = farOf("typed", pointer, 0, length * elementBytes);
  // The window starts at a page: a place is aligned where its address is.
  if (place % elementBytes !== 0) {
    throw rangeError(
      "ERR_INVALID_POINTER",
      `typed: ${type.name} needs an address that is a multiple of ${elementBytes}, got ${hex(pointer)}; ` +
        "read and write take any address",
    );
  }
  return new type(lentBuffer(), place, length);
}

function checkClass(type: unknown): asserts type is { readonly name: string } {
  if (typeof type === "function" && type !== Buffer && isTypedArrayClass(type as never)) return;
  const hint = type === Buffer ? "Buffer: call buffer() instead" : show(type);
  throw typeError(
    "ERR_INVALID_ARG",
    `typed: the first argument must be a typed array class such as Float64Array, got ${hint}`,
  );
}

/** By what it makes, not by its parent: under Jest and in a vm context that is another realm's. */
function isTypedArrayClass(type: TypedArrayClass<unknown>): boolean {
  if (typeof type.BYTES_PER_ELEMENT !== "number") return false;
  try {
    return ArrayBuffer.isView(Reflect.construct(type as never, [0]));
  } catch {
    return false;
  }
}
