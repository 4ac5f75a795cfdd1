/**
 * How a heap reaches the other heaps of its thread, and orphans. Owns the interface only: process/adopt.ts implements it, and
 * heap/ may not import that.
 */
import type { Block, Pointer } from "../memory/memory.js";

/** The heaps that a thread has besides its own: adopted ones, and those made by `new Heap()`. */
export interface OtherHeaps<Heap> {
  /** A live block from the adopted heap that allocate() took the last one from, if one is ready there; else 0. */
  allocateReady(size: number): Pointer;
  /** A live block from free memory of an adopted heap, or of an orphan, which is adopted then; 0 for none. */
  allocate(size: number): Pointer;
  /** The heap that a block lies in, if it is one of these; else null. */
  heapOf(b: Block): Heap | null;
  /** Recovers the thread's own heap `first`, its other heaps, and what threads share, after an interruption. */
  recover(first: Heap): void;
  /** The adopted and the made heaps of this thread. */
  readonly heaps: readonly Heap[];
  /** Trims them and all orphans, and asks other threads to trim theirs; returns the bytes given back. */
  trim(): number;
  /** As trim(), and all else that ThreadHeap.relieve() does; whether less is charged than before, or more chunks are vacant. */
  relieve(): boolean;
  /**
   * Makes a heap for the program, limited to `pages`, or not if that is 0. allocate() takes nothing from it.
   */
  make(name: string, pages: number): Heap;
  /** Wipes a made heap, which forgets all its blocks, and abandons it. */
  destroy(heap: Heap): void;
  /** The threads with undrained inboxes, for an error message; "" for none. */
  waiting(): string;
  /** Bytes that are free in other living threads' heaps, and not given back: those threads alone reuse them. */
  freeElsewhere(): number;
  /** Abandons all heaps of this thread, of which `first` is its own. False, with nothing done, if it must keep them. */
  abandonAll(first: Heap): boolean;
  /** A heap for this thread again, after abandonAll(). */
  rejoin(): Heap;
  /** Whether this thread was interrupted while it joined. */
  readonly isJoining: boolean;
  /** Returns when no other thread reclaims memory of this thread's inboxes. */
  awaitReclaim(): void;
  /** Makes a heap an orphan again: the next thread that starts or needs memory adopts it. */
  abandon(heap: Heap): void;
}
