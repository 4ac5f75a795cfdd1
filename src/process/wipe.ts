/**
 * Forgetting all blocks of a heap at once, and giving their pages back.
 *
 * Owns what is left: the record, and segments that hold no block. Every step has the same result when it is done again, from
 * whatever state a death left, for it trusts nothing but the table of segments. recover() makes a heap of it afterwards.
 */
import type { Pool } from "../heap/pool.js";
import { RECORD_WORDS, Rec } from "../heap/record.js";
import { roundUp, WORD_BYTES } from "../memory/memory.js";

/** Words of the record that stay: which heap it is, and what was counted since the process began. */
const KEPT: ReadonlySet<number> = new Set([
  Rec.entry,
  Rec.splits,
  Rec.coalescedForward,
  Rec.coalescedBackward,
  Rec.purges,
  Rec.sentBlocks,
  Rec.sentUnits,
  Rec.receivedBlocks,
  Rec.receivedUnits,
  Rec.leftElsewhere,
]);

/** Only for the thread that has the heap, with the lock free; blocks that others free at this moment are free. */
export function wipe(pool: Pool): void {
  const { m, record, wilderness } = pool;
  const { segments } = wilderness;
  const own = wilderness.ownSegments();
  const home = own.find((id) => segments.chunkStart(id) === record)!;
  for (const id of own)
    clear(pool, id === home ? record + RECORD_WORDS : segments.chunkStart(id), segments.end(id));
  for (let word = 0; word < Rec.outbox; word++) if (!KEPT.has(word)) m[record + word] = 0;
  wilderness.begin(home);
}

/** Whole pages go back to the kernel, and read as zero afterwards; what they share with the record is cleared by hand. */
function clear(pool: Pool, from: number, end: number): void {
  const { m, wilderness } = pool;
  const { os, window, pageSize } = wilderness;
  const firstPage = roundUp(from, pageSize / WORD_BYTES);
  for (let word = from; word < firstPage; word++) m[word] = 0;
  const bytes = (end - firstPage) * WORD_BYTES;
  if (bytes > 0 && !os.discard(window.addressOf(firstPage), bytes)) m.fill(0, firstPage, end); // pages locked in memory
}
