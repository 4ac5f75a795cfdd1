/**
 * Vacant chunks: those of segments that were given up. They are mapped, hold nothing but zeroes, and wait for the next segment.
 *
 * Owns one bit for each; callers hold the lock, unless it says otherwise. They stay mapped because another thread may have looked at
 * a chunk's owner just before, to read a header there: for a wrong pointer, or for stats(). Only where large blocks find no room are
 * they unmapped.
 */
import { CHUNKS, VACANT } from "../memory/control.js";

export function isVacant(m: Int32Array, chunk: number): boolean {
  return ((m[VACANT + (chunk >>> 5)]! >>> (chunk & 31)) & 1) !== 0;
}

export function setVacant(m: Int32Array, first: number, chunks: number, vacant: boolean): void {
  for (let chunk = first; chunk < first + chunks; chunk++) {
    const word = VACANT + (chunk >>> 5);
    const bit = 1 << (chunk & 31);
    m[word] = vacant ? m[word]! | bit : m[word]! & ~bit;
  }
}

/** The first vacant chunk from `from` on, before `end`; `end` for none. */
export function nextVacant(m: Int32Array, from: number, end: number): number {
  let chunk = from;
  while (chunk < end && !isVacant(m, chunk)) {
    // A word of zeroes is passed at once: most are, and each new segment looks here first.
    chunk = m[VACANT + (chunk >>> 5)] === 0 ? (chunk | 31) + 1 : chunk + 1;
  }
  return Math.min(chunk, end);
}

/** The chunk after the run of vacant ones that begins with `first`, or `end` if that comes before. */
export function endOfVacant(m: Int32Array, first: number, end: number): number {
  let chunk = first;
  while (chunk < end && isVacant(m, chunk)) chunk++;
  return chunk;
}

/** How many chunks are vacant. Without the lock: of about now. */
export function vacantChunks(m: Int32Array): number {
  let count = 0;
  for (let at = nextVacant(m, 0, CHUNKS); at < CHUNKS; at = nextVacant(m, at + 1, CHUNKS)) count++;
  return count;
}
