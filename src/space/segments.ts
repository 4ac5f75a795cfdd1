/**
 * Segments: runs of chunks of address space that a heap carves into blocks.
 *
 * Owns the table of segments, and what of it changes when one takes chunks or vacates them. Must not know where chunks come from
 * (chunks.ts), bins, or when a heap frees.
 *
 * A heap gets chunks under the lock, in two steps: they are noted as pending, and entered in the tables from the note. If
 * the thread dies in between, the next holder of the lock enters them (recover). Entering twice has the same result. A segment
 * without a block is vacated in the same way, and its chunks are the first that the next segments get. Its number is free then.
 * Memory of segments is never unmapped: any thread may read a header there at any time.
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
  segmentEnd,
  segmentOwner,
  segmentStart,
} from "../memory/control.js";
import { notePages } from "../memory/mapped-pages.js";
import { type Window, WORD_BYTES } from "../memory/memory.js";
import type { Os } from "../platform/os.js";
import { HEAP_RECORD } from "../shared/heaps.js";
import type { Hooks } from "../shared/hooks.js";
import type { Lock } from "../shared/lock.js";
import { Chunks } from "./chunks.js";
import { zeroPages } from "./small-pages.js";
import { setVacant } from "./vacant.js";

/** Chunks of the largest segment: blocks are not coalesced across segments, so it limits their size. */
export const MAX_SEGMENT_CHUNKS = 1024;

export class Segments {
  readonly #window: Window;
  readonly #m: Int32Array;
  readonly #os: Os;
  readonly #hooks: Hooks;
  readonly #lock: Lock;
  readonly #chunks: Chunks;

  constructor(window: Window, os: Os, hooks: Hooks, lock: Lock) {
    this.#window = window;
    this.#m = window.words;
    this.#os = os;
    this.#hooks = hooks;
    this.#lock = lock;
    this.#chunks = new Chunks(window, os);
  }

  /** Entries of the table: one more than the highest number of a segment. */
  get count(): number {
    return this.#m[Control.segments]!;
  }

  /** The numbers of all segments. */
  used(): number[] {
    return Array.from({ length: this.count }, (_, id) => id).filter((id) => this.owner(id) !== 0);
  }

