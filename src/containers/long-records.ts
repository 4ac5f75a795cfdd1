/**
 * Records longer than a queue's ring: each lies in a block, whose address goes through the ring.
 *
 * Owns a note of the block that is being put into the ring, and one of the block that is being taken out, so that neither
 * leaks if the thread is terminated:
 *
 *   0 block, f64, or NULL | 8 position in the ring
 *
 * The position tells how far the thread came. While `tail` is at the noted position, the ring does not have the block yet;
 * while `head` is at the noted position, the ring still has it. The note is cleared before the block is freed: a leak is
 * better than a double free.
 *
 *   block   0 length, u32 | 12 bytes unused | 16 the record
 */
import { free, malloc, NULL, offset, type Pointer, read, view, write } from "../index.js";

const POSITION = 8;
const BYTES = 16;

export class LongRecord {
  readonly #note: Pointer;

  constructor(queue: Pointer, byteOffset: number) {
    this.#note = offset(queue, byteOffset);
  }

  /** Makes a block with a copy of the record, noted for a position. */
  make(record: Uint8Array, position: number): Pointer {
    const block = malloc(BYTES + record.length);
    this.note(block, position);
    write.u32(block, record.length);
    view(offset(block, BYTES), record.length).set(record);
    return block;
  }

  /** Writes the position first: a note is valid once it has a block. */
  note(block: Pointer, position: number): void {
    write.u32(this.#note, position, POSITION);
    write.f64(this.#note, block);
  }

  forget(): void {
    write.f64(this.#note, NULL);
  }

  freeNoted(): void {
    const block = read.f64(this.#note) as Pointer;
    this.forget();
    free(block);
  }

  /**
   * Recovers the note of a terminated thread: frees the block if the ring does not have it.
   *
   * @param now the current tail, or head
   * @param hasAt whether the ring has the block while that is at the noted position
   */
  settle(now: number, hasAt: boolean): void {
    if (read.f64(this.#note) === NULL) return;
    const isThere = (read.u32(this.#note, POSITION) === now) === hasAt;
    if (isThere) this.forget();
    else this.freeNoted();
  }
}

/** A copy of the record in a block. */
export function bytesIn(block: Pointer): Buffer {
  const length = read.u32(block);
  const record = Buffer.allocUnsafe(length);
  record.set(view(offset(block, BYTES), length));
  return record;
}
