/**
 * Memory: the one window of views over raw memory, and the three ways to name a place in it.
 *
 * Owns the types and their conversion. Must not know what any word means.
 *
 *        base                                   base + zoneBytes                     base + span
 *         |  words (Int32Array, at most 4 GiB)   |                                        |
 *         |  bytes (Uint8Array) and data (DataView) over the whole span                   |
 *
 *   Pointer   what users hold: an absolute address, a double
 *   Address   an absolute address inside the library: the start of a page, a mapping, a view
 *   Block     the index into `words` of a block's first header word, an int32
 *
 * Why the zone of small blocks is 4 GiB: `(pointer - base) >>> 0` then range-checks and converts in one
 * instruction, and a word index stays below 2^30. Scaling a double instead (a zone of 8 GiB and more) put two
 * multiplications into the chain from one malloc to the next free, and a malloc+free pair took 11 ns instead
 * of 5 on Node 20 and 24.
 *
 * Never a bitwise operator on an Address or a Pointer: they are wider than 32 bits.
 */

/** An absolute address that the heap gave out; koffi takes it as it is. */
export type Pointer = number & { readonly __pointer: unique symbol };
/** The address of a C function; koffi takes it as it is, for a `uintptr_t` or a `void *`. */
export type FunctionPointer = number & { readonly __function: unique symbol };
export type Address = number & { readonly __address: unique symbol };
/** Word index of a block's header. 0 stands for "no block": the control block lies there. */
export type Block = number & { readonly __block: unique symbol };

/**
 * The pointer that points nowhere.
 *
 * @example
 * ```ts
 * import { free, malloc, NULL, realloc } from "heapwright";
 *
 * free(NULL); // does nothing
 * console.log(malloc(0) !== NULL); // true
 * console.log(realloc(NULL, 10) !== NULL); // true
 * ```
 */
export const NULL = 0 as Pointer;

export const WORD_BYTES = 4;
/** Bytes of header in front of every payload. */
export const HEADER_BYTES = 8;
/** Small and medium blocks live in the first 4 GiB of the window. */
export const ZONE_LIMIT = 2 ** 32;
/** The window where views may be wider than 4 GiB: room for large blocks, none of it touched in advance. */
export const WIDE_SPAN = 2 ** 40;

export class Window {
  readonly base: Address;
  /** Bytes of the whole window. */
  readonly span: number;
  readonly buffer: ArrayBuffer;
  /** The zone of small blocks, by word. */
  readonly words: Int32Array;
  /** The same by two words, for zeroes alone: V8 may change the bits of what else is loaded or stored as a double. */
  readonly pairs: Float64Array;
  readonly bytes: Uint8Array;
  readonly data: DataView;
  /** Address of the payload of block 0: one subtraction converts a pointer to four times its block. */
  readonly payloadBase: number;

  constructor(base: number, buffer: ArrayBuffer) {
    this.base = base as Address;
    this.span = buffer.byteLength;
    this.buffer = buffer;
    this.words = new Int32Array(buffer, 0, Math.min(this.span, ZONE_LIMIT) / WORD_BYTES);
    this.pairs = new Float64Array(buffer, 0, this.words.length / 2);
    this.bytes = new Uint8Array(buffer);
    this.data = new DataView(buffer);
    this.payloadBase = base + HEADER_BYTES;
  }

  pointerOf(block: Block): Pointer {
    return (this.payloadBase + ((block << 2) >>> 0)) as Pointer;
  }

  /** Where a word of the zone lies. */
  addressOf(word: number): Address {
    return (this.base + ((word << 2) >>> 0)) as Address;
  }

  /** The page of the window that an address lies in, counted from its base. */
  pageOf(address: number, pageSize: number): number {
    return Math.floor((address - this.base) / pageSize);
  }

  /** Whether `pointer` lies in the zone of small blocks. */
  inZone(pointer: number): boolean {
    const offset = pointer - this.payloadBase;
    return offset >>> 0 === offset && offset >>> 2 < this.words.length;
  }

  /** The block whose payload would start at `pointer`; only for pointers inside the zone. */
  blockOf(pointer: number): Block {
    return ((pointer - this.payloadBase) >>> 2) as Block;
  }

  /** One word anywhere in the window, for headers outside the zone. */
  load(address: number): number {
    return this.data.getInt32(address - this.base, true);
  }

  store(address: number, value: number): void {
    this.data.setInt32(address - this.base, value, true);
  }

  /** memmove. Both ranges must be mapped. */
  copy(target: number, source: number, bytes: number): void {
    const from = source - this.base;
    this.bytes.copyWithin(target - this.base, from, from + bytes);
  }

  // Words that several threads write. What a thread did before it stored with one of these is seen by whoever then loads
  // the word with one: a store, an exchange and a compareExchange that succeeds release, a load and both of these acquire,
  // and all keep one order among themselves. On arm64 it is no more: a plain store may be seen before one of these that
  // stands above it. V8 calls them, and so moves no access to memory across one.

  atomicLoad(word: number): number {
    return Atomics.load(this.words, word);
  }

  atomicStore(word: number, value: number): void {
    Atomics.store(this.words, word, value);
  }

  /** Puts `value` there if `expected` is there. Whether it was. */
  compareExchange(word: number, expected: number, value: number): boolean {
    return Atomics.compareExchange(this.words, word, expected, value) === expected;
  }

  /** Puts `value` there and returns what was there. */
  exchange(word: number, value: number): number {
    return Atomics.exchange(this.words, word, value);
  }
}

const STORES_IN_ORDER = process.arch === "x64";

const fence = new Int32Array(1);

/**
 * Stores a word that others look at by compareExchange, so that they see all earlier stores too. x64 shows stores in their
 * order. On arm64 what stands above an atomic store comes before it, an atomic load is not done before an earlier atomic
 * store, and what stands below comes after the load; of whichever word.
 */
export function storeRelease(m: Int32Array, word: number, value: number): void {
  if (!STORES_IN_ORDER) {
    Atomics.store(fence, 0, 0);
    Atomics.load(fence, 0);
  }
  m[word] = value;
}

/** `value` rounded up to a multiple of `step`; both may be wider than 32 bits. */
export function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

export function roundDown(value: number, step: number): number {
  return Math.floor(value / step) * step;
}

/**
 * What `make` makes of the words, made once for each Int32Array: V8 folds what a closure has captured into its code, as
 * long as the closure is the only one of its kind.
 */
export function oncePerWords<T>(make: (m: Int32Array) => T): (m: Int32Array) => T {
  const made = new WeakMap<Int32Array, T>();
  return (m) => {
    const known = made.get(m);
    if (known !== undefined) return known;
    const fresh = make(m);
    made.set(m, fresh);
    return fresh;
  };
}
