/**
 * Records: blocks of varying length in which every word says which record it belongs to.
 *
 * A record is known by its number alone: from it follow its length and what every word must hold, so that whoever
 * receives a pointer and knows which record to expect can verify all of it.
 */
import { malloc, type Pointer, read, write } from "../../src/index.js";

const LEAST_WORDS = 2;
/** Lengths are spread evenly over so many words. */
const SPREAD = 128;
const WORD = 4;

export function recordBytes(number: number): number {
  return (LEAST_WORDS + ((Math.imul(number, 0x9e3779b1) >>> 16) & (SPREAD - 1))) * WORD;
}

export function writeRecord(number: number): Pointer {
  const bytes = recordBytes(number);
  const pointer = malloc(bytes);
  write.u32(pointer, number);
  for (let at = WORD; at < bytes; at += WORD) write.u32(pointer, Math.imul(number, at) >>> 0, at);
  return pointer;
}

/** Throws unless this very record lies there, whole. */
export function verifyRecord(pointer: Pointer, number: number): void {
  const found = read.u32(pointer);
  if (found !== number) throw new Error(`not true: record ${number} lies there; it is record ${found}`);
  for (let at = WORD; at < recordBytes(number); at += WORD) {
    if (read.u32(pointer, at) !== Math.imul(number, at) >>> 0) {
      throw new Error(`not true: record ${number} is whole; its byte ${at} was overwritten`);
    }
  }
}

/** A block of a record's length that says which it is in its first and its last word only. */
export function writeEnds(number: number): Pointer {
  const bytes = recordBytes(number);
  const pointer = malloc(bytes);
  write.u32(pointer, number);
  write.u32(pointer, ~number >>> 0, bytes - WORD);
  return pointer;
}

/** Throws unless such a block lies there, of whichever number. */
export function verifyEnds(pointer: Pointer): void {
  const number = read.u32(pointer);
  if (read.u32(pointer, recordBytes(number) - WORD) !== ~number >>> 0) {
    throw new Error(`not true: the first and the last word of the block at ${pointer} belong together`);
  }
}
