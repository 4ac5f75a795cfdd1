/**
 * A hash map of variable-length records in the shared heap: one thread writes, any number read, without locks.
 *
 * The index is a SharedArrayBuffer of pointers, open addressing with linear probing; a record is a block of the heap:
 *
 *        0        4            8              12
 *      | hash   | key bytes  | value bytes  | key, UTF-8 … | value, UTF-8 … |
 *
 * How readers see complete records: a record is written whole while nobody else knows where it is, and its pointer is
 * then put into the index by Atomics.store. That orders: all writes before it are seen by whoever gets the pointer by
 * Atomics.load. With a plain store a reader might find the pointer first and the bytes later. A record is never changed
 * afterwards; another value for its key is another record, published in the same slot.
 *
 * What is replaced must not be freed while a reader may still look at it. set() therefore returns the old record, and
 * its caller frees it when all readers have said that they are past it: here, when they are done.
 */
import { malloc, NULL, type Pointer, read, view, write } from "../../src/index.js";

const KEY_BYTES = 4;
const VALUE_BYTES = 8;
const TEXT = 12;
/** Longest key that is looked up, in bytes. */
const MAX_KEY = 1024;

const encoder = new TextEncoder();

export class SharedMap {
  readonly #slots: BigUint64Array;
  readonly #mask: number;
  readonly #key = Buffer.alloc(MAX_KEY);
  #keyBytes = 0;

  /** `index` as newIndex() made it, the same in every thread. */
  constructor(index: SharedArrayBuffer) {
    this.#slots = new BigUint64Array(index);
    this.#mask = this.#slots.length - 1;
  }

  /** An empty index for up to `records` records, at most half full, so that probes stay short and end. */
  static newIndex(records: number): SharedArrayBuffer {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(records, 1) * 2));
    return new SharedArrayBuffer(slots * BigUint64Array.BYTES_PER_ELEMENT);
  }

  /** Stores a record. Only one thread may. Returns the record that it replaces, or NULL. */
  set(key: string, value: string): Pointer {
    const hash = this.#encode(key);
    const slot = this.#find(hash);
    const old = this.#load(slot);
    Atomics.store(this.#slots, slot, BigInt(this.#newRecord(hash, value)));
    return old;
  }

  /** The value of a key as it is now, or undefined. Any thread. */
  get(key: string): string | undefined {
    const record = this.#load(this.#find(this.#encode(key)));
    if (record === NULL) return undefined;
    const from = TEXT + read.u32(record, KEY_BYTES);
    const text = view(record, from + read.u32(record, VALUE_BYTES));
    return Buffer.from(text.buffer, text.byteOffset + from, text.length - from).toString();
  }

  /** The records that are in the map now, for who frees them. */
  *records(): IterableIterator<Pointer> {
    for (let slot = 0; slot <= this.#mask; slot++) {
      const record = this.#load(slot);
      if (record !== NULL) yield record;
    }
  }

  #newRecord(hash: number, value: string): Pointer {
    const valueBytes = Buffer.byteLength(value);
    const record = malloc(TEXT + this.#keyBytes + valueBytes);
    write.u32(record, hash);
    write.u32(record, this.#keyBytes, KEY_BYTES);
    write.u32(record, valueBytes, VALUE_BYTES);
    const text = view(record, TEXT + this.#keyBytes + valueBytes);
    text.set(this.#key.subarray(0, this.#keyBytes), TEXT);
    encoder.encodeInto(value, text.subarray(TEXT + this.#keyBytes));
    return record;
  }

  /** The slot of the key just encoded: its record's, or the empty one where it would be. */
  #find(hash: number): number {
    for (let step = 0; step <= this.#mask; step++) {
      const slot = (hash + step) & this.#mask;
      const record = this.#load(slot);
      if (record === NULL || this.#isKeyOf(record, hash)) return slot;
    }
    throw new Error(`the index is full: it has ${this.#slots.length} slots. Make it for more records`);
  }

  /** With what its writer wrote before it published the pointer. */
  #load(slot: number): Pointer {
    return Number(Atomics.load(this.#slots, slot)) as Pointer;
  }

  #isKeyOf(record: Pointer, hash: number): boolean {
    if (read.u32(record) !== hash || read.u32(record, KEY_BYTES) !== this.#keyBytes) return false;
    for (let i = 0; i < this.#keyBytes; i++) {
      if (read.u8(record, TEXT + i) !== this.#key[i]) return false;
    }
    return true;
  }

  /** Puts the key's bytes where they are compared from, and returns their hash (FNV-1a). */
  #encode(key: string): number {
    const { read: characters, written } = encoder.encodeInto(key, this.#key);
    if (characters < key.length) throw new Error(`a key may have ${MAX_KEY} bytes, this one has more`);
    this.#keyBytes = written;
    let hash = 0x811c9dc5;
    for (let i = 0; i < written; i++) hash = Math.imul(hash ^ this.#key[i]!, 0x01000193);
    return hash >>> 0;
  }
}
