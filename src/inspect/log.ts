/**
 * The trace log: one line per step on standard error, written at once, so that the last line before a crash is there.
 *
 *   heapwright[0] malloc         0x2c1a4f50       64
 *              ^thread ^step     ^address         ^bytes
 */
import { writeSync } from "node:fs";
import { threadId } from "node:worker_threads";
import type { TraceSink, TraceStep } from "../core/hooks.js";
import { hex } from "../errors.js";

const STANDARD_ERROR = 2;
const WAIT_MS = 2;
const MOST_WAITS = 500;
/** A word that nobody wakes anybody on: for sleeping without running other code. */
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/**
 * A step of the heap, as a trace function gets it. Blocks come by `malloc`, `calloc`, `aligned` and `realloc`, and go by
 * `free`; a `realloc` that moves its block is a `free` of the old address and then a `realloc` with the new one.
 */
export interface TraceEvent {
  /** What was done. */
  readonly step: TraceStep;
  /** The payload, page or mapping it concerns. */
  readonly address: number;
  /** Bytes: asked for (malloc, calloc, realloc, aligned), usable (free), of the block or mapping (the others). */
  readonly size: number;
  /** The worker that did it, by its `threadId`; 0 is the main thread. */
  readonly thread: number;
}

export function logStep(step: TraceStep, address: number, size: number): void {
  const line = `heapwright[${threadId}] ${step.padEnd(14)} ${hex(address).padEnd(14)} ${String(size).padStart(10)}\n`;
  writeAll(Buffer.from(line));
}

/**
 * Standard error may be a pipe that does not block, and full: then wait for its reader, but not for ever. A log that
 * cannot be written is dropped; it never fails the program.
 */
function writeAll(bytes: Buffer): void {
  let written = 0;
  for (let waits = 0; written < bytes.length && waits < MOST_WAITS; ) {
    try {
      written += writeSync(STANDARD_ERROR, bytes, written);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return;
      Atomics.wait(sleeper, 0, 0, WAIT_MS);
      waits++;
    }
  }
}

export interface TraceQueue {
  readonly sink: TraceSink;
  readonly settle: () => void;
  /** Tells nothing more, not even what is waiting. */
  readonly close: () => void;
}

/**
 * A sink that keeps the steps, and what calls `listener` with them once the heap is whole again: a listener may use
 * the heap. Steps that it causes itself are not told. What it throws comes out of the call into the heap.
 */
export function queueFor(listener: (event: TraceEvent) => void): TraceQueue {
  let events: TraceEvent[] = [];
  let telling = false;
  let open = true;
  return {
    sink: (step, address, size) => {
      if (!telling) events.push({ step, address, size, thread: threadId });
    },
    settle: () => {
      if (telling) return;
      const told = events;
      events = [];
      telling = true;
      try {
        for (const event of told) if (open) listener(event);
      } finally {
        telling = false;
      }
    },
    close: () => {
      open = false;
    },
  };
}
