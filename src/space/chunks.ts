/**
 * Chunks: the megabytes of address space that segments are made of, and where the next ones come from.
 *
 * Owns the order: vacant ones, those of the range (reserve.ts), mapped ones; and the cursors of the last two. What is taken is
 * noted as pending, and is the segment's that enters it. Callers hold the lock. Must not know segments.
 *
 * libc's sbrk is not thread-safe, and libc's malloc moves the break as well. So sbrk is called once per process, on the
 * main thread; the range takes no memory until it is touched. A guard page above it blocks the break: libc's malloc then
 * uses mmap. From Linux 6.10 on the range is sealed too, so that a thread that read the old break cannot shrink it. Where
 * sbrk is refused, the range is one mapping; without one chunks are mapped one run at a time, and nothing else changes.
 */
import { CHUNK_BYTES, CHUNK_WORDS, CONTROL_CHUNKS, Control, OWNERS, Pending } from "../memory/control.js";
import type { Window } from "../memory/memory.js";
import type { Os } from "../platform/os.js";
import { mayMap } from "./gaps.js";
import { endOfVacant, findVacant, isKept, isVacant, keep, nextVacant, setVacant } from "./vacant.js";

export class Chunks {
  readonly #window: Window;
  readonly #m: Int32Array;
  readonly #os: Os;
  readonly #chunks: number;

  constructor(window: Window, os: Os) {
    this.#window = window;
    this.#m = window.words;
    this.#os = os;
    this.#chunks = window.words.length / CHUNK_WORDS;
  }

  /**
   * Takes a run of chunks and notes it as pending: a vacant one, else of the range, else mapped, last where large blocks may
   * lie.
   */
  take(chunks: number): boolean {
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

  /** Takes the run that starts at chunk `first`, if it is free. */
  takeAt(first: number, chunks: number): boolean {
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

  /** Completes mapping chunks that no segment has yet. */
  finishMapping(): void {
    this.#keepPending(true);
    this.#m[Control.pending] = Pending.nothing;
  }

  /** The pending chunks are a segment's now. Passes the cursor that they came from, if they were next; returns the word after them. */
  enter(): number {
    const m = this.#m;
    const end = m[Control.pendingFirst]! + m[Control.pendingChunks]!;
    if (end <= m[Control.breakChunks]!) m[Control.nextChunk] = Math.max(end, m[Control.nextChunk]!);
    else if (m[Control.nextMapped] === m[Control.pendingFirst]) m[Control.nextMapped] = end;
    this.#keepPending(false);
    return end * CHUNK_WORDS;
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
    this.finishMapping();
    if (m[Control.smallPages] !== 0) this.#os.useSmallPages(address, chunks * CHUNK_BYTES);
    return true;
  }

  #keepPending(vacant: boolean): void {
    const m = this.#m;
    keep(m, m[Control.pendingFirst]!, m[Control.pendingChunks]!);
    setVacant(m, m[Control.pendingFirst]!, m[Control.pendingChunks]!, vacant);
  }
}
