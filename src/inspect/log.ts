/**
 * The trace log, and the queue of a program's own tracer. The log is one line per step on standard error, written at once, so that
 * a crash loses none. Owns the format of a line, and when a tracer is called.
 *
 *   heapwright[0] coalesce forward  0x2c1a4f50           64
 *              ^thread  ^step       ^address         ^bytes
 */

import { hex } from "../errors.js";
import { fileSystem, load } from "../platform/os.js";
import type { TraceStep } from "../shared/hooks.js";
import type { Listener } from "./observers.js";

const STANDARD_ERROR = 2;
/** The width of the longest step's name. */
const STEP_WIDTH = 17;
const WAIT_MS = 2;
const MOST_WAITS = 500;
/** Read at the first step: loading node:worker_threads takes time. */
let threadId = -1;
/** Nobody notifies this word: to wait for it is to sleep. */
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/**
 * A step of the heap, as a trace function gets it. A block's life begins with a step `malloc`, `calloc`, `aligned` or
 * `realloc` and ends with `free`. A realloc that moves a block is a `free` of the old address, then a `realloc` of the new
 * one. Destroying a Heap is a `free` of each of its live blocks.
 */
export interface TraceEvent {
  /** What was done. */
  readonly step: TraceStep;
  /** The address of the payload, page or mapping. */
  readonly address: number;
  /** Bytes: requested (malloc, calloc, realloc, aligned), usable (free), or of the block or mapping (all others). */
  readonly size: number;
  /** The `threadId` of the worker that did it; 0 is the main thread. */
  readonly thread: number;
}

export function logStep(step: TraceStep, address: number, size: number): void {
  const where = hex(address).padEnd(14);
  const line = `heapwright[${thisThread()}] ${step.padEnd(STEP_WIDTH)} ${where} ${String(size).padStart(10)}\n`;
  printAll(line);
}

function thisThread(): number {
  if (threadId < 0) ({ threadId } = load("node:worker_threads") as typeof import("node:worker_threads"));
  return threadId;
}

/**
 * Writes to standard error. If that is a full pipe that does not block, waits for its reader, about a second at most. What
 * cannot be written is dropped: the log never makes a program fail.
 */
export function printAll(text: string): void {
  const bytes = Buffer.from(text);
  let written = 0;
  for (let waits = 0; written < bytes.length && waits < MOST_WAITS; ) {
    try {
      written += fileSystem().writeSync(STANDARD_ERROR, bytes, written);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return;
      Atomics.wait(sleeper, 0, 0, WAIT_MS);
      waits++;
    }
  }
}

/** What tells a program's function of each step. */
export function eventsFor(listener: (event: TraceEvent) => void): Listener {
  return (step, address, size) => listener({ step, address, size, thread: thisThread() });
}
