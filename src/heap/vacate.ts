/**
 * Vacating: giving up address space that holds no block, for other heaps and for large blocks. dlmalloc's release_unused_segments,
 * but nothing is unmapped (space/vacant.ts).
 *
 * Owns what that is, and the heap's account of it. Purging must have given the pages back before. Only whole chunks above the last
 * live block of a segment are vacated: those between two blocks stay.
 */
import { LEAST_BINNED } from "../block/bins.js";
import {
  FENCE_BYTES,
  innerPages,
  isIntact,
  isPreviousFree,
  markPreviousFree,
  purgedPages,
  sizeOf,
  UNIT_BYTES,
  writeFree,
  writeLive,
} from "../block/block.js";
import { CHUNK_WORDS } from "../memory/control.js";
import { type Block, HEADER_BYTES, roundUp, WORD_BYTES } from "../memory/memory.js";
import type { Pool } from "./pool.js";
import { notePurged } from "./purge.js";
import { Rec } from "./record.js";
import type { Wilderness } from "./wilderness.js";

const HEADER_WORDS = HEADER_BYTES / WORD_BYTES;
/** Words that must be left of a free block, with the fence above it: blocks in bins are larger than LEAST_BINNED. */
const LEAST_LEFT = (LEAST_BINNED + UNIT_BYTES) / WORD_BYTES + HEADER_WORDS;

/** Vacates the ends of closed segments, and those of which all is free as a whole; whether there are any. After consolidation. */
export function vacateClosed(pool: Pool): boolean {
  const { m, record, wilderness } = pool;
  const { segments } = wilderness;
  let vacated = false;
  for (const id of wilderness.ownSegments()) {
    const b = wilderness.isActive(id) ? (0 as Block) : lastFree(pool, id);
    if (b === 0) continue;
    const whole = b === segments.start(id) && segments.chunkStart(id) !== record; // the record stays
    const from = whole ? segments.chunkStart(id) : roundUp(b + LEAST_LEFT, CHUNK_WORDS);
    const pages = ((segments.end(id) - from) * WORD_BYTES) / wilderness.pageSize;
    if (pages <= 0) continue;
    // The account first: recovery counts it again, from the headers of the segments that are there.
    const purged = pool.freeBlocks.remove(b);
    const units = whole ? sizeOf(m, b) / UNIT_BYTES : ((segments.end(id) - from) * WORD_BYTES) / UNIT_BYTES;
    m[record + Rec.closedUnits] = m[record + Rec.closedUnits]! - units;
    if (whole) m[record + Rec.blocks] = m[record + Rec.blocks]! - 1;
    const kept = whole ? 0 : cutEnd(pool, b, (from - HEADER_WORDS) as Block);
    wilderness.account.discharge(pages - (purged - kept));
    if (segments.vacate(id, from)) vacated = true;
  }
  return vacated;
}

/**
 * Vacates the chunks of the active segment above all that is committed; whether there are any. A fence must still fit, so that it can
 * be closed.
 */
export function vacateWilderness({ m, record, segments }: Wilderness): boolean {
  const top = m[record + Rec.top]! + FENCE_BYTES / WORD_BYTES;
  const used = Math.max(top, m[record + Rec.commit]!);
  return segments.vacate(m[record + Rec.segment]!, roundUp(used, CHUNK_WORDS));
}

/** The free block below the fence of a closed segment, if none of its pages is left; else 0. */
function lastFree({ m, secret, freeBlocks, wilderness }: Pool, id: number): Block {
  const fence = (wilderness.segments.end(id) - HEADER_WORDS) as Block;
  if (sizeOf(m, fence) !== FENCE_BYTES || !isIntact(m, fence, secret) || !isPreviousFree(m, fence))
    return 0 as Block;
  const b = freeBlocks.below(fence);
  return purgedPages(m, b) === innerPages(b, sizeOf(m, b), wilderness.pageSize) ? b : (0 as Block);
}

/**
 * Ends a free block in no bin at a new fence, and puts it into its bin; how many of its pages are purged then. The fence first: once
 * the block ends there, the segment does. If the thread dies before what lies above is vacated, recovery does that.
 */
function cutEnd({ m, secret, freeBlocks, wilderness }: Pool, b: Block, fence: Block): number {
  const size = (fence - b) * WORD_BYTES;
  const pages = innerPages(b, size, wilderness.pageSize);
  writeLive(m, fence, FENCE_BYTES, secret);
  markPreviousFree(m, fence);
  writeFree(m, b, size, secret);
  freeBlocks.put(b, size);
  notePurged(wilderness, b, pages);
  return pages;
}
