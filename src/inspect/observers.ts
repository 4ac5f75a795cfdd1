/**
 * Who hears of the heap's steps: the tracer, and tools that follow the lives of blocks.
 *
 * Owns what hangs in the hooks (shared/hooks.ts). While there is a listener, the fast paths are closed; without one they are as if
 * there had never been any. Must not know what a listener does.
 *
 * Steps are queued, and told at the end of the call into the heap, when the listener may use the heap itself. Steps that a
 * listener causes are told to nobody.
 */
import { heap } from "../api/malloc.js";
import type { TraceStep } from "../shared/hooks.js";

/**
 * Told of a step at the end of the call that it was part of. A block's life begins with `malloc`, `calloc`, `aligned` or
 * `realloc`, which also says its new size where it stays in its place, and ends with `free`. An error that it throws comes out
 * of that call.
 */
export type Listener = (step: TraceStep, address: number, size: number) => void;

interface Step {
  readonly step: TraceStep;
  readonly address: number;
  readonly size: number;
}

/** Steps with which a block's life begins or ends. */
export const LIVES: ReadonlySet<TraceStep> = new Set(["malloc", "calloc", "aligned", "realloc", "free"]);

const ofAll = new Set<Listener>();
const ofLives = new Set<Listener>();
const atOnce = new Set<Listener>();
let queue: Step[] = [];
let isTelling = false;

/** Tells a listener of every step, until the function that is returned is called. */
export function observe(listener: Listener): () => void {
  return hangIn(ofAll, listener);
}

/** As observe(), for births and deaths of blocks alone. */
export function observeLives(listener: Listener): () => void {
  return hangIn(ofLives, listener);
}

/**
 * As observe(), but in the middle of the call, which is for a log that a crash must not lose, and for what must cost little. The
 * listener must not use the heap.
 */
export function observeAtOnce(listener: Listener): () => void {
  return hangIn(atOnce, listener);
}

function hangIn(listeners: Set<Listener>, listener: Listener): () => void {
  listeners.add(listener);
  hang();
  return () => {
    listeners.delete(listener);
    hang();
  };
}

function hang(): void {
  const isHeard = ofAll.size > 0 || ofLives.size > 0;
  if (isHeard) {
    heap.trace(note, tell);
    return;
  }
  queue = [];
  const [first = null] = atOnce;
  heap.trace(atOnce.size > 1 ? tellAtOnce : first, null); // a loop over one would take longer
}

function tellAtOnce(step: TraceStep, address: number, size: number): void {
  for (const listener of atOnce) listener(step, address, size);
}

function note(step: TraceStep, address: number, size: number): void {
  if (atOnce.size > 0) tellAtOnce(step, address, size);
  if (!isTelling && (ofAll.size > 0 || LIVES.has(step))) queue.push({ step, address, size });
}

function tell(): void {
  if (isTelling || queue.length === 0) return;
  const steps = queue;
  queue = [];
  isTelling = true;
  try {
    for (const { step, address, size } of steps) {
      for (const listener of ofAll) listener(step, address, size);
      if (LIVES.has(step)) for (const listener of ofLives) listener(step, address, size);
    }
  } finally {
    isTelling = false;
  }
}
