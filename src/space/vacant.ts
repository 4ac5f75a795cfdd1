/**
 * Chunks that segments were in: kept, for they stay mapped for good, and vacant while nobody has them.
 *
 * Owns two bits for each. A vacant chunk holds nothing but zeroes. The next segment of any heap gets it, or a large block that finds
 * no room elsewhere. It is never unmapped: another thread may have looked at its owner just before, to read a header there, for a
 * wrong pointer or for stats(). Callers hold the lock, unless it says otherwise.
 */
import { CHUNKS, KEPT, VACANT } from "../memory/control.js";

export function isKept(m: Int32Array, chunk: number): boolean {
  return chunk < CHUNKS && hasBit(m, KEPT, chunk); // large blocks may lie above the zone
}

export function isVacant(m: Int32Array, chunk: number): boolean {
  return hasBit(m, VACANT, chunk);
}

/** From now on the chunks are kept. */
export function keep(m: Int32Array, first: number, chunks: number): void {
  setBits(m, KEPT, first, chunks, true);
}

export function setVacant(m: Int32Array, first: number, chunks: number, vacant: boolean): void {
  setBits(m, VACANT, first, chunks, vacant);
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

/** The lowest run of vacant chunks below `end` for which `fits` finds a place; null for none. */
export function findVacant(
  m: Int32Array,
  end: number,
  fits: (first: number, end: number) => number | null,
): number | null {
  for (let at = 0; at < end; ) {
    const first = nextVacant(m, at, end);
    at = endOfVacant(m, first, end);
    const place = first < at ? fits(first, at) : null;
    if (place !== null) return place;
  }
  return null;
}

/** How many chunks are vacant. Without the lock: of about now. */
export function vacantChunks(m: Int32Array): number {
  let count = 0;
  for (let at = nextVacant(m, 0, CHUNKS); at < CHUNKS; at = nextVacant(m, at + 1, CHUNKS)) count++;
  return count;
}

function hasBit(m: Int32Array, table: number, chunk: number): boolean {
  return ((m[table + (chunk >>> 5)]! >>> (chunk & 31)) & 1) !== 0;
}

function setBits(m: Int32Array, table: number, first: number, chunks: number, set: boolean): void {
  for (let chunk = first; chunk < first + chunks; chunk++) {
    const word = table + (chunk >>> 5);
    const bit = 1 << (chunk & 31);
    m[word] = set ? m[word]! | bit : m[word]! & ~bit;
  }
}
