/**
 * Figures of the heap. Derived from what the slow paths count; the fast paths count nothing.
 */
import { MAX_BLOCK } from "../core/block.js";
import { CACHED_UNITS, depthOf, forEachSpilled } from "../core/cache.js";
import { Control } from "../core/control.js";
import { HEADER_BYTES } from "../core/memory.js";
import { cacheOf, Rec } from "../core/record.js";
import { heap, unusable } from "../malloc.js";

/** Sizes in bytes, the rest counts since the process began. */
export interface Stats {
  /** Usable bytes in live blocks. */
  allocated: number;
  /** Live blocks. */
  blocks: number;
  /** Usable bytes in freed blocks that wait for a request of their size. */
  cached: number;
  /** Bytes in joined free blocks, headers included. */
  free: number;
  /** Address space that the heap holds and has ever touched, less what was given back. */
  footprint: number;
  /** The most that `footprint` has been. */
  peakFootprint: number;
  segments: number;
  /** Threads with a heap. */
  threads: number;
  grows: number;
  mmaps: number;
  munmaps: number;
  mremaps: number;
  trims: number;
  splits: number;
  merges: number;
  /** Blocks freed by another thread than their own. */
  remoteFrees: number;
}

/** Figures of the calling thread's heap. Takes microseconds: it counts what is cached. */
export function stats(): Stats {
  if (unusable !== null) throw unusable;
  const { words: m, record } = heap;
  const pageSize = m[Control.pageSize]!;
  heap.store.segments.notePeak(heap.store.slackPages());
  const cached = cachedBlocks();
  const heapBlocks = m[record + Rec.blocks]! - m[record + Rec.freeBlocks]! - cached.count;
  const free = m[record + Rec.freeUnits]! * 16;
  const live = heap.store.extentUnits() * 16 - free - cached.bytes - heapBlocks * HEADER_BYTES;
  const mapped = m[Control.largePages]! * pageSize - m[Control.largeFront]! * 16;
  return {
    allocated: live + mapped,
    blocks: heapBlocks + m[Control.largeCount]!,
    cached: cached.bytes - cached.count * HEADER_BYTES,
    free,
    footprint: heap.pressure().footprint,
    peakFootprint: m[Control.peakPages]! * pageSize,
    segments: heap.store.segments.count,
    threads: 1,
    grows: m[Control.grows]!,
    mmaps: m[Control.mmaps]!,
    munmaps: m[Control.munmaps]!,
    mremaps: m[Control.mremaps]!,
    trims: m[Control.trims]!,
    splits: m[record + Rec.splits]!,
    merges: m[record + Rec.mergesForward]! + m[record + Rec.mergesBackward]!,
    remoteFrees: 0,
  };
}

function cachedBlocks(): { count: number; bytes: number } {
  const cache = cacheOf(heap.record);
  let count = 0;
  let bytes = 0;
  for (let units = 2; units <= CACHED_UNITS; units++) {
    let depth = depthOf(heap.words, cache, units);
    forEachSpilled(heap.words, cache, units, MAX_BLOCK, () => depth++);
    count += depth;
    bytes += depth * units * 16;
  }
  return { count, bytes };
}
