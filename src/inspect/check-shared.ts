/**
 * The check of what threads share: the table of segments with the owners of chunks, the large blocks, and the headers
 * of heaps whose threads ended.
 *
 * Reads everything, changes nothing. Heaps of ended threads are read under the mutex that keeps others from taking them
 * over meanwhile. Such a heap may have been left in the middle of an update, so of it only that is verified which a
 * thread that takes it over relies on.
 */
import { underAdoption } from "../core/adopt.js";
import { FENCE_BYTES, isSealed, MIN_BLOCK, nextOf, sizeOf } from "../core/block.js";
import { CHUNK_WORDS, CHUNKS, Control, OWNERS } from "../core/control.js";
import type { ThreadHeap } from "../core/heap.js";
import { entryOf, isAlive, isRuined, recordOf } from "../core/heaps.js";
import type { Block } from "../core/memory.js";
import { Rec } from "../core/record.js";
import { isUnfinishedGrowth, MOST_TORN } from "../core/recover.js";
import { corrupt, hex } from "../errors.js";

/** What all threads share, seen by the thread of this heap. */
export function checkShared(of: ThreadHeap): void {
  checkLarge(of);
  underAdoption(of.window, of.store.os, () => {
    of.store.segments.whileStill(() => checkSegments(of));
    const { words: m, window, store } = of;
    for (let index = 0; index < m[Control.heaps]!; index++) {
      const entry = entryOf(index);
      const record = recordOf(m, index);
      if (record === 0 || isAlive(window, store.os.threads, entry)) continue;
      if (isRuined(m, entry))
        throw corrupt(`the headers of heap ${index}, whose thread ended, were overwritten`);
      checkOrphan(of, index, record);
    }
  });
}

/** Segments lie apart, each chunk of one says the same owner as its entry, and no other chunk has an owner. */
function checkSegments(of: ThreadHeap): void {
  const m = of.words;
  const { segments } = of.store;
  const taken = new Map<number, number>();
  for (let id = 0; id < segments.count; id++) {
    for (let chunk = segments.chunkStart(id) / CHUNK_WORDS; chunk < segments.end(id) / CHUNK_WORDS; chunk++) {
      if (taken.has(chunk)) throw corrupt(`chunk ${chunk} is in the segments ${taken.get(chunk)} and ${id}`);
      taken.set(chunk, id);
      if (m[OWNERS + chunk] !== segments.owner(id)) {
        throw corrupt(
          `chunk ${chunk} of segment ${id} has the owner ${m[OWNERS + chunk]}, not ${segments.owner(id)}`,
        );
      }
    }
  }
  for (let chunk = 0; chunk < CHUNKS; chunk++) {
    const owner = m[OWNERS + chunk]!;
    if (owner !== 0 && !taken.has(chunk))
      throw corrupt(`chunk ${chunk} has the owner ${owner}, and is in no segment`);
  }
}

function checkOrphan(of: ThreadHeap, index: number, record: number): void {
  const m = of.words;
  const { segments } = of.store;
  let torn = 0;
  for (let id = 0; id < segments.count; id++) {
    if (segments.owner(id) !== record) continue;
    const start = segments.start(id);
    const active = m[record + Rec.segment] === id;
    const top = m[record + Rec.top]!;
    const end = active ? (top >= start && top <= segments.end(id) ? top : start) : segments.end(id);
    for (let b = start as Block; b < end; b = nextOf(m, b)) {
      const size = sizeOf(m, b);
      if (size === 0 && b === start) break; // taken and not begun
      if (!isSealed(m, b, of.secret)) torn++;
      if (size === FENCE_BYTES && !active) break;
      if (isUnfinishedGrowth(of.store, b, end)) break;
      if (size < MIN_BLOCK || b + (size >>> 2) > end || torn > MOST_TORN) {
        const where = hex(of.window.pointerOf(b));
        throw corrupt(
          `the header of the block at ${where}, of heap ${index}, whose thread ended, was overwritten`,
        );
      }
    }
  }
}

function checkLarge(of: ThreadHeap): void {
  const { counted, noted, unsealed } = of.large.audit();
  if (unsealed !== 0) {
    throw corrupt(`the header of the large block in the mapping at ${hex(unsealed)} was overwritten`);
  }
  for (const what of ["blocks", "pages", "front"] as const) {
    if (counted[what] === noted[what]) continue;
    throw corrupt(`of large blocks, ${counted[what]} ${what} were found where ${noted[what]} are noted`);
  }
}
