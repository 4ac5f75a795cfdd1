/**
 * stats(): figures of the process, derived from what slow paths count, for the fast paths count nothing.
 *
 * Owns their names, and the sums over all heaps. The figures of one heap are in heap/holdings.ts.
 */

import { guarded } from "../api/attached.js";
import { heap, unusable } from "../api/malloc.js";
import { addHoldings, figuresOf, type HeapStats, type Holdings, noHoldings } from "../heap/holdings.js";
import { Rec } from "../heap/record.js";
import { Control } from "../memory/control.js";
import { load, viewedBytes } from "../platform/os.js";
import { type Waiting, waiting } from "../process/idle-owners.js";
import { notePeak } from "../shared/account.js";
import { holderOf, Kind, kindOf, recordOf } from "../shared/heaps.js";

/**
 * Figures of the process. Sizes are in bytes. They, and `blocks`, `segments`, `threads`, `orphans`, `heaps` and `waiting`,
 * are of now, and `peakFootprint` is the highest so far; the other figures count events since the process began.
 */
export interface Stats extends HeapStats {
  /** The highest `footprint` so far. */
  peakFootprint: number;
  /**
   * `process.memoryUsage().external` of the calling thread, less the address space of heapwright's views, which V8 counts
   * as if it were memory. What is left is Buffers and the like, no blocks of this heap.
   */
  external: number;
  /** Ranges of address space that heaps carve blocks from. */
  segments: number;
  /** Living threads that have a heap. */
  threads: number;
  /** Heaps of ended threads that no thread has adopted yet. */
  orphans: number;
  /** Heaps made by `new Heap()` that were not destroyed and whose threads live. */
  heaps: number;
  /** Times that a heap took more address space. */
  grows: number;
  /** Mappings made for large blocks. */
  mmaps: number;
  /** Mappings of large blocks unmapped. */
  munmaps: number;
  /** Large blocks resized or moved by mremap, without copying. */
  mremaps: number;
  /** Times that pages inside free blocks were purged: given back to the kernel. */
  trims: number;
  /** Free blocks split to fit a request. */
  splits: number;
  /** Free blocks coalesced with a free neighbour. */
  merges: number;
  /** Blocks freed by a thread that does not own their heap. */
  remoteFrees: number;
  /** Threads that have not taken back yet what others freed in their heaps: see idle(). */
  waiting: readonly Waiting[];
}

/**
 * Figures of the whole process. Any thread. Takes microseconds. While other threads allocate, free, or take back what was
 * freed for them, which they also do in their event loops, the figures are of slightly different moments.
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
  const { words: m, window, wilderness } = heap;
  notePeak(window);
  const pageSize = m[Control.pageSize]!;
  const all = holdings(m);
  const { alive, orphans, made } = countThreads();
  const { allocated, blocks, ...freed } = figuresOf(all, pageSize);
  const mapped = (m[Control.largePages]! - m[Control.largeSlack]!) * pageSize - m[Control.largeFront]! * 16;
  const apart = inSlots();
  return {
    // Differences of counters of other threads, read at slightly different moments: they may be negative.
    allocated: Math.max(0, allocated + mapped + apart.bytes),
    blocks: Math.max(0, blocks + m[Control.largeCount]! + apart.blocks),
    ...freed,
    footprint: heap.pressure().footprint,
    peakFootprint: m[Control.peakPages]! * pageSize,
    external: externalBytes(),
    segments: wilderness.segments.used().length,
    threads: alive,
    orphans,
    heaps: made,
    grows: m[Control.grows]! >>> 0,
    mmaps: m[Control.mmaps]! >>> 0,
    munmaps: m[Control.munmaps]! >>> 0,
    mremaps: m[Control.mremaps]! >>> 0,
    trims: all.trims >>> 0,
    splits: all.splits >>> 0,
    merges: all.merges >>> 0,
    remoteFrees: all.sent,
    waiting: waiting(window, wilderness.os),
  };
}

/** What is allocated of the blocks with pages of their own, less the large block that they lie in. */
function inSlots(): { readonly bytes: number; readonly blocks: number } {
  const { slots } = heap.hooks;
  if (slots === null) return { bytes: 0, blocks: 0 };
  const live = slots.live();
  const pool = guarded(() => heap.large.sizeOf(slots.pool));
  return { bytes: live.reduce((sum, { size }) => sum + size, -pool), blocks: live.length - 1 };
}

/** From getHeapStatistics(): process.memoryUsage() takes 15 µs, for other figures that are not needed. */
function externalBytes(): number {
  const { getHeapStatistics } = load("node:v8") as typeof import("node:v8");
  return Math.max(0, getHeapStatistics().external_memory - viewedBytes());
}

/** How often the heaps are read again if they changed meanwhile, and how long to wait for updates to end. */
const TRIES = 10;
const PATIENCE_MS = 100;

/**
 * Sums over all heaps, of living and ended threads. They are read between updates of other threads, if possible: read in
 * the middle of an update, such as a drain of an inbox, blocks would count twice or not at all. A thread drains its inbox in
 * its event loop too, when its program does nothing.
 */
function holdings(m: Int32Array): Holdings {
  const deadline = performance.now() + PATIENCE_MS;
  for (let tries = 1; ; tries++) {
    while (othersChange(m) && performance.now() < deadline);
    const before = updatesOfOthers(m);
    const all = sums(m);
    if (tries === TRIES || (!othersChange(m) && updatesOfOthers(m) === before)) return all;
  }
}

/** Whether another living thread is in the middle of an update of its heap. */
function othersChange(m: Int32Array): boolean {
  const { window, wilderness } = heap;
  return recordsOfOthers(m).some(
    (record) =>
      window.atomicLoad(record + Rec.interrupted) !== 0 &&
      holderOf(m, wilderness.os.threads, m[record + Rec.entry]!) !== 0,
  );
}

function updatesOfOthers(m: Int32Array): number {
  return recordsOfOthers(m).reduce((sum, record) => sum + heap.window.atomicLoad(record + Rec.updates), 0);
}

function recordsOfOthers(m: Int32Array): number[] {
  return records(m).filter((record) => record !== heap.record);
}

function records(m: Int32Array): number[] {
  const all = Array.from({ length: m[Control.heaps]! }, (_, index) => recordOf(m, index));
  return all.filter((record) => record !== 0);
}

function sums(m: Int32Array): Holdings {
  const all = noHoldings();
  for (const record of records(m)) addHoldings(all, m, record);
  // Each heap's counters wrap around at 2^32: the low 32 bits of their sums are right.
  all.remoteBlocks |= 0;
  all.remoteUnits |= 0;
  all.sent >>>= 0;
  return all;
}

/** Counts living threads (each once, however many heaps it holds), orphans, and made heaps of living threads. */
function countThreads(): { alive: number; orphans: number; made: number } {
  const { words: m, wilderness } = heap;
  const { threads } = wilderness.os;
  const seen = new Set<number>();
  let orphans = 0;
  let made = 0;
  for (const record of records(m)) {
    const entry = m[record + Rec.entry]!;
    const holder = holderOf(m, threads, entry);
    const isThreads = kindOf(m, entry) === Kind.thread;
    if (holder !== 0) seen.add(holder);
    if (holder === 0 && isThreads) orphans++;
    if (holder !== 0 && !isThreads) made++;
  }
  return { alive: seen.size, orphans, made };
}
