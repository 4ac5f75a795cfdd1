/**
 * Churn of libc's malloc through koffi: sizes below and above its own mmap threshold, many of them just larger than
 * what its arena has, so that it asks for a higher break again and again. Every block is filled with one byte over its
 * whole length, and compared before it is resized, freed or left.
 */
import { Random } from "../../support/seed.js";
import { cFree, cMalloc, cRealloc, mallocTrim, memcmp, memset } from "./libc.js";

const LARGEST = 400_000;
const STAMPS = 4;
const MOST_BLOCKS = 400;

interface CBlock {
  pointer: number;
  bytes: number;
  stamp: number;
}

export class Churn {
  readonly #random: Random;
  readonly #stamps: number[] = [];
  readonly #blocks: CBlock[] = [];
  rounds = 0;

  constructor(seed: number) {
    this.#random = new Random(seed);
    for (let i = 0; i < STAMPS; i++) {
      const pattern = cMalloc(LARGEST);
      memset(pattern, 0x21 + i, LARGEST);
      this.#stamps.push(pattern);
    }
  }

  /** `count` operations. */
  run(count: number): void {
    for (let i = 0; i < count; i++) this.#step();
    this.rounds += count;
  }

  /** Verifies and frees everything. */
  finish(): void {
    while (this.#blocks.length > 0) this.#free();
  }

  #step(): void {
    const way = this.#random.int(0, 99);
    if (way === 0) mallocTrim(0);
    else if (this.#blocks.length > MOST_BLOCKS || (way < 45 && this.#blocks.length > 0)) this.#free();
    else if (way < 60 && this.#blocks.length > 0) this.#resize();
    else this.#add(this.#random.spread(16, LARGEST));
  }

  #add(bytes: number): void {
    const block = { pointer: cMalloc(bytes), bytes, stamp: this.#random.int(0, STAMPS - 1) };
    if (block.pointer === 0) throw new Error(`libc has no ${bytes} bytes`);
    memset(block.pointer, 0x21 + block.stamp, bytes);
    this.#blocks.push(block);
  }

  #resize(): void {
    const block = this.#random.pick(this.#blocks);
    const bytes = this.#random.spread(16, LARGEST);
    this.#verify(block, block.bytes);
    block.pointer = cRealloc(block.pointer, bytes);
    this.#verify(block, Math.min(bytes, block.bytes));
    block.bytes = bytes;
    memset(block.pointer, 0x21 + block.stamp, bytes);
  }

  #free(): void {
    const at = this.#random.int(0, this.#blocks.length - 1);
    const block = this.#blocks[at]!;
    const last = this.#blocks.pop()!;
    if (last !== block) this.#blocks[at] = last;
    this.#verify(block, block.bytes);
    cFree(block.pointer);
  }

  #verify({ pointer, stamp }: CBlock, bytes: number): void {
    if (memcmp(pointer, this.#stamps[stamp]!, bytes) === 0) return;
    throw new Error(`libc's block of ${bytes} bytes at 0x${pointer.toString(16)} was overwritten`);
  }
}

/** Churns until `stop` (one shared word) is set; returns how many operations it made. */
export function churnUntil(seed: number, stop: Int32Array<SharedArrayBuffer>): number {
  const churn = new Churn(seed);
  Atomics.store(stop, 1, 1);
  Atomics.notify(stop, 1);
  while (Atomics.load(stop, 0) === 0) churn.run(50);
  churn.finish();
  return churn.rounds;
}
