/**
 * Segments: the address space of small and medium blocks, chunk by chunk.
 *
 * Owns handing out the range taken with sbrk, the segments mapped when that is refused or used up, and the table of
 * segments. Must not know bins, or when a heap frees.
 *
 * sbrk is not thread-safe and shares the break with libc's malloc, so it is called on the main thread only, once
 * per process: the range is address space until it is touched. Above it lies a page that nobody can touch, from
 * which on libc's malloc finds the break blocked and goes on with mmap; where the kernel can (Linux 6.10), the range
 * is sealed as well, so that a thread which read the break before us cannot shrink it under us. Where sbrk is
 * refused, chunks are mapped one run at a time at the addresses that follow, and nothing else changes.
 *
 * Growth is under the lock, and in two halves: first what is going to be taken is noted as pending, then it is entered
 * in the tables from that note. A thread that dies in between leaves the note, and the next holder of the lock enters
 * it (repair). Entering is a chain of stores that come out the same when they are made twice.
 */
import {
  CHUNK_BYTES,
  CHUNK_WORDS,
  CONTROL_BYTES,
  CONTROL_CHUNKS,
  Control,
  MAX_SEGMENTS,
  OWNERS,
  Pending,
  SEGMENT_END,
  SEGMENT_OWNER,
  SEGMENT_START,
  SEGMENT_WORDS,
  SEGMENTS,
} from "./control.js";
import { HEAP_RECORD } from "./heaps.js";
import type { Hooks } from "./hooks.js";
import type { Lock } from "./lock.js";
import { type Window, WORD_BYTES } from "./memory.js";
import type { Os } from "./os.js";

/** Blocks never join across segments, so a segment bounds the size of a block. */
export const MAX_SEGMENT_CHUNKS = 1024;

export class Segments {
  readonly #window: Window;
  readonly #m: Int32Array;
  readonly #os: Os;
  readonly #hooks: Hooks;
  readonly #lock: Lock;
  readonly #chunks: number;

  constructor(window: Window, os: Os, hooks: Hooks, lock: Lock) {
    this.#window = window;
    this.#m = window.words;
    this.#os = os;
    this.#hooks = hooks;
    this.#lock = lock;
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

  /** The record of the heap that has the segment. */
  owner(id: number): number {
    return this.#m[entry(id) + SEGMENT_OWNER]!;
  }

  /** First word of the segment's first chunk. */
  chunkStart(id: number): number {
    return Math.floor(this.start(id) / CHUNK_WORDS) * CHUNK_WORDS;
  }

  /**
   * A new segment of at least `words` for the heap of that entry in the table of heaps, its first block `lead` words
   * above its start; -1 if none is to be had. A heap without a record gets it at the start of the segment.
   */
  open(words: number, heap: number, lead: number): number {
    const m = this.#m;
    const chunks = Math.ceil(words / CHUNK_WORDS);
    if (chunks > MAX_SEGMENT_CHUNKS) return -1;
    this.#lock.acquire();
    const id = this.count;
    m[Control.pendingHeap] = heap;
    m[Control.pendingSegment] = id;
    m[Control.pendingChunks] = chunks;
    m[Control.pendingLead] = lead;
    const taken = id < MAX_SEGMENTS && this.#take(chunks);
    if (taken) this.#enterSegment();
    this.#lock.release();
    return taken ? id : -1;
  }

  /** Makes a segment reach at least to word `end` where the space above it is free; false where not. */
  extend(id: number, end: number): boolean {
    const m = this.#m;
    const oldEnd = this.end(id);
    const chunks = Math.ceil((end - oldEnd) / CHUNK_WORDS);
    if ((oldEnd - this.start(id)) / CHUNK_WORDS + chunks > MAX_SEGMENT_CHUNKS) return false;
    this.#lock.acquire();
    m[Control.pendingSegment] = id;
    m[Control.pendingChunks] = chunks;
    const taken = this.#takeAt(oldEnd / CHUNK_WORDS, chunks);
    if (taken) this.#enterExtension();
    this.#lock.release();
    return taken;
  }

  /** Calls `look` while no thread can take address space: the table and the owners of chunks then agree. */
  whileStill(look: () => void): void {
    this.#lock.acquire();
    try {
      look();
    } finally {
      this.#lock.release();
    }
  }

  /** Enters what a dead holder of the lock had taken. */
  repair(): void {
    const pending = this.#m[Control.pending];
    if (pending === Pending.chunksTaken) this.#enterSegment();
    else if (pending === Pending.chunksTakenToExtend) this.#enterExtension();
  }

  /** Makes the segment's chunks its owner's, as its entry says. For whoever has the heap; changes nothing as a rule. */
  own(id: number): void {
    const m = this.#m;
    const owner = this.owner(id);
    for (let chunk = this.chunkStart(id) / CHUNK_WORDS; chunk < this.end(id) / CHUNK_WORDS; chunk++) {
      m[OWNERS + chunk] = owner;
    }
  }

  /** A run of chunks, noted as pending: from the sbrk range, else mapped above it. */
  #take(chunks: number): boolean {
    const m = this.#m;
    const next = m[Control.nextChunk]!;
    if (next + chunks <= m[Control.breakChunks]!) {
      m[Control.pendingFirst] = next;
      m[Control.pending] = Pending.chunksTaken;
      return true;
    }
    for (let first = m[Control.nextMapped]!; first + chunks <= this.#chunks; first++) {
      const taken = this.#lastTaken(first, chunks);
      if (taken >= 0) first = taken;
      else if (this.#map(first, chunks, Pending.chunksTaken)) return true;
    }
    return false;
  }

  /** The last of these chunks that a segment has; -1 when none is a segment's. */
  #lastTaken(first: number, chunks: number): number {
    for (let chunk = first + chunks - 1; chunk >= first; chunk--) {
      if (this.#m[OWNERS + chunk] !== 0) return chunk;
    }
    return -1;
  }

  /** The run that starts at chunk `first`, if nobody has it. */
  #takeAt(first: number, chunks: number): boolean {
    const m = this.#m;
    if (first === m[Control.nextChunk] && first + chunks <= m[Control.breakChunks]!) {
      m[Control.pendingFirst] = first;
      m[Control.pending] = Pending.chunksTakenToExtend;
      return true;
    }
    const free =
      first >= m[Control.breakChunks]! &&
      first + chunks <= this.#chunks &&
      this.#lastTaken(first, chunks) < 0;
    return free && this.#map(first, chunks, Pending.chunksTakenToExtend);
  }

