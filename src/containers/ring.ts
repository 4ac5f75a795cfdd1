/**
 * The ring buffer of a queue: records at positions that only grow, modulo 2^32.
 *
 *   record   length, u32 | bytes | up to 3 bytes of padding      at position & (capacity - 1), around the end if need be
 *   long     2^31 + 8, u32 | address of a block, f64             in it: length, u32, and 12 bytes behind it the record
 *
 * Owns where a record's bytes lie. Must not know who may read or write them when.
 */
import { NULL, offset, type Pointer, read, view, write } from "../index.js";
import { checkNumber, wrongRange } from "./header.js";

export const LENGTH_BYTES = 4;
const LEAST_BYTES = 64;
const MOST_BYTES = 2 ** 30;
/** Bytes of the ring that a long record takes. */
export const LONG_TAKES = 12;
const LONG = 2 ** 31;
const ADDRESS_BYTES = 8;

const address = new Float64Array(1);
const addressBytes = new Uint8Array(address.buffer);

/** Checks the bytes of a ring and rounds them up to a power of two. */
export function checkedCapacity(bytes: number): number {
  checkNumber("Queue", "bytes", bytes);
  if (!(bytes >= LEAST_BYTES && bytes <= MOST_BYTES)) {
    throw wrongRange("Queue", `from ${LEAST_BYTES} to 2^30 bytes`, bytes);
  }
  return 2 ** Math.ceil(Math.log2(bytes));
}

/** Bytes of the ring that a record of `length` bytes takes: a multiple of 4, so that no length goes around the end. */
export function takenBy(length: number): number {
  return LENGTH_BYTES + Math.ceil(length / 4) * 4;
}

export class Ring {
  readonly #pointer: Pointer;
  readonly #capacity: number;
  #view: Uint8Array;

  /** `capacity` bytes, a power of two, from `byteOffset` on. */
  constructor(pointer: Pointer, byteOffset: number, capacity: number) {
    this.#pointer = offset(pointer, byteOffset);
    this.#capacity = capacity;
    this.#view = view(this.#pointer, capacity);
  }

  write(position: number, record: Uint8Array): void {
    write.u32(this.#pointer, record.length, this.#place(position));
    this.#put(position, record);
  }

  /** A copy of the record at a position. */
  read(position: number): Buffer {
    return this.#get(position, read.u32(this.#pointer, this.#place(position)));
  }

  /** Writes the address of a block that holds the record, in its place. */
  writeLong(position: number, block: Pointer): void {
    write.u32(this.#pointer, LONG + ADDRESS_BYTES, this.#place(position));
    address[0] = block;
    this.#put(position, addressBytes);
  }

  /** The block that holds the record; NULL if the record lies in the ring. */
  readLong(position: number): Pointer {
    if (read.u32(this.#pointer, this.#place(position)) < LONG) return NULL;
    addressBytes.set(this.#get(position, ADDRESS_BYTES));
    return address[0] as Pointer;
  }

  /** Bytes that the record at a position takes. */
  taken(position: number): number {
    return takenBy(read.u32(this.#pointer, this.#place(position)) % LONG);
  }

  #put(position: number, record: Uint8Array): void {
    const { length } = record;
    const from = this.#place(position + LENGTH_BYTES);
    const first = this.#capacity - from;
    if (length <= first) this.#bytes().set(record, from);
    else {
      this.#bytes().set(record.subarray(0, first), from);
      this.#bytes().set(record.subarray(first), 0);
    }
  }

  #get(position: number, length: number): Buffer {
    const record = Buffer.allocUnsafe(length);
    const from = this.#place(position + LENGTH_BYTES);
    const first = this.#capacity - from;
    if (length <= first) record.set(this.#bytes().subarray(from, from + length));
    else {
      record.set(this.#bytes().subarray(from));
      record.set(this.#bytes().subarray(0, length - first), first);
    }
    return record;
  }

  #place(position: number): number {
    return position & (this.#capacity - 1);
  }

  /** A view of the ring; made again if the program detached its buffer. */
  #bytes(): Uint8Array {
    if (this.#view.length === 0) this.#view = view(this.#pointer, this.#capacity);
    return this.#view;
  }
}
