/**
 * What core offers to those who look inside: a place to hang a tracer. Nothing here knows what a tracer does.
 *
 * While no tracer hangs here, the fast paths do not even look: switching tracing on closes the fast paths (see
 * cache.ts), and only the slow ones, which then do all the work, ask for it.
 */

/** A step of the heap, as it happens. */
export type TraceStep =
  | "malloc"
  | "calloc"
  | "aligned"
  | "realloc"
  | "free"
  | "split"
  | "merge forward"
  | "merge backward"
  | "grow"
  | "mmap"
  | "mremap"
  | "munmap"
  | "trim";

export type TraceSink = (step: TraceStep, address: number, size: number) => void;

export interface Hooks {
  /** Called when a call into the heap is over and the heap is whole: the time to run code that may use it. */
  settle: (() => void) | null;
  /**
   * Called at each step, in the middle of updates, with the address it concerns (a payload's, a mapping's or a page's)
   * and bytes. Must not use the heap.
   */
  trace: TraceSink | null;
}
