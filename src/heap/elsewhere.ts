/** How a heap reaches the other heaps of its thread, and orphans. The interface is here; process/adopt.ts implements it. */
import type { Block, Pointer } from "../memory/memory.js";

/** Where memory may be had before a heap takes more address space. */
export interface Elsewhere<Heap> {
  /** A live block of another heap that this thread has, or 0. */
  allocate(size: number): Pointer;
  /** The heap that a block lies in, if this thread has it besides its own; else null. */
  heapOf(b: Block): Heap | null;
  /** After an interruption: recovers `first`, the thread's other heaps, and what threads share. */
  recover(first: Heap): void;
  /** The heaps that this thread adopted, and those that the program made in it. */
  readonly heaps: readonly Heap[];
  /** Trims those heaps, and orphans; returns the bytes given back. */
  trim(): number;
  /** Trims them, and discharges what is committed but was never touched; whether they are charged less than before. */
  relieve(): boolean;
  /**
   * A new heap of this thread's, of at most `pages`, or any number if that is 0. Only its own allocations and frees reach it,
   * besides trimming, recovery and inspection.
   */
  make(name: string, pages: number): Heap;
  /** Forgets all blocks of such a heap, and gives it up. */
  empty(heap: Heap): void;
  /** What other living threads have to take back, in words for an error; "" for nothing. */
  waiting(): string;
  /** Gives all heaps of this thread up, of which `first` is its own; false when that must not be, and nothing was done. */
  leave(first: Heap): boolean;
  /** A heap for this thread again after that. */
  comeBack(): Heap;
  /** Returns when no other thread reclaims memory of this thread's inboxes. */
  awaitReclaim(): void;
  /** Adopts one orphan; null when there is none. */
  adopt(): Heap | null;
  /** Gives a heap that was taken over up again: the next thread that comes or needs memory has it. */
  giveUp(heap: Heap): void;
}
