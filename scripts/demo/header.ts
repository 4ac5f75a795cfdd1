/**
 * The 8 bytes in front of a block, as they lie in memory.
 *
 * Programs need none of this: it looks behind the API to show what is there. What the bits mean is asked of the
 * library's own functions and not repeated here.
 */

import { heap } from "../../src/api/malloc.js";
import { isCached, isFree, isIntact, isPreviousFree, sizeOf } from "../../src/block/block.js";
import { type Pointer, read, view } from "../../src/index.js";
import { ownerOfWord } from "../../src/memory/control.js";

export interface Header {
  /** Bytes of the block, header included. */
  readonly size: number;
  /** Names of the flags that are set. */
  readonly flags: readonly string[];
  readonly check: number;
  /** Whether the check word is what size, place and secret make it. */
  readonly sealed: boolean;
  /** The first and the second four bytes, as they lie in memory. */
  readonly sizeBytes: string;
  readonly checkBytes: string;
}

export function headerOf(pointer: Pointer): Header {
  const { words, window, secret } = heap;
  const block = window.blockOf(pointer);
  const flags = [
    isPreviousFree(words, block) ? "the block below is free" : "",
    isFree(words, block) ? "free" : "",
    isCached(words, block) ? "cached" : "",
  ];
  return {
    size: sizeOf(words, block),
    flags: flags.filter((flag) => flag !== ""),
    check: read.u32(pointer, -4),
    sealed: isIntact(words, block, secret),
    sizeBytes: bytesAt((pointer - 8) as Pointer, 4),
    checkBytes: bytesAt((pointer - 4) as Pointer, 4),
  };
}

/** Where the state of the heap lies that a block belongs to: two blocks of one heap have the same. */
export function heapOf(pointer: Pointer): number {
  const { words, window } = heap;
  return window.addressOf(ownerOfWord(words, window.blockOf(pointer)));
}

/** The same of the calling thread's own heap. */
export function ownHeap(): number {
  return heap.window.addressOf(heap.record);
}

/** Bytes as people write them: 2a 00 00 00. */
export function bytesAt(pointer: Pointer, bytes: number): string {
  return [...view(pointer, bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
