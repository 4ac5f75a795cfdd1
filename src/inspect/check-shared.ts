/**
 * Verification of what threads share: the table of segments with the owners of chunks, the large blocks, and the headers of
 * orphans.
 *
 * Owns those checks. Must not change anything. Orphans are read under the adoption mutex. An orphan's thread may have died in the
 * middle of an update, so only what recovery relies on is verified.
 */

import { FENCE_BYTES, isIntact, MIN_BLOCK, nextOf, sizeOf } from "../block/block.js";
import { firstOverwritten, headerOverwritten } from "../block/damage.js";
import { corrupt, hex } from "../errors.js";
import type { ThreadHeap } from "../heap/heap.js";
import { Rec } from "../heap/record.js";
import { CHUNK_BYTES, CHUNK_WORDS, CHUNKS, Control, OWNERS } from "../memory/control.js";
import type { Block } from "../memory/memory.js";
import { underAdoption } from "../process/claims.js";
import { isUnfinishedGrowth, MOST_DAMAGED } from "../process/recover.js";
import { entryOf, isAlive, isDoomed, isRuined, recordOf } from "../shared/heaps.js";
import { isVacant } from "../space/vacant.js";

/** Verifies what all threads share. Throws ERR_HEAP_CORRUPT for the first contradiction. */
export function checkShared(of: ThreadHeap): void {
  checkLarge(of);
  underAdoption(of.window, of.wilderness.os, () => {
    of.wilderness.segments.whileStill(() => checkSegments(of));
    const { words: m, window, wilderness } = of;
    for (let index = 0; index < m[Control.heaps]!; index++) {
      const entry = entryOf(index);
      const record = recordOf(m, index);
      if (isDoomed(m, entry)) continue; // an adopter relies on nothing in it
      if (record === 0 || isAlive(window, wilderness.os.threads, entry)) continue;
      if (isRuined(m, entry)) throw ruined(m, record);
      checkOrphan(of, record);
    }
  });
}

/** Segments do not overlap, each chunk has the owner that its segment's entry says, and no other chunk has one. */
function checkSegments(of: ThreadHeap): void {
  const m = of.words;
  const { segments } = of.wilderness;
  const taken = new Set<number>();
  for (const id of segments.used()) {
    for (let chunk = segments.chunkStart(id) / CHUNK_WORDS; chunk < segments.end(id) / CHUNK_WORDS; chunk++) {
      if (taken.has(chunk)) throw corrupt(`${megabyte(of, chunk)} is in two segments`);
      taken.add(chunk);
      if (m[OWNERS + chunk] !== segments.owner(id)) {
        throw corrupt(`${megabyte(of, chunk)} is noted as another heap's than its segment`);
      }
    }
  }
  for (let chunk = 0; chunk < CHUNKS; chunk++) {
    if (m[OWNERS + chunk] !== 0 && !taken.has(chunk))
      throw corrupt(`${megabyte(of, chunk)} is noted as a heap's, and is in no segment`);
    if (isVacant(m, chunk) && taken.has(chunk))
      throw corrupt(`${megabyte(of, chunk)} is noted as vacant, and is in a segment`);
  }
}

function megabyte(of: ThreadHeap, chunk: number): string {
  return `the megabyte of memory at ${hex(of.window.base + chunk * CHUNK_BYTES)}`;
}

const ENDED = ", in the heap of a thread that ended,";

/** The error for a heap that could not be adopted because it was overwritten. */
function ruined(m: Int32Array, record: number): Error {
  const b = firstOverwritten(m, record, m[record + Rec.top]!);
  return b === 0
    ? corrupt("the heap of a thread that ended was overwritten")
    : headerOverwritten(m, b, ENDED);
}

function checkOrphan(of: ThreadHeap, record: number): void {
  const m = of.words;
  const { segments } = of.wilderness;
  let damaged = 0;
  for (let id = 0; id < segments.count; id++) {
    if (segments.owner(id) !== record) continue;
    const start = segments.start(id);
    const active = m[record + Rec.segment] === id;
    const top = m[record + Rec.top]!;
    const end = active ? (top >= start && top <= segments.end(id) ? top : start) : segments.end(id);
    for (let b = start as Block; b < end; b = nextOf(m, b)) {
      const size = sizeOf(m, b);
      if (size === 0 && b === start) break; // a segment that was taken and holds no block yet
      if (!isIntact(m, b, of.secret)) damaged++;
      if (size === FENCE_BYTES && !active) break;
      if (isUnfinishedGrowth(of.pool, b, end)) break;
      if (size < MIN_BLOCK || b + (size >>> 2) > end || damaged > MOST_DAMAGED)
        throw headerOverwritten(m, b, ENDED);
    }
  }
}

function checkLarge(of: ThreadHeap): void {
  const { counted, noted, overwritten, isOrdered } = of.large.audit();
  if (!isOrdered) throw corrupt("the table of large blocks is out of order");
  if (overwritten !== 0) {
    throw corrupt(
      `the header of the large block in the mapping at ${hex(overwritten)} was overwritten`,
      "look for what writes in front of it",
    );
  }
  for (const what of ["blocks", "pages", "front", "slack"] as const) {
    if (counted[what] === noted[what]) continue;
    throw corrupt(`of large blocks, ${counted[what]} ${what} were found where ${noted[what]} are noted`);
  }
}
