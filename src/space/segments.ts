/**
 * Segments: runs of chunks of address space that a heap carves into blocks.
 *
 * Owns the table of segments, and the chunks: of the range (reserve.ts) first, then mapped ones. Must not know bins, or
 * when a heap frees.
 *
 * libc's sbrk is not thread-safe, and libc's malloc moves the break as well. So sbrk is called once per process, on the
 * main thread; the range takes no memory until it is touched. A guard page above it blocks the break: libc's malloc then
 * uses mmap. From Linux 6.10 on the range is sealed too, so that a thread that read the old break cannot shrink it. Where
 * sbrk is refused, the range is one mapping; without one chunks are mapped one run at a time, and nothing else changes.
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
import { mayMap } from "./gaps.js";
import { zeroPages } from "./small-pages.js";
import { endOfVacant, findVacant, isKept, isVacant, keep, nextVacant, setVacant } from "./vacant.js";

/** Chunks of the largest segment: blocks are not coalesced across segments, so it limits their size. */
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
    const taken = id < MAX_SEGMENTS && this.#take(chunks);
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
    const taken = this.#takeAt(oldEnd / CHUNK_WORDS, chunks);
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
    else if (pending === Pending.chunksMapped) this.#finishMapping();
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

  /**
   * Takes a run of chunks and notes it as pending: a vacant one, else of the range, else mapped, last where large blocks may
   * lie.
   */
  #take(chunks: number): boolean {
    const m = this.#m;
    let fresh = m[Control.nextChunk]!;
    while (isVacant(m, fresh - 1)) fresh--; // what was never used, and vacant chunks just below
    const isFresh = fresh + chunks <= m[Control.breakChunks]!;
    const fits = (from: number, to: number) => (to - from >= chunks ? from : null);
    const first = findVacant(m, this.#chunks, fits) ?? (isFresh ? fresh : null);
    if (first !== null) {
      m[Control.pendingFirst] = first;
      m[Control.pending] = Pending.chunksTaken;
      return true;
    }
    const large = Math.floor((m[Control.largeFirst]! * m[Control.pageSize]!) / CHUNK_BYTES);
    return (
      this.#mapBetween(m[Control.nextMapped]!, Math.min(large, this.#chunks), chunks) ||
      this.#mapBetween(Math.max(CONTROL_CHUNKS, m[Control.breakChunks]!), this.#chunks, chunks)
    );
  }

  /** Maps a run of chunks in the first gap between two chunks, and notes it as pending. */
  #mapBetween(from: number, to: number, chunks: number): boolean {
    for (let first = from; first + chunks <= to; first++) {
      const taken = this.#lastTaken(first, chunks);
      if (taken >= 0) first = taken;
      else if (this.#map(first, chunks, Pending.chunksTaken)) return true;
    }
    return false;
  }

  /** The last of these chunks that has an owner, or a large block where a segment was; -1 for none. */
  #lastTaken(first: number, chunks: number): number {
    const m = this.#m;
    for (let chunk = first + chunks - 1; chunk >= first; chunk--) {
      if (m[OWNERS + chunk] !== 0 || (isKept(m, chunk) && !isVacant(m, chunk))) return chunk;
    }
    return -1;
  }

  /** Takes the run that starts at chunk `first`, if it is free. */
  #takeAt(first: number, chunks: number): boolean {
    const m = this.#m;
    const end = first + chunks;
    const above = endOfVacant(m, first, end);
    if (above === end || (above === m[Control.nextChunk] && end <= m[Control.breakChunks]!)) {
      m[Control.pendingFirst] = first;
      m[Control.pending] = Pending.chunksTakenToExtend;
      return true;
    }
    const isFree =
      first >= m[Control.breakChunks]! && end <= this.#chunks && this.#lastTaken(first, chunks) < 0;
    return isFree && this.#map(first, chunks, Pending.chunksTakenToExtend);
  }

  /** Takes a run of chunks, those of them mapped that are not kept. What was mapped before one that cannot be is vacant then. */
  #map(first: number, chunks: number, pending: number): boolean {
    const m = this.#m;
    const end = first + chunks;
    if (!mayMap(this.#os, m, chunks * CHUNK_BYTES)) return false;
    for (let at = endOfVacant(m, first, end); at < end; at = endOfVacant(m, at, end)) {
      if (!this.#mapMissing(at, nextVacant(m, at, end) - at)) return false;
    }
    m[Control.pendingFirst] = first;
    m[Control.pendingChunks] = chunks;
    m[Control.pending] = pending;
    return true;
  }

  #mapMissing(first: number, chunks: number): boolean {
    const m = this.#m;
    const address = this.#window.base + first * CHUNK_BYTES;
    m[Control.pendingFirst] = first;
    m[Control.pendingChunks] = chunks;
    if (this.#os.map(address, chunks * CHUNK_BYTES) !== address) return false;
    m[Control.pending] = Pending.chunksMapped;
    this.#finishMapping();
    if (m[Control.smallPages] !== 0) this.#os.useSmallPages(address, chunks * CHUNK_BYTES);
    return true;
  }

  /** Enters the pending chunks as a segment. */
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
    notePages(this.#window, first * CHUNK_BYTES, end * WORD_BYTES);
    this.own(id);
    this.#enterKept(false);
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
    const end = this.#passChunks();
    const owner = this.owner(id);
    notePages(this.#window, first * CHUNK_BYTES, end * WORD_BYTES);
    for (let chunk = first; chunk < end / CHUNK_WORDS; chunk++) m[OWNERS + chunk] = owner;
    this.#enterKept(false);
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

  /** The pending chunks are kept, and vacant, or a segment's. */
  #enterKept(vacant: boolean): void {
    const m = this.#m;
    keep(m, m[Control.pendingFirst]!, m[Control.pendingChunks]!);
    setVacant(m, m[Control.pendingFirst]!, m[Control.pendingChunks]!, vacant);
  }

  /** Completes mapping chunks that no segment has yet. */
  #finishMapping(): void {
    this.#enterKept(true);
    this.#m[Control.pending] = Pending.nothing;
  }

  /** Advances the cursor that the pending chunks came from, if they were next; returns the word after them. */
  #passChunks(): number {
    const m = this.#m;
    const end = m[Control.pendingFirst]! + m[Control.pendingChunks]!;
    if (end <= m[Control.breakChunks]!) m[Control.nextChunk] = Math.max(end, m[Control.nextChunk]!);
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
