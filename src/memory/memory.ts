/**
 * The window: one set of views over all raw memory, and the types of addresses in it.
 *
 * Owns the conversions between these. Must not know what any word means.
 *
 *        base                                   base + zoneBytes                     base + span
 *         |  words (Int32Array, at most 4 GiB)   |                                        |
 *         |  bytes (Uint8Array) and data (DataView) over the whole span                   |
 *
 *   Pointer   an absolute address that users hold: a payload's
 *   Address   any other absolute address: of a page, a mapping, a word
 *   Block     the index into `words` of a block's header, an int32
 *   offset    bytes from base
 *
 * The zone, where segments lie, is 4 GiB: `(pointer - base) >>> 0` then checks the range and converts in one instruction,
 * and a word index is below 2^30. With a larger zone a double has to be scaled: two more multiplications between a malloc
 * and its free, 11 ns a pair instead of 5 on Node 20 and 24.
 *
 * Never a bitwise operator on an Address or a Pointer: they are wider than 32 bits.
 */

/** An absolute address that the heap gave out; koffi takes it as it is. */
export type Pointer = number & { readonly __pointer: unique symbol };
/** A pointer as a number, or as the bigint that koffi and node:ffi make of a `void *`. */
export type PointerLike = Pointer | bigint;
/** The address of a C function; koffi takes it as it is, for a `uintptr_t` or a `void *`. */
export type FunctionPointer = number & { readonly __function: unique symbol };
export type Address = number & { readonly __address: unique symbol };
/** Word index of a block's header. 0 is no block: the control block lies there. */
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
/** Segments lie in the first 4 GiB of the window. */
export const ZONE_LIMIT = 2 ** 32;
/** Pointers below it are small integers to V8 and never boxed (V8 rule 4). */
export const SMALL_LIMIT = 2 ** 31;
/** Bytes of the window where views may be wider than 4 GiB. The rest is for large blocks. */
export const WIDE_SPAN = 2 ** 40;

export class Window {
  readonly base: Address;
  /** Bytes of the whole window. */
  readonly span: number;
  readonly buffer: ArrayBuffer;
  /** The zone, by word. */
  readonly words: Int32Array;
  /** The zone, by two words. For zeroes only: V8 may change the bits of a NaN. */
  readonly pairs: Float64Array;
  readonly bytes: Uint8Array;
  readonly data: DataView;
  /** base + HEADER_BYTES, so that one subtraction makes a block's byte offset of a pointer. */
  readonly payloadBase: number;

  constructor(base: number, buffer: ArrayBuffer) {
    this.base = asSmall(base) as Address;
    this.span = buffer.byteLength;
    this.buffer = buffer;
    this.words = new Int32Array(buffer, 0, Math.min(this.span, ZONE_LIMIT) / WORD_BYTES);
    this.pairs = new Float64Array(buffer, 0, this.words.length / 2);
    this.bytes = new Uint8Array(buffer);
    this.data = new DataView(buffer);
    this.payloadBase = this.base + HEADER_BYTES;
  }

  pointerOf(block: Block): Pointer {
    return (this.payloadBase + ((block << 2) >>> 0)) as Pointer;
  }

  /** The address of a word of the zone. */
  addressOf(word: number): Address {
    return (this.base + ((word << 2) >>> 0)) as Address;
  }

  /** The page that an address lies in, counted from the window's base. */
  pageOf(address: number, pageSize: number): number {
    return Math.floor((address - this.base) / pageSize);
  }

  /** Whether `pointer` lies in the zone; it may be any number. */
  inZone(pointer: number): boolean {
    const offset = pointer - this.payloadBase;
    return offset >>> 0 === offset && offset >>> 2 < this.words.length;
  }

  /** The block whose payload would start at `pointer`; only for pointers inside the zone. */
  blockOf(pointer: number): Block {
    return ((pointer - this.payloadBase) >>> 2) as Block;
  }

  /** A word anywhere in the window, for headers outside the zone. */
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

  // Accesses to words that several threads write. They are sequentially consistent among themselves; stores release,
  // loads acquire. On arm64 a later plain store may become visible before an atomic one. V8 calls these as functions, and
  // so moves no other access across them.

  atomicLoad(word: number): number {
    return Atomics.load(this.words, word);
  }

  atomicStore(word: number, value: number): void {
    Atomics.store(this.words, word, value);
  }

  /** Stores `value` if the word is `expected`; returns whether it was. */
  compareExchange(word: number, expected: number, value: number): boolean {
    return Atomics.compareExchange(this.words, word, expected, value) === expected;
  }

  /** Adds to a word that others add to as well; wraps around. */
  add(word: number, value: number): void {
    for (;;) {
      const seen = this.atomicLoad(word);
      if (this.compareExchange(word, seen, (seen + value) | 0)) return;
    }
  }

  /** Stores `value` and returns what the word was. */
  exchange(word: number, value: number): number {
    return Atomics.exchange(this.words, word, value);
  }
}

/** Below 2 GiB the number as a small integer, also when it was computed as a double: a sum with a double is a double. */
function asSmall(address: number): number {
  return address < SMALL_LIMIT ? address | 0 : address;
}

const STORES_IN_ORDER = process.arch === "x64";

/**
 * A store that releases: who reads the word by an atomic access sees all earlier stores too. On x64 every store releases,
 * and an atomic one takes 9 ns. A Proxy, as tests have for memory, takes no atomics.
 */
export function storeRelease(m: Int32Array, word: number, value: number): void {
  if (STORES_IN_ORDER || !ArrayBuffer.isView(m)) m[word] = value;
  else Atomics.store(m, word, value);
}

/** `value` rounded up to a multiple of `step`; both may be wider than 32 bits. */
export function roundUp(value: number, step: number): number {
  const over = value % step; // no division: a small integer stays one (V8 rule 4)
  return over === 0 ? value : value + step - over;
}

export function roundDown(value: number, step: number): number {
  return Math.floor(value / step) * step;
}

/**
 * Calls `make` once per Int32Array and keeps the result. V8 folds what a closure captured into its code as long as there
 * is only one closure of that function.
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
