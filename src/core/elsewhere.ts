/** What a heap knows of the heaps of ended threads: the promises that adopt.ts keeps. */
import type { Block, Pointer } from "./memory.js";

/** Where memory may be had before a heap takes more address space. */
export interface Elsewhere<Heap> {
  /** A live block of another heap that this thread has, or 0. */
  allocate(size: number): Pointer;
  /** The heap that a block lies in, if this thread has it besides its own; else null. */
  heapOf(b: Block): Heap | null;
  /** Finishes what a thread that lives on broke off: in `first`, in all of them, and in what threads share. */
  mend(first: Heap): void;
  /** All of them. */
  readonly heaps: readonly Heap[];
  /** Gives all free pages of those heaps back, and of the heaps of ended threads; returns bytes. */
  trim(): number;
  /** The same, with what is committed and was never touched; whether anything was charged to them that is not now. */
  relieve(): boolean;
  /** Takes over the heap of one more ended thread; null when there is none. */
  adopt(): Heap | null;
  /** Gives a heap that was taken over up again: the next thread that comes or needs memory has it. */
  giveUp(heap: Heap): void;
}
