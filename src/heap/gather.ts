/**
 * Taking back the blocks of a heap that a program made, which other threads freed: they leave a mark in the checksum
 * (shared/remote.ts), and whoever has the heap looks for marks.
 *
 * Owns that look, and when it is worth it. What it finds is CACHED and in no list: the heap is to be consolidated next.
 */
import { CACHED, FREE, markAt, markCached, nextOf, sizeOf } from "../block/block.js";
import type { Block } from "../memory/memory.js";
import type { Pool } from "./pool.js";
import { Rec } from "./record.js";
import { extentUnits } from "./wilderness.js";

/** A look at all headers is worth it when about this part of the heap was freed by others: as dear, per byte, as the free was. */
const WORTH_SHARE = 1 / 8;

/** Whether others freed so much of the heap with that record that it should be looked for. */
export function isWorthGathering(m: Int32Array, record: number): boolean {
  const left = m[record + Rec.leftUnits]!;
  return left > 0 && left > extentUnits(m, record) * WORTH_SHARE;
}

/** Frees all blocks that have a mark. A header that makes no sense ends the look at its segment: consolidating tells. */
export function gather(pool: Pool): void {
  const { m, record, wilderness } = pool;
  let blocks = 0;
  let units = 0;
  for (const id of wilderness.ownSegments()) {
    const end = wilderness.endOf(id);
    for (let b = wilderness.segments.start(id) as Block; b < end && sizeOf(m, b) > 0; b = nextOf(m, b)) {
      if ((m[b]! & (FREE | CACHED)) !== 0 || markAt(m, b, pool.secret) === 0) continue;
      markCached(m, b);
      blocks++;
      units += sizeOf(m, b) >>> 4;
    }
  }
  // Less than nothing for a moment, when somebody has marked a block and not counted it yet.
  wilderness.window.add(record + Rec.leftBlocks, -blocks);
  wilderness.window.add(record + Rec.leftUnits, -units);
}
