/**
 * Wiping a made heap: forgetting all its blocks at once, and giving their pages back.
 *
 * Owns what is left: the record, and the segment that it lies in, without blocks. Every step is idempotent, from any state that a
 * death leaves: only the table of segments is trusted. recover() must follow.
 */
import type { Pool } from "../heap/pool.js";
import { RECORD_WORDS, Rec } from "../heap/record.js";
import { roundUp, WORD_BYTES } from "../memory/memory.js";
import { discardPages, zeroPages } from "../space/small-pages.js";

/** Words of the record that are kept: which heap it is, and counts since the process began. */
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
  Rec.sentMarks,
]);

/** For the thread that has the heap, which must not hold the lock. Other threads may free its blocks at the same time. */
export function wipe(pool: Pool): void {
  const { m, record, wilderness } = pool;
  const { segments } = wilderness;
  let home = -1;
  for (const id of wilderness.ownSegments()) {
    if (segments.chunkStart(id) !== record) segments.vacate(id, segments.chunkStart(id));
    else home = id;
  }
  clear(pool, record + RECORD_WORDS, segments.end(home));
  for (let word = 0; word < Rec.outbox; word++) if (!KEPT.has(word)) m[record + word] = 0;
  wilderness.begin(home);
}

/**
 * Gives back all pages of a wiped heap but the first, with the words that are kept: lists and bins are rebuilt when the heap is
 * claimed. It must be claimed, and recovered, before it is used again.
 */
export function shrinkRecord({ m, record, wilderness }: Pool): void {
  const { account, os, window, pageSize } = wilderness;
  const bytes = (m[record + Rec.commit]! - record) * WORD_BYTES - pageSize;
  if (bytes > 0 && discardPages(window, os, window.addressOf(record) + pageSize, bytes))
    account.discharge(bytes / pageSize);
}

/** Purges whole pages, which then read as zero; clears the rest of the record's last page by stores. */
function clear(pool: Pool, from: number, end: number): void {
  const { m, wilderness } = pool;
  const { os, window, pageSize } = wilderness;
  const firstPage = roundUp(from, pageSize / WORD_BYTES);
  for (let word = from; word < firstPage; word++) m[word] = 0;
  if (end > firstPage) zeroPages(window, os, firstPage, end);
}
