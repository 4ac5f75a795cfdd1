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

/** A step of the heap, as a trace function gets it. */
export interface TraceEvent {
  readonly step: TraceStep;
  /** The payload, page or mapping it concerns. */
  readonly address: number;
  /** Bytes: asked for (malloc, calloc, realloc, aligned), usable (free), of the block or mapping (the others). */
  readonly size: number;
  readonly thread: number;
}

export function logStep(step: TraceStep, address: number, size: number): void {
  const line = `heapwright[${threadId}] ${step.padEnd(14)} ${hex(address).padEnd(14)} ${String(size).padStart(10)}\n`;
  writeSync(STANDARD_ERROR, line);
}

/** Calls `listener` for each step; steps that the listener itself causes are not told. */
export function sinkFor(listener: (event: TraceEvent) => void): TraceSink {
  let inside = false;
  return (step, address, size) => {
    if (inside) return;
    inside = true;
    try {
      listener({ step, address, size, thread: threadId });
    } finally {
      inside = false;
    }
  };
}