  #map(first: number, chunks: number, pending: number): boolean {
    const m = this.#m;
    const address = this.#window.base + first * CHUNK_BYTES;
    m[Control.pendingFirst] = first;
    if (this.#os.map(address, chunks * CHUNK_BYTES) !== address) return false;
    m[Control.pending] = pending;
    return true;
  }

  /** Pending chunks -> a segment in the table. */
  #enterSegment(): void {
    const m = this.#m;
    const id = m[Control.pendingSegment]!;
    const first = m[Control.pendingFirst]!;
    const end = this.#passChunks();
    const heap = m[Control.pendingHeap]!;
    const owner = m[heap + HEAP_RECORD]! || first * CHUNK_WORDS;
    m[entry(id) + SEGMENT_START] = first * CHUNK_WORDS + m[Control.pendingLead]!;
    m[entry(id) + SEGMENT_END] = end;
    m[entry(id) + SEGMENT_OWNER] = owner;
    this.own(id);
    m[Control.segments] = id + 1;
    m[heap + HEAP_RECORD] = owner;
    m[Control.pending] = Pending.nothing;
    this.#traceGrow(first, end / CHUNK_WORDS - first);
  }

  /** Pending chunks -> the upper end of their segment. */
  #enterExtension(): void {
    const m = this.#m;
    const id = m[Control.pendingSegment]!;
    const first = m[Control.pendingFirst]!;
    const end = this.#passChunks();
    const owner = this.owner(id);
    for (let chunk = first; chunk < end / CHUNK_WORDS; chunk++) m[OWNERS + chunk] = owner;
    m[entry(id) + SEGMENT_END] = end;
    m[Control.pending] = Pending.nothing;
    this.#traceGrow(first, end / CHUNK_WORDS - first);
  }

  /**
   * Moves the cursor that the pending chunks came from past them, where they are the next ones: what lies below them may
   * be free later. The word where they end.
   */
  #passChunks(): number {
    const m = this.#m;
    const end = m[Control.pendingFirst]! + m[Control.pendingChunks]!;
    if (end <= m[Control.breakChunks]!) m[Control.nextChunk] = end;
    else if (m[Control.nextMapped] === m[Control.pendingFirst]) m[Control.nextMapped] = end;
    return end * CHUNK_WORDS;
  }

  #traceGrow(first: number, chunks: number): void {
    this.#m[Control.grows] = this.#m[Control.grows]! + 1;
    this.#hooks.trace?.("grow", this.#window.base + first * CHUNK_BYTES, chunks * CHUNK_BYTES);
  }
}

function entry(id: number): number {
  return SEGMENTS + id * SEGMENT_WORDS;
}

if (CONTROL_BYTES !== CONTROL_CHUNKS * CHUNK_WORDS * WORD_BYTES)
  throw new Error("segments: the control block is not whole chunks");
