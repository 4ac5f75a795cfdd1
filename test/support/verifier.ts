/**
 * The verifier: what a program may expect of its memory, kept apart from the allocator that provides it.
 *
 * Owns the set of live blocks as intervals [pointer, pointer + usable) and what is written in them. It refuses a
 * block that overlaps another or is misaligned, stamps every block over its whole length, and compares the stamps
 * when the block is freed, resized, or looked over in bulk. It knows nothing of the allocator: no headers, no size
 * classes; it reaches memory only through the function that it is given.
 *
 * Intervals lie in buckets of 32 KiB of addresses, each bucket sorted by address; a block is in every bucket that it
 * touches. Adding one is a binary search and a splice in an array of at most 2,048.
 *
 * A stamp is a place in a sequence of random bytes whose length is prime, so bytes that moved by any distance that
 * is not a multiple of 65,521, or that belong to another block, do not match.
 */
import { Random } from "./seed.js";

/** A view of `bytes` bytes of raw memory at `pointer`. */
export type Reach = (pointer: number, bytes: number) => Uint8Array;

/** One live block. */
export interface Live {
  readonly pointer: number;
  /** What was asked for. */
  readonly requested: number;
  /** What the block may hold. */
  readonly usable: number;
  readonly stamp: number;
  /** Where the block is in the list of all live blocks. */
  place: number;
}

const BUCKET_BYTES = 32 * 1024;
const PERIOD = 65_521;
const ZEROES = Buffer.alloc(PERIOD);
const ALIGNMENT = 16;

export class Verifier {
  readonly #reach: Reach;
  readonly #random: Random;
  readonly #pattern: Buffer;
  readonly #buckets = new Map<number, Live[]>();
  readonly #byPointer = new Map<number, Live>();
  readonly #list: Live[] = [];
  #usableBytes = 0;

  constructor(seed: number, reach: Reach) {
    this.#reach = reach;
    this.#random = new Random(seed ^ 0x5bd1e995);
    const once = Buffer.alloc(PERIOD);
    for (let i = 0; i < PERIOD; i++) once[i] = this.#random.next() >>> 24;
    this.#pattern = Buffer.concat([once, once]);
  }

  get count(): number {
    return this.#list.length;
  }

  /** Usable bytes of all live blocks together. */
  get usableBytes(): number {
    return this.#usableBytes;
  }

  /** The live blocks in no particular order; valid until the next add or remove. */
  get blocks(): readonly Live[] {
    return this.#list;
  }

  get(pointer: number): Live | undefined {
    return this.#byPointer.get(pointer);
  }

