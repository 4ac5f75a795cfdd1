/**
 * Hooks for tracing. Owns their types and the names of the steps.
 *
 * Fast paths do not read them, so tracing that is off costs nothing: while it is on, the fast paths fail (heap/heap.ts), and the
 * slow paths do all the work and call the hooks.
 */

/**
 * A step of the heap: calls of the program; `split` of a block, and `coalesce` with the free block above (forward) or below
 * (backward); more address space (`grow`); calls of the kernel for large blocks; and pages that are given back (`purge`).
 */
export type TraceStep =
  | "malloc"
  | "calloc"
  | "aligned"
  | "realloc"
  | "free"
  | "split"
  | "coalesce forward"
  | "coalesce backward"
  | "grow"
  | "mmap"
  | "mremap"
  | "munmap"
  | "purge";

export type TraceSink = (step: TraceStep, address: number, size: number) => void;

export interface Hooks {
  /** Called at the end of a call into the heap, when the heap may be used. */
  afterCall: (() => void) | null;
  /**
   * Called at each step, in the middle of updates, so it must not use the heap. The address is that of a payload, a page or
   * a mapping; the size is in bytes.
   */
  trace: TraceSink | null;
}
