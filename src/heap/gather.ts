/**
 * Gathering: taking back blocks of a made heap (`new Heap()`) that other threads freed. Those threads only mark the checksum
 * (shared/remote.ts); the owner finds the marks by a walk over all headers.
 *
 * Owns that walk, and when it is worth its time. It leaves the blocks CACHED and in no list: consolidation must follow.
 */
import { CACHED, FREE, markAt, markCached, nextOf, sizeOf } from "../block/block.js";
import type { Block } from "../memory/memory.js";
import type { Pool } from "./pool.js";
import { Rec } from "./record.js";
import { extentUnits } from "./wilderness.js";

/** Worth a walk when others freed this share of the heap: then the walk costs about as much per byte as the free did. */
const WORTH_SHARE = 1 / 8;

/** Whether other threads freed so much of the heap that a walk is worth it. */
export function isWorthGathering(m: Int32Array, record: number): boolean {
  const left = m[record + Rec.markedUnits]!;
  return left > 0 && left > extentUnits(m, record) * WORTH_SHARE;
}

/** Frees all marked blocks. A size of 0 ends the walk of its segment; consolidation reports the overwritten header. */
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
  // Negative for a moment when another thread has marked a block and not counted it yet.
  wilderness.window.add(record + Rec.markedBlocks, -blocks);
  wilderness.window.add(record + Rec.markedUnits, -units);
}
