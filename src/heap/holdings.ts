/**
 * What a heap holds, counted from what the slow paths count: live blocks, and those that are freed in one way or another.
 *
 * Of a heap of another thread that runs, these are words of several moments.
 */
import { sizeOf, UNIT_BYTES } from "../block/block.js";
import { segmentStart } from "../memory/control.js";
import { type Block, HEADER_BYTES } from "../memory/memory.js";
import { freedElsewhere } from "../shared/remote.js";
import { CACHED_UNITS, countOf } from "./cache.js";
import type { ThreadHeap } from "./heap.js";
import { cacheOf, Rec, smallBinsOf } from "./record.js";
import { SMALL_UNITS, smallBinCount } from "./small-bins.js";

/** In blocks and units of 16 bytes, headers included. */
export interface Holdings {
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

export function noHoldings(): Holdings {
  return {
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
}

/** In bytes that can be used, except `free`, which has headers in it; live blocks, and freed ones by where they wait. */
export interface Figures {
  readonly allocated: number;
  readonly blocks: number;
  readonly cached: number;
  readonly free: number;
  readonly remote: number;
}

/** `allocated` and `blocks` are differences, and may be negative where other threads changed what was counted. */
export function figuresOf(all: Holdings): Figures {
  const blocks = all.blocks - all.cachedBlocks - all.remoteBlocks;
  const units = all.units - all.freeUnits - all.cachedUnits - all.remoteUnits;
  return {
    allocated: units * UNIT_BYTES - blocks * HEADER_BYTES,
    blocks,
    cached: all.cachedUnits * UNIT_BYTES - all.cachedBlocks * HEADER_BYTES,
    free: all.freeUnits * UNIT_BYTES,
    remote: Math.max(0, all.remoteUnits * UNIT_BYTES - all.remoteBlocks * HEADER_BYTES),
  };
}

/** Whether anything was ever allocated from the heap with that record. */
export function isUsed({ words: m, wilderness }: ThreadHeap, record: number): boolean {
  if (record === 0) return false;
  const start = wilderness.segments.start(m[record + Rec.segment]!);
  return m[record + Rec.top]! > start || m[record + Rec.high]! > start || m[record + Rec.closedUnits]! > 0;
}

/** Adds those of the heap with that record. */
export function addHoldings(all: Holdings, m: Int32Array, record: number): void {
  const start = segmentStart(m, m[record + Rec.segment]!);
  const cache = cacheOf(record);
  const smallBins = smallBinsOf(record);
  const sent = freedElsewhere(m, record);
  all.blocks += m[record + Rec.blocks]! - m[record + Rec.freeBlocks]!;
  const used = Math.max(0, m[record + Rec.top]! - start); // below it while a segment begins
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
  all.remoteBlocks += sent.blocks - m[record + Rec.receivedBlocks]! + m[record + Rec.leftBlocks]!;
  all.remoteUnits += sent.units - m[record + Rec.receivedUnits]! + m[record + Rec.leftUnits]!;
  all.sent += sent.blocks + m[record + Rec.leftElsewhere]!;
  all.trims += m[record + Rec.purges]!;
  all.splits += m[record + Rec.splits]!;
  all.merges += m[record + Rec.coalescedForward]! + m[record + Rec.coalescedBackward]!;
}
