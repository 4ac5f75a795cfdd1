/**
 * A snapshot of the heap as plain data: what is written, read again, and drawn by the page.
 *
 * Owns its shape, and the encoding of blocks. Must not know where the data comes from, or what is done with it.
 *
 *   blocks of a region, in the order of memory, as numbers of 7 bits a byte, the lowest first, bit 7: more follow
 *     units · 16 + state · 2 + repeated     bytes / 16 with the header, the last one up to `top`; one of STATES
 *     count                                 if repeated: so many alike, one after the other
 *     pages                                 if the state is `purged`: how many of its pages were given back
 *   or, where that would be too long, cells of `cellBytes` each, the last one shorter:
 *     blocks                                that begin in it
 *     units of each of STATES
 *   what is known of blocks: for each, in the order of memory,
 *     units from the payload of the one before; the place of its stack in `stacks`, and its age in ms, both + 1, 0: not known
 */
import type { LayoutHeap } from "../../index.js";

/** In the order of their numbers. `purged`: a free block some of whose pages were given back. */
export const STATES = ["live", "cached", "remote", "free", "purged", "fence", "unknown"] as const;

/** Bytes of the footprint, by what they are for; together they are the footprint. */
export interface FootprintParts {
  /** Usable bytes of live blocks. */
  readonly live: number;
  /** Headers in front of blocks. */
  readonly headers: number;
  /** Freed, kept for the next request of their size. */
  readonly cached: number;
  /** Freed by another thread, on their way back. */
  readonly remote: number;
  /** Coalesced free blocks, as far as their pages were not given back. */
  readonly free: number;
  /** Touched once, above the last block. */
  readonly wilderness: number;
  /** At the ends of mappings, for blocks that grow. */
  readonly slack: number;
  /** Records of heaps, ends of segments, rests of pages. */
  readonly bookkeeping: number;
}

/** Blocks of more than half of `upTo` usable bytes, and of no more than that. */
export interface SizeClass {
  /** A power of two. */
  readonly upTo: number;
  /** Live ones. */
  readonly liveBlocks: number;
  /** Usable bytes in them. */
  readonly liveBytes: number;
  /** Cached, free, or on their way back. */
  readonly freedBlocks: number;
  /** Usable bytes in them. */
  readonly freedBytes: number;
}

/** Longest runs of bytes that are free. */
export interface LargestFree {
  /** One free block. */
  readonly block: number;
  /** Neighbours that are free or cached: one block after a consolidation. */
  readonly run: number;
  /** Above the last block of a segment. */
  readonly wilderness: number;
}

/** A region of the layout, with its blocks encoded, in base64; of a mapping there is one, from `first` to `top`. */
export interface SavedRegion {
  /** A range that heaps carve blocks from, or a large block's. */
  readonly kind: "segment" | "mapping";
  /** The place of its heap in `heaps`; -1 for a mapping. */
  readonly heap: number;
  /** Where it begins. */
  readonly address: number;
  /** Where its first block begins. */
  readonly first: number;
  /** Where its last block ends. */
  readonly top: number;
  /** From here on nothing was touched. */
  readonly touched: number;
  /** Where it ends. */
  readonly end: number;
  /** Encoded. */
  readonly blocks: string;
}

/** One moment of the heap, as heapMap.snapshot() returns it: plain data that can be kept, sent and written as JSON. */
export interface HeapSnapshot {
  /** What the page calls it. */
  readonly label: string;
  /** When it was taken, in milliseconds since 1970. */
  readonly time: number;
  /** The process. */
  readonly pid: number;
  /** The version of its Node. */
  readonly node: string;
  /** Bytes per page. */
  readonly pageSize: number;
  /** The figures of stats() at that moment; of these `waiting` is left out. */
  readonly stats: Readonly<Record<string, number>>;
  /** As layout() tells them. */
  readonly heaps: readonly LayoutHeap[];
  /** In the order of memory. */
  readonly regions: readonly SavedRegion[];
  /** 0 where each block is there; else the bytes of the cells that blocks were added up in. */
  readonly cellBytes: number;
  /** Where the footprint goes. */
  readonly footprint: FootprintParts;
  /** From the smallest that there are to the largest. */
  readonly sizes: readonly SizeClass[];
  /** The longest free runs. */
  readonly largestFree: LargestFree;
  /** Stacks that blocks were allocated by. */
  readonly stacks: readonly string[];
  /** Which blocks, and since when; encoded. */
  readonly known: string;
}

/** Bytes that grow. */
export class Bytes {
  #bytes = new Uint8Array(16);
  #length = 0;

  /** Appends a whole number, 7 bits a byte. */
  number(value: number): void {
    if (this.#length + 8 > this.#bytes.length) {
      const larger = new Uint8Array(this.#bytes.length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    let rest = value;
    while (rest >= 128) {
      this.#bytes[this.#length++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#length++] = rest;
  }

  base64(): string {
    return Buffer.from(this.#bytes.buffer, 0, this.#length).toString("base64");
  }
}
