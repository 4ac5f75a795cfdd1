/**
 * Stamps: contents by which any thread can tell that a block is whole.
 *
 *   byte  0   bytes stamped
 *         4   place in the pattern
 *         8   the pattern from that place on, up to the end
 *
 * A block says itself what must be in it, so its pointer is all that threads hand to each other. The pattern is the same
 * in all threads that have the seed; its length is prime, so that bytes which moved or belong to another block differ.
 */
import type * as Heapwright from "../../../src/index.js";
import { Random } from "../../support/seed.js";

const PERIOD = 65_521;
const PLACE = 4;
const PATTERN = 8;
/** The smallest block that can be stamped. */
export const LEAST = 16;

export type Library = typeof Heapwright;

/** What of the library is needed here. */
export interface Memory {
  readonly read: { u32(pointer: Heapwright.Pointer, byteOffset?: number): number };
  readonly write: { u32(pointer: Heapwright.Pointer, value: number, byteOffset?: number): void };
  view(pointer: Heapwright.Pointer, byteLength: number): Uint8Array;
}

export class Stamps {
  readonly #lib: Memory;
  readonly #pattern: Buffer;

  constructor(lib: Memory, seed: number) {
    this.#lib = lib;
    const random = new Random(seed ^ 0x2545f491);
    const once = Buffer.alloc(PERIOD);
    for (let i = 0; i < PERIOD; i++) once[i] = random.next() >>> 24;
    this.#pattern = Buffer.concat([once, once]);
  }

  write(pointer: Heapwright.Pointer, bytes: number, random: Random): void {
    const place = random.int(0, PERIOD - 1);
    this.#lib.write.u32(pointer, bytes);
    this.#lib.write.u32(pointer, place, PLACE);
    const memory = this.#lib.view(pointer, bytes);
    for (let done = PATTERN; done < bytes; done += PERIOD) {
      memory.set(this.#pattern.subarray(place, place + Math.min(PERIOD, bytes - done)), done);
    }
  }

  /** Throws unless the block is as it was stamped, or the first `kept` bytes of it are; the bytes stamped. */
  verify(pointer: Heapwright.Pointer, kept = Number.POSITIVE_INFINITY): number {
    const bytes = this.#lib.read.u32(pointer);
    const place = this.#lib.read.u32(pointer, PLACE);
    if (bytes < LEAST || place >= PERIOD) throw new Error(`the block at ${pointer} lost its stamp`);
    const length = Math.min(bytes, kept);
    const memory = this.#lib.view(pointer, length);
    for (let done = PATTERN; done < length; done += PERIOD) {
      const end = Math.min(PERIOD, length - done);
      if (this.#pattern.compare(memory, done, done + end, place, place + end) === 0) continue;
      throw new Error(`the block of ${bytes} bytes at ${pointer} was overwritten`);
    }
    return bytes;
  }
}

/** Nothing is live, and all that the process has agrees; for the main thread when all others have ended. */
export function verdict(lib: Library): void {
  lib.trim();
  lib.check();
  const { allocated, blocks, remote } = lib.stats();
  if (allocated !== 0 || blocks !== 0 || remote !== 0) {
    throw new Error(`after all was freed ${JSON.stringify({ allocated, blocks, remote })} are left`);
  }
}