  /** The word of the first block of segment `id`. */
  start(id: number): number {
    return segmentStart(this.#m, id);
  }

  /** The word after its last one. */
  end(id: number): number {
    return segmentEnd(this.#m, id);
  }

  /** The record of the heap that owns the segment; 0 where a number is free. */
  owner(id: number): number {
    return segmentOwner(this.#m, id);
  }

  /** First word of the segment's first chunk. */
  chunkStart(id: number): number {
    return Math.floor(this.start(id) / CHUNK_WORDS) * CHUNK_WORDS;
  }

  /**
   * Makes a segment of at least `words` words; -1 when there is no room. `heap`: the owner's entry in the table of heaps; if
   * it has no record yet, that is now the start of the segment. `lead`: words in front of the first block.
   */
  open(words: number, heap: number, lead: number): number {
    const m = this.#m;
    const chunks = Math.ceil(words / CHUNK_WORDS);
    if (chunks > MAX_SEGMENT_CHUNKS) return -1;
    this.#lock.acquire();
    const id = this.#freeId();
    m[Control.pendingHeap] = heap;
    m[Control.pendingSegment] = id;
    m[Control.pendingChunks] = chunks;
    m[Control.pendingLead] = lead;
    const taken = id < MAX_SEGMENTS && this.#chunks.take(chunks);
    if (taken) this.#enterSegment();
    this.#lock.release();
    return taken ? id : -1;
  }

  /** Extends a segment at least to word `end`; false when the space above it is taken. */
  extend(id: number, end: number): boolean {
    const m = this.#m;
    const oldEnd = this.end(id);
    const chunks = Math.ceil((end - oldEnd) / CHUNK_WORDS);
    if ((oldEnd - this.start(id)) / CHUNK_WORDS + chunks > MAX_SEGMENT_CHUNKS) return false;
    this.#lock.acquire();
    m[Control.pendingSegment] = id;
    m[Control.pendingChunks] = chunks;
    const taken = this.#chunks.takeAt(oldEnd / CHUNK_WORDS, chunks);
    if (taken) this.#enterExtension();
    this.#lock.release();
    return taken;
  }

  /**
   * Vacates the chunks of a segment from word `from` on, in which its owner has no block and no fence. Their memory goes back to the
   * kernel. From its first chunk on: the whole segment. Whether there are any.
   */
  vacate(id: number, from: number): boolean {
    const m = this.#m;
    if (from >= this.end(id)) return false;
    this.#lock.acquire();
    m[Control.pendingSegment] = id;
    m[Control.pendingFirst] = from / CHUNK_WORDS;
    m[Control.pendingChunks] = (this.end(id) - from) / CHUNK_WORDS;
    m[Control.pending] = Pending.chunksVacated;
    this.#finishVacating();
    this.#lock.release();
    return true;
  }

  /** Calls `look` under the lock: the table of segments and the owners of chunks then agree. */
  whileStill(look: () => void): void {
    this.#lock.whileHeld(look);
  }

  /** Recovers a change that the last holder of the lock died in: completes it. */
  recover(): void {
    const pending = this.#m[Control.pending];
    if (pending === Pending.chunksTaken) this.#enterSegment();
    else if (pending === Pending.chunksTakenToExtend) this.#enterExtension();
    else if (pending === Pending.chunksVacated) this.#finishVacating();
    else if (pending === Pending.chunksMapped) this.#chunks.finishMapping();
  }

  /** Writes the owner of each chunk again, as the segment's entry says. For the thread that has or adopts the heap. */
  own(id: number): void {
    const m = this.#m;
    const owner = this.owner(id);
    for (let chunk = this.chunkStart(id) / CHUNK_WORDS; chunk < this.end(id) / CHUNK_WORDS; chunk++) {
      m[OWNERS + chunk] = owner;
    }
  }

  /** The lowest number that no segment has. */
  #freeId(): number {
    let id = 0;
    while (id < this.count && this.owner(id) !== 0) id++;
    return id;
  }

  /** Enters the pending chunks as a segment. */
  #enterSegment(): void {
    const m = this.#m;
    const id = m[Control.pendingSegment]!;
    const first = m[Control.pendingFirst]!;
    const end = this.#chunks.enter();
    const heap = m[Control.pendingHeap]!;
    const owner = m[heap + HEAP_RECORD]! || first * CHUNK_WORDS;
    m[entry(id) + SEGMENT_START] = first * CHUNK_WORDS + m[Control.pendingLead]!;
    m[entry(id) + SEGMENT_END] = end;
    m[entry(id) + SEGMENT_OWNER] = owner;
    notePages(this.#window, first * CHUNK_BYTES, end * WORD_BYTES);
    this.own(id);
    m[Control.segments] = Math.max(id + 1, m[Control.segments]!);
    m[heap + HEAP_RECORD] = owner;
    m[Control.pending] = Pending.nothing;
    this.#traceGrow(first, end / CHUNK_WORDS - first);
  }

  /** Adds the pending chunks to the end of their segment. */
  #enterExtension(): void {
    const m = this.#m;
    const id = m[Control.pendingSegment]!;
    const first = m[Control.pendingFirst]!;
    const end = this.#chunks.enter();
    const owner = this.owner(id);
    notePages(this.#window, first * CHUNK_BYTES, end * WORD_BYTES);
    for (let chunk = first; chunk < end / CHUNK_WORDS; chunk++) m[OWNERS + chunk] = owner;
    m[entry(id) + SEGMENT_END] = end;
    m[Control.pending] = Pending.nothing;
    this.#traceGrow(first, end / CHUNK_WORDS - first);
  }

  /** The segment's entry last. Whoever adopts the heap gets the lock first, and so finds this completed. */
  #finishVacating(): void {
    const m = this.#m;
    const id = m[Control.pendingSegment]!;
    const first = m[Control.pendingFirst]!;
    const chunks = m[Control.pendingChunks]!;
    const address = this.#window.base + first * CHUNK_BYTES;
    zeroPages(this.#window, this.#os, first * CHUNK_WORDS, (first + chunks) * CHUNK_WORDS);
    for (let chunk = first; chunk < first + chunks; chunk++) m[OWNERS + chunk] = 0;
    setVacant(m, first, chunks, true);
    const isWhole = first * CHUNK_WORDS <= this.start(id);
    if (isWhole) m[entry(id) + SEGMENT_OWNER] = 0;
    m[entry(id) + SEGMENT_END] = isWhole ? 0 : first * CHUNK_WORDS;
    m[Control.pending] = Pending.nothing;
    this.#hooks.trace?.("shrink", address, chunks * CHUNK_BYTES);
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
