/**
 * Figures of the process. Derived from what the slow paths count; the fast paths count nothing.
 */
import { notePeak } from "../core/account.js";
import { depthOf, MOST_UNITS } from "../core/cache.js";
import { Control } from "../core/control.js";
import { entryOf, holderOf, recordOf } from "../core/heaps.js";
import { HEADER_BYTES } from "../core/memory.js";
import { cacheOf, Rec } from "../core/record.js";
import { freedElsewhere } from "../core/remote.js";
import { heap, unusable } from "../malloc.js";

/**
 * Sizes are in bytes. They, and `blocks`, `segments`, `threads` and `orphans`, say what is so now; the rest counts since the
 * process began.
 */
export interface Stats {
  /** Usable bytes in live blocks. */
  allocated: number;
  /** Live blocks. */
  blocks: number;
  /** Usable bytes in freed blocks that wait for a request of their size. */
  cached: number;
  /** Bytes in joined free blocks, headers included. */
  free: number;
  /** Usable bytes in blocks that another thread freed and that their owner has not taken back yet. */
  remote: number;
  /** Address space that the heap holds and has ever touched, less what was given back. */
  footprint: number;
  /** The most that `footprint` has been. */
  peakFootprint: number;
  /** Ranges of address space that heaps carve blocks from. */
  segments: number;
  /** Threads that live and have a heap. */
  threads: number;
  /** Heaps of threads that ended, waiting for one that takes them over. */
  orphans: number;
  /** Times that a heap took more address space. */
  grows: number;
  /** Mappings made for large blocks. */
  mmaps: number;
  /** Those given back. */
  munmaps: number;
  /** Large blocks resized or moved by their page tables. */
  mremaps: number;
  /** Times that pages inside free blocks were given back. */
  trims: number;
  /** Free blocks cut to fit. */
  splits: number;
  /** Free blocks joined with a free neighbour. */
  merges: number;
  /** Blocks freed by another thread than their own. */
  remoteFrees: number;
}

/** What one heap has, in blocks and units of 16 bytes, headers included. */
interface Holdings {
  blocks: number;
  units: number;
  freeUnits: number;
  cachedBlocks: number;
  cachedUnits: number;
  remoteBlocks: number;
  remoteUnits: number;
  sent: number;
  trims: number;
  splits: number;
  merges: number;
}

/**
 * Figures of the whole process, any thread. Takes microseconds. While other threads allocate and free, what is counted
 * of them is of slightly different moments.
 *
 * @example
 * ```ts
 * import { free, malloc, stats } from "heapwright";
 *
 * const before = stats().allocated;
 * const block = malloc(1000);
 * console.log(stats().allocated - before); // 1000
 * free(block);
 * console.log(stats().allocated - before); // 0
 * ```
 */
export function stats(): Stats {
  if (unusable !== null) throw unusable;
  const { words: m, window, store } = heap;
  notePeak(window);
  const pageSize = m[Control.pageSize]!;
  const all = holdings(m);
  const { alive, orphans } = countThreads();
  const liveBlocks = all.blocks - all.cachedBlocks - all.remoteBlocks;
  const liveBytes = (all.units - all.freeUnits - all.cachedUnits - all.remoteUnits) * 16;
  const mapped = m[Control.largePages]! * pageSize - m[Control.largeFront]! * 16;
  return {
    // Of others these are differences of two moments, and may come out below nothing.
    allocated: Math.max(0, liveBytes - liveBlocks * HEADER_BYTES + mapped),
    blocks: Math.max(0, liveBlocks + m[Control.largeCount]!),
    cached: all.cachedUnits * 16 - all.cachedBlocks * HEADER_BYTES,
    free: all.freeUnits * 16,
    remote: Math.max(0, all.remoteUnits * 16 - all.remoteBlocks * HEADER_BYTES),
    footprint: heap.pressure().footprint,
    peakFootprint: m[Control.peakPages]! * pageSize,
    segments: store.segments.count,
    threads: alive,
    orphans,
    grows: m[Control.grows]! >>> 0,
    mmaps: m[Control.mmaps]! >>> 0,
    munmaps: m[Control.munmaps]! >>> 0,
    mremaps: m[Control.mremaps]! >>> 0,
    trims: all.trims >>> 0,
    splits: all.splits >>> 0,
    merges: all.merges >>> 0,
    remoteFrees: all.sent,
  };
}

/** Of all heaps, whether their threads live or not. */
function holdings(m: Int32Array): Holdings {
  const all: Holdings = {
    blocks: 0,
    units: 0,
    freeUnits: 0,
    cachedBlocks: 0,
    cachedUnits: 0,
    remoteBlocks: 0,
    remoteUnits: 0,
    sent: 0,
    trims: 0,
    splits: 0,
    merges: 0,
  };
  for (let index = 0; index < m[Control.heaps]!; index++) {
    const record = recordOf(m, index);
    if (record !== 0) add(all, m, record);
  }
  // Sums of numbers that wrap around: of their low 32 bits the difference is right.
  all.remoteBlocks |= 0;
  all.remoteUnits |= 0;
  all.sent >>>= 0;
  return all;
}

function add(all: Holdings, m: Int32Array, record: number): void {
  const start = heap.store.segments.start(m[record + Rec.segment]!);
  const cache = cacheOf(record);
  const sent = freedElsewhere(m, record);
  all.blocks += m[record + Rec.blocks]! - m[record + Rec.freeBlocks]!;
  const used = Math.max(0, m[record + Rec.top]! - start); // below it while a segment begins
  all.units += m[record + Rec.closedUnits]! + (used >>> 2);
  all.freeUnits += m[record + Rec.freeUnits]!;
  all.cachedBlocks += m[record + Rec.spilledBlocks]!;
  all.cachedUnits += m[record + Rec.spilledUnits]!;
  for (let units = 2; units <= MOST_UNITS; units++) {
    const depth = depthOf(m, cache, units);
    all.cachedBlocks += depth;
    all.cachedUnits += depth * units;
  }
  all.remoteBlocks += sent.blocks - m[record + Rec.receivedBlocks]!;
  all.remoteUnits += sent.units - m[record + Rec.receivedUnits]!;
  all.sent += sent.blocks;
  all.trims += m[record + Rec.trims]!;
  all.splits += m[record + Rec.splits]!;
  all.merges += m[record + Rec.mergesForward]! + m[record + Rec.mergesBackward]!;
}

/** A thread may have several heaps; those it took over do not count. */
function countThreads(): { alive: number; orphans: number } {
  const { words: m, store } = heap;
  const { threads } = store.os;
  const seen = new Set<number>();
  let orphans = 0;
  for (let index = 0; index < m[Control.heaps]!; index++) {
    if (recordOf(m, index) === 0) continue;
    const holder = holderOf(m, threads, entryOf(index));
    if (holder === 0) orphans++;
    else seen.add(holder);
  }
  return { alive: seen.size, orphans };
}
