/**
 * Statistics of a heap: live blocks, and freed ones by state, from the counters in its record.
 *
 * Owns the arithmetic. The counters of a running thread's heap are read at slightly different moments.
 */
import { sizeOf, UNIT_BYTES } from "../block/block.js";
import { segmentStart } from "../memory/control.js";
import { type Block, HEADER_BYTES } from "../memory/memory.js";
import { freedForOthers } from "../shared/remote.js";
import { CACHED_UNITS, countOf } from "./cache.js";
import type { ThreadHeap } from "./heap.js";
import { cacheOf, Rec, smallBinsOf } from "./record.js";
import { SMALL_UNITS, smallBinCount } from "./small-bins.js";

/** In blocks and units, headers included. */
export interface Holdings {
  blocks: number;
  units: number;
  freeUnits: number;
  cachedBlocks: number;
  cachedUnits: number;
  remoteBlocks: number;
  remoteUnits: number;
  reclaimedPages: number;
  sent: number;
  trims: number;
  splits: number;
  merges: number;
}

export function noHoldings(): Holdings {
  return {
    blocks: 0,
    units: 0,
    freeUnits: 0,
    cachedBlocks: 0,
    cachedUnits: 0,
    remoteBlocks: 0,
    remoteUnits: 0,
    reclaimedPages: 0,
    sent: 0,
    trims: 0,
    splits: 0,
    merges: 0,
  };
}

/** What heaps hold now. Sizes are in bytes. */
export interface HeapStats {
  /** Usable bytes in live blocks. */
  allocated: number;
  /** Live blocks. */
  blocks: number;
  /** Usable bytes in cached blocks: freed, not coalesced, kept for a request of their size. */
  cached: number;
  /** Bytes in coalesced free blocks, headers included. */
  free: number;
  /** Usable bytes in blocks that another thread freed and their owner has not taken back yet, less what was given back since. */
  remote: number;
  /** Bytes of address space that were ever touched and not given back; what a limit is for. */
  footprint: number;
}

type Figures = Omit<HeapStats, "footprint">;

/** `allocated` and `blocks` are differences of counters, and may be negative while other threads change them. */
export function figuresOf(all: Holdings, pageSize: number): Figures {
  const blocks = all.blocks - all.cachedBlocks - all.remoteBlocks;
  const remote = all.remoteUnits * UNIT_BYTES - all.remoteBlocks * HEADER_BYTES;
  const units = all.units - all.freeUnits - all.cachedUnits - all.remoteUnits;
  return {
    allocated: units * UNIT_BYTES - blocks * HEADER_BYTES,
    blocks,
    cached: all.cachedUnits * UNIT_BYTES - all.cachedBlocks * HEADER_BYTES,
    free: all.freeUnits * UNIT_BYTES,
    remote: Math.max(0, remote - all.reclaimedPages * pageSize),
  };
}

/** Whether anything was ever allocated from the heap with that record. */
export function isUsed({ words: m, wilderness }: ThreadHeap, record: number): boolean {
  if (record === 0) return false;
  const start = wilderness.segments.start(m[record + Rec.segment]!);
  return m[record + Rec.top]! > start || m[record + Rec.high]! > start || m[record + Rec.closedUnits]! > 0;
}

/** Adds the figures of the heap with that record. */
export function addHoldings(all: Holdings, m: Int32Array, record: number): void {
  const start = segmentStart(m, m[record + Rec.segment]!);
  const cache = cacheOf(record);
  const smallBins = smallBinsOf(record);
  const sent = freedForOthers(m, record);
  all.blocks += m[record + Rec.blocks]! - m[record + Rec.freeBlocks]!;
  const used = Math.max(0, m[record + Rec.top]! - start); // top is below start while a segment is being begun
  all.units += m[record + Rec.closedUnits]! + (used >>> 2);
  all.freeUnits += m[record + Rec.freeUnits]!;
  for (let units = 2; units <= CACHED_UNITS; units++) {
    const count = countOf(m, cache, units) + (units > SMALL_UNITS ? 0 : smallBinCount(m, smallBins, units));
    all.cachedBlocks += count;
    all.cachedUnits += count * units;
  }
  const victim = m[record + Rec.victim]! as Block;
  if (victim !== 0) {
    all.cachedBlocks++;
    all.cachedUnits += sizeOf(m, victim) >>> 4;
  }
  all.remoteBlocks += sent.blocks - m[record + Rec.receivedBlocks]! + m[record + Rec.markedBlocks]!;
  all.remoteUnits += sent.units - m[record + Rec.receivedUnits]! + m[record + Rec.markedUnits]!;
  all.reclaimedPages += m[record + Rec.reclaimedPages]!;
  all.sent += sent.blocks + m[record + Rec.sentMarks]!;
  all.trims += m[record + Rec.purges]!;
  all.splits += m[record + Rec.splits]!;
  all.merges += m[record + Rec.coalescedForward]! + m[record + Rec.coalescedBackward]!;
}