  /** Takes in a new block: checks where it lies, then stamps it over its whole usable length. */
  add(pointer: number, requested: number, usable: number, alignment = ALIGNMENT): Live {
    checkShape(pointer, requested, usable, Math.max(alignment, ALIGNMENT));
    const block = { pointer, requested, usable, stamp: this.#random.int(0, PERIOD - 1), place: this.count };
    this.#place(block);
    this.#list.push(block);
    this.#byPointer.set(pointer, block);
    this.#usableBytes += usable;
    this.#write(block);
    return block;
  }

  /** Call before the block is freed: its contents must be whole. */
  remove(block: Live): void {
    this.verify(block);
    this.#forget(block);
  }

  /** Call after a successful realloc of `old`: what both sizes have in common must have been kept. */
  resize(old: Live, pointer: number, requested: number, usable: number): Live {
    this.#forget(old);
    checkShape(pointer, requested, usable, ALIGNMENT);
    this.#compare(pointer, Math.min(old.usable, requested), old.stamp, `realloc of ${show(old)}`);
    return this.add(pointer, requested, usable);
  }

  /** The block's whole contents must be as they were stamped. */
  verify(block: Live): void {
    this.#compare(block.pointer, block.usable, block.stamp, show(block));
  }

  verifyAll(): void {
    for (const block of this.#list) this.verify(block);
  }

  /** `bytes` bytes at `pointer` must be zero. */
  verifyZero(pointer: number, bytes: number): void {
    const memory = this.#reach(pointer, bytes);
    for (let done = 0; done < bytes; done += PERIOD) {
      const end = Math.min(PERIOD, bytes - done);
      if (ZEROES.compare(memory, done, done + end, 0, end) === 0) continue;
      const at = memory.findIndex((byte, i) => i >= done && byte !== 0);
      throw new Error(`byte ${at} of ${bytes} at ${hex(pointer)} is ${memory[at]}, not 0`);
    }
  }

  #forget(block: Live): void {
    if (this.#byPointer.get(block.pointer) !== block) throw new Error(`${show(block)} is not live`);
    this.#byPointer.delete(block.pointer);
    for (const key of bucketsOf(block)) {
      const bucket = this.#buckets.get(key)!;
      bucket.splice(upperBound(bucket, block.pointer) - 1, 1);
      if (bucket.length === 0) this.#buckets.delete(key);
    }
    const last = this.#list.pop()!;
    if (last !== block) {
      this.#list[block.place] = last;
      last.place = block.place;
    }
    this.#usableBytes -= block.usable;
  }

  /** Looks for overlaps in every bucket before the block goes into any, so that a refusal changes nothing. */
  #place(block: Live): void {
    for (const key of bucketsOf(block)) {
      const bucket = this.#buckets.get(key);
      if (bucket === undefined) continue;
      const at = upperBound(bucket, block.pointer);
      const below = bucket[at - 1];
      const above = bucket[at];
      if (below !== undefined && below.pointer + below.usable > block.pointer) refuseOverlap(block, below);
      if (above !== undefined && block.pointer + block.usable > above.pointer) refuseOverlap(block, above);
    }
    for (const key of bucketsOf(block)) {
      const bucket = this.#buckets.get(key);
      if (bucket === undefined) this.#buckets.set(key, [block]);
      else bucket.splice(upperBound(bucket, block.pointer), 0, block);
    }
  }

  #write(block: Live): void {
    const memory = this.#reach(block.pointer, block.usable);
    for (let done = 0; done < block.usable; done += PERIOD) {
      const bytes = Math.min(PERIOD, block.usable - done);
      memory.set(this.#pattern.subarray(block.stamp, block.stamp + bytes), done);
    }
  }

  #compare(pointer: number, length: number, stamp: number, what: string): void {
    const memory = this.#reach(pointer, length);
    for (let done = 0; done < length; done += PERIOD) {
      const end = Math.min(PERIOD, length - done);
      if (this.#pattern.compare(memory, done, done + end, stamp, stamp + end) === 0) continue;
      let at = done;
      while (memory[at] === this.#pattern[stamp + at - done]) at++;
      throw new Error(`${what}: byte ${at} is ${memory[at]}, not ${this.#pattern[stamp + at - done]}`);
    }
  }
}

function* bucketsOf(block: Live): Generator<number> {
  const last = Math.floor((block.pointer + block.usable - 1) / BUCKET_BYTES);
  for (let key = Math.floor(block.pointer / BUCKET_BYTES); key <= last; key++) yield key;
}

/** The first place in the sorted bucket whose block starts above `pointer`. */
function upperBound(bucket: readonly Live[], pointer: number): number {
  let low = 0;
  let high = bucket.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (bucket[middle]!.pointer <= pointer) low = middle + 1;
    else high = middle;
  }
  return low;
}

function checkShape(pointer: number, requested: number, usable: number, alignment: number): void {
  if (!Number.isSafeInteger(pointer) || pointer <= 0) throw new Error(`${pointer} is no address`);
  if (pointer % alignment !== 0) throw new Error(`${hex(pointer)} is not aligned to ${alignment}`);
  if (!Number.isSafeInteger(usable) || usable < Math.max(requested, 1)) {
    throw new Error(`${hex(pointer)} holds ${usable} bytes, but ${requested} were asked for`);
  }
}

function refuseOverlap(block: Live, other: Live): never {
  throw new Error(`${show(block)} overlaps ${show(other)}`);
}

function show(block: Live): string {
  return `the block of ${block.usable} bytes (${block.requested} requested) at ${hex(block.pointer)}`;
}

function hex(pointer: number): string {
  return `0x${pointer.toString(16)}`;
}
