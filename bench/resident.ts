/**
 * What the kernel holds for heapwright's blocks: a check on stats().peakFootprint from outside the library.
 *
 * Replays one trace up to the record where its live bytes peak, stops there, and counts the resident pages
 * of the ranges that blocks have been seen in. The program break is shared with glibc's heap, so the
 * kernel's own figure per mapping would count foreign memory: pages are counted one by one
 * (/proc/self/pagemap) between the lowest and the highest block of each mapping. Headers, and holes between
 * blocks, lie in between; the words in front of the first block, where the library keeps its own state, do
 * not.
 */
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { alignedAlloc, calloc, free, malloc, type Pointer, realloc, stats, write } from "../src/index.js";
import { replayable } from "./allocators/heapwright.js";
import { freeLeftovers, replay } from "./replay.js";
import { OP, type Trace } from "./trace.js";

export interface PeakResult {
  /** stats().peakFootprint after one whole pass of a fresh process. */
  readonly footprint: number;
  /** Bytes resident at the peak of the live bytes; null where the kernel does not say. */
  readonly resident: number | null;
}

const PAGE = 4096;
const ENTRY_BYTES = 8;
const PRESENT_OR_SWAPPED = 0xc0; // bits 63 and 62 of an entry, in its last byte

/** One pass in this process, which must not have allocated before. */
export function measurePeak(trace: Trace): PeakResult {
  const pointers = new Float64Array(trace.blocks);
  const seen = replayRecorded(trace, pointers, trace.peakAt + 1);
  const resident = residentBytes(seen.starts, seen.ends);
  replay(trace, pointers, replayable, trace.peakAt + 1, trace.count);
  freeLeftovers(pointers, (pointer) => free(pointer as Pointer));
  return { footprint: stats().peakFootprint, resident };
}

/** Where blocks have been, whether they still live or not: both columns ascending. */
interface Seen {
  readonly starts: Float64Array;
  readonly ends: Float64Array;
}

/** Like replay from the first record up to `to`, but remembers where each block was. Not for timing. */
function replayRecorded(trace: Trace, pointers: Float64Array, to: number): Seen {
  const starts = new Float64Array(to);
  const ends = new Float64Array(to);
  for (let i = 0; i < to; i++) {
    const id = trace.id[i]!;
    const bytes = trace.size[i]!;
    if (trace.op[i] === OP.free) {
      free(pointers[id] as Pointer);
      pointers[id] = 0;
      continue;
    }
    const pointer = obtain(trace, i, pointers[id] as Pointer);
    for (let at = 0; at < bytes; at += PAGE) write.u8(pointer, 1, at);
    if (bytes > 0) write.u8(pointer, 1, bytes - 1);
    pointers[id] = pointer;
    starts[i] = pointer;
    ends[i] = pointer + bytes;
  }
  // Frees left zeros behind: they sort to the front and lie in no mapping.
  return { starts: starts.sort(), ends: ends.sort() };
}

function obtain(trace: Trace, record: number, old: Pointer): Pointer {
  const bytes = trace.size[record]!;
  const kind = trace.op[record];
  if (kind === OP.malloc) return malloc(bytes);
  if (kind === OP.calloc) return calloc(1, bytes);
  if (kind === OP.realloc) return realloc(old, bytes);
  return alignedAlloc(2 ** trace.log2align[record]!, bytes);
}

function residentBytes(starts: Float64Array, ends: Float64Array): number | null {
  let pages = 0;
  for (const [from, to] of mappings()) {
    const first = starts[firstAtLeast(starts, from)];
    const last = ends[firstAtLeast(ends, to + 1) - 1];
    if (first === undefined || last === undefined || first >= to || last <= from) continue;
    const counted = countPages(Math.floor(first / PAGE), Math.ceil(last / PAGE));
    if (counted === null) return null;
    pages += counted;
  }
  return pages * PAGE;
}

/** The process's mappings as [start, end) pairs. */
function mappings(): Array<[number, number]> {
  return readFileSync("/proc/self/maps", "latin1")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [start, end] = line.split(/[- ]/, 2) as [string, string];
      return [Number.parseInt(start, 16), Number.parseInt(end, 16)];
    });
}

/** Index of the first element that is not below `value`. */
function firstAtLeast(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Pages of [from, to) that hold memory; null where /proc/self/pagemap cannot be read. */
function countPages(from: number, to: number): number | null {
  const entries = Buffer.alloc((to - from) * ENTRY_BYTES);
  try {
    const file = openSync("/proc/self/pagemap", "r");
    const got = readSync(file, entries, 0, entries.length, from * ENTRY_BYTES);
    closeSync(file);
    if (got !== entries.length) return null;
  } catch {
    return null;
  }
  let pages = 0;
  for (let at = ENTRY_BYTES - 1; at < entries.length; at += ENTRY_BYTES) {
    if ((entries[at]! & PRESENT_OR_SWAPPED) !== 0) pages++;
  }
  return pages;
}
