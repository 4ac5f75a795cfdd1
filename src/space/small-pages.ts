/**
 * Giving pages of segments back to the kernel for good, also where it uses huge pages (transparent_hugepage/enabled).
 *
 * Around one page in use the kernel lays a huge page of 2 MiB, in the background (khugepaged): so within a minute it takes again
 * all that was given back. A heap that never gave memory back may have huge pages, which make it faster. With the first page that
 * is given back all segments have small pages from then on. Must not know blocks, or when pages are given back.
 */
import { CHUNK_BYTES, Control, segmentEnd, segmentStart } from "../memory/control.js";
import { roundDown, type Window, WORD_BYTES } from "../memory/memory.js";
import type { Os } from "../platform/os.js";

/** Gives pages of segments back: they stay mapped, and read as zero. False when the kernel refuses. */
export function discardPages(window: Window, os: Os, address: number, bytes: number): boolean {
  const m = window.words;
  if (m[Control.smallPages] === 0) {
    m[Control.smallPages] = 1; // first: a segment that is mapped meanwhile is seen here, or sees this
    useSmallPages(window, os);
  }
  return os.discard(address, bytes);
}

/** Makes whole pages of segments read as zero: gives them back, or clears them where they are locked in memory. Between two words. */
export function zeroPages(window: Window, os: Os, from: number, to: number): void {
  const isGiven = discardPages(window, os, window.addressOf(from), (to - from) * WORD_BYTES);
  if (!isGiven) clearWords(window.words, from, to);
}

/** Clears words without a store to those that were never written: their pages take no memory then. */
export function clearWords(m: Int32Array, from: number, to: number): void {
  for (let word = from; word < to; word++) if (m[word] !== 0) m[word] = 0;
}

function useSmallPages(window: Window, os: Os): void {
  const m = window.words;
  const rangeEnd = m[Control.breakChunks]! * CHUNK_BYTES;
  if (rangeEnd > 0) os.useSmallPages(window.base, rangeEnd);
  for (let id = 0; id < m[Control.segments]!; id++) {
    const start = roundDown(segmentStart(m, id) * WORD_BYTES, CHUNK_BYTES);
    const bytes = segmentEnd(m, id) * WORD_BYTES - start; // less than none if it is vacated meanwhile, or its number is free
    if (start >= rangeEnd && bytes > 0) os.useSmallPages(window.base + start, bytes);
  }
}
