/**
 * What a workload needs of whoever gives it memory.
 *
 * A workload stores into its blocks where the program that it is named after does, through `touch`, or into one byte
 * of every page through `populate`; the twin in native/ does the same. Where JavaScript has no cheap store (an address
 * that koffi returned, an ArrayBuffer without a view), `touch` does nothing, which favours that contestant.
 */

/** An address, an offset, or an object: only its allocator knows. */
export type Block = unknown;

/** A table of blocks. What is not in use holds the allocator's `none`. */
export interface Slots {
  readonly length: number;
  [index: number]: Block;
}

export interface Allocator {
  /** Stands for no block; free is never called with it. */
  readonly none: Block;
  malloc(bytes: number): Block;
  calloc(bytes: number): Block;
  /** From `oldBytes` to `bytes`, contents kept up to the smaller of both. */
  realloc(block: Block, oldBytes: number, bytes: number): Block;
  /** Nothing where the garbage collector does it. */
  free(block: Block): void;
  touch(block: Block, at: number): void;
  /** A block as bytes, for very many stores into one; of those who are in workloads of several threads. */
  bytes?(block: Block, length: number): Uint8Array;
  /** Makes every page resident that the bytes from `from` up to `to` lie in. */
  populate(block: Block, from: number, to: number): void;
  table(length: number): Slots;
}

export const PAGE = 4096;
