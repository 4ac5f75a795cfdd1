/**
 * Hooks: where a tracer and the tools that follow the lives of blocks hang.
 *
 * Fast paths do not look at them, so what is off costs nothing: a hook closes the fast paths (see cache.ts), and the slow
 * paths, which then do all the work, call it. Who hangs here is for inspect/observers.ts to say.
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
