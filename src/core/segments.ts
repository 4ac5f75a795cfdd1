/**
 * Segments: the address space of small and medium blocks, chunk by chunk.
 *
 * Owns where the window lies, the range taken with sbrk, the segments mapped when that is refused or used up, the
 * table of segments, and the account of pages against the limit. Must not know bins, or when a heap frees.
 *
 * sbrk is not thread-safe and shares the break with libc's malloc, so it is called on the main thread only, once
 * per process: the range is address space until it is touched. Above it lies a page that nobody can touch, from
 * which on libc's malloc finds the break blocked and goes on with mmap; where the kernel can (Linux 6.10), the range
 * is sealed as well, so that a thread which read the break before us cannot shrink it under us. Where sbrk is
 * refused, chunks are mapped one run at a time at the addresses that follow, and nothing else changes.
 */
import {
  CHUNK_BYTES,
  CHUNK_SHIFT,
  CHUNK_WORDS,
  CONTROL_BYTES,
  Control,
  MAX_SEGMENTS,
  OWNERS,
  SEGMENT_END,
  SEGMENT_OWNER,
  SEGMENT_START,
  SEGMENT_WORDS,
  SEGMENTS,
} from "./control.js";
import type { Hooks } from "./hooks.js";
import { type Window, WORD_BYTES } from "./memory.js";
import type { Os } from "./os.js";

/** Blocks never join across segments, so a segment bounds the size of a block. */
export const MAX_SEGMENT_CHUNKS = 1024;

export class Segments {
  readonly #window: Window;
  readonly #m: Int32Array;
  readonly #os: Os;
  readonly #hooks: Hooks;
  readonly #chunks: number;

  constructor(window: Window, os: Os, hooks: Hooks) {
    this.#window = window;
    this.#m = window.words;
    this.#os = os;
    this.#hooks = hooks;
    this.#chunks = window.words.length / CHUNK_WORDS;
  }

  get count(): number {
    return this.#m[Control.segments]!;
  }

  /** Word indices of segment `id`. */
  start(id: number): number {
    return this.#m[entry(id) + SEGMENT_START]!;
  }

  end(id: number): number {
    return this.#m[entry(id) + SEGMENT_END]!;
  }

  owner(id: number): number {
    return this.#m[entry(id) + SEGMENT_OWNER]!;
  }

  /** A new segment of at least `words` for the heap record `owner` (0: for the record at its start); -1 if none. */
  open(words: number, owner: number): number {
    const id = this.count;
    const chunks = Math.ceil(words / CHUNK_WORDS);
    if (id >= MAX_SEGMENTS || chunks > MAX_SEGMENT_CHUNKS) return -1;
    const first = this.#take(chunks);
    if (first < 0) return -1;
    const m = this.#m;
    const start = first * CHUNK_WORDS;
    const end = start + chunks * CHUNK_WORDS;
    m[entry(id) + SEGMENT_START] = start;
    m[entry(id) + SEGMENT_END] = end;
    m[entry(id) + SEGMENT_OWNER] = owner === 0 ? start : owner;
    m[Control.segments] = id + 1;
    this.#own(first, chunks, owner === 0 ? start : owner);
    this.#traceGrow(first, chunks);
    return id;
  }

  /** Makes a segment reach at least to word `end` where the space above it is free; false where not. */
  extend(id: number, end: number): boolean {
    const m = this.#m;
    const oldEnd = this.end(id);
    const first = oldEnd / CHUNK_WORDS;
    const chunks = Math.ceil((end - oldEnd) / CHUNK_WORDS);
    if ((oldEnd - this.start(id)) / CHUNK_WORDS + chunks > MAX_SEGMENT_CHUNKS) return false;
    if (!this.#takeAt(first, chunks)) return false;
    this.#own(first, chunks, this.owner(id));
    m[entry(id) + SEGMENT_END] = oldEnd + chunks * CHUNK_WORDS;
    this.#traceGrow(first, chunks);
    return true;
  }

  /** Moves a segment's first block up: the words below hold something else, a heap record for one. */
  setStart(id: number, start: number): void {
    this.#m[entry(id) + SEGMENT_START] = start;
  }

  /** Counts pages as the heap's; false, with nothing changed, when the limit forbids it. */
  charge(pages: number): boolean {
    const m = this.#m;
    const charged = m[Control.chargedPages]! + pages;
    if (charged > m[Control.limitPages]!) return false;
    m[Control.chargedPages] = charged;
    return true;
  }

  /** Whether the limit leaves room for that many pages. */
  affords(pages: number): boolean {
    return this.#m[Control.chargedPages]! + pages <= this.#m[Control.limitPages]!;
  }

  /** Counts pages as the heap's, limit or not: for callers that asked affords() before. */
  recharge(pages: number): void {
    this.#m[Control.chargedPages] = this.#m[Control.chargedPages]! + pages;
  }

  /** Counts pages off. `slack` is what the calling heap has charged and not touched, for an exact peak. */
  discharge(pages: number, slack: number): void {
    const m = this.#m;
    this.notePeak(slack);
    m[Control.chargedPages] = m[Control.chargedPages]! - pages;
  }

  /** The footprint only falls by discharge(), so the peak is exact if it is taken there and when it is asked for. */
  notePeak(slack: number): void {
    const m = this.#m;
    const footprint = m[Control.chargedPages]! - slack;
    if (footprint > m[Control.peakPages]!) m[Control.peakPages] = footprint;
  }

  /** A run of chunks: from the sbrk range, else mapped above it. The first chunk, or -1. */
  #take(chunks: number): number {
    const m = this.#m;
    const next = m[Control.nextChunk]!;
    if (next + chunks <= m[Control.breakChunks]!) {
      m[Control.nextChunk] = next + chunks;
      return next;
    }
    for (let first = m[Control.nextMapped]!; first + chunks <= this.#chunks; first++) {
      if (this.#map(first, chunks)) return first;
    }
    return -1;
  }

  /** The run that starts at chunk `first`, if nobody has it. */
  #takeAt(first: number, chunks: number): boolean {
    const m = this.#m;
    if (first === m[Control.nextChunk] && first + chunks <= m[Control.breakChunks]!) {
      m[Control.nextChunk] = first + chunks;
      return true;
    }
    return first === m[Control.nextMapped] && first + chunks <= this.#chunks && this.#map(first, chunks);
  }

  #map(first: number, chunks: number): boolean {
    const m = this.#m;
    const address = this.#window.base + first * CHUNK_BYTES;
    if (this.#os.map(address, chunks * CHUNK_BYTES) !== address) return false;
    m[Control.nextMapped] = first + chunks;
    return true;
  }

  #own(first: number, chunks: number, owner: number): void {
    for (let chunk = first; chunk < first + chunks; chunk++) this.#m[OWNERS + chunk] = owner;
  }

  #traceGrow(first: number, chunks: number): void {
    this.#m[Control.grows] = this.#m[Control.grows]! + 1;
    this.#hooks.trace?.("grow", this.#window.base + first * CHUNK_BYTES, chunks * CHUNK_BYTES);
  }
}

/** The heap record that owns the chunk of a byte offset in the zone; 0 for nobody. */
export function ownerOf(m: Int32Array, byteOffset: number): number {
  return m[OWNERS + (byteOffset >>> CHUNK_SHIFT)]!;
}

function entry(id: number): number {
  return SEGMENTS + id * SEGMENT_WORDS;
}

if (CONTROL_BYTES !== CHUNK_WORDS * WORD_BYTES)
  throw new Error("segments: the control block is not one chunk");
