/**
 * Upkeep of a thread's heap while its program is idle: a timer, a listener for other threads' requests, and idle().
 *
 * Owns when upkeep is done. Must not know how memory is given back. The timer is made when JavaScript's stack is empty after
 * an update, never in a call of malloc or free. It keeps no process alive, and is made again only while there is work left.
 * Timer and listener start in the asynchronous context in which the library was loaded, so that they keep no store of an
 * AsyncLocalStorage alive.
 */
import type { AsyncResource } from "node:async_hooks";
import { UNIT_BYTES } from "../block/block.js";
import type { ThreadHeap } from "../heap/heap.js";
import { IdleSteps, type Next } from "../heap/idle.js";
import { Rec } from "../heap/record.js";
import { spaceUnits } from "../heap/wilderness.js";
import { Control } from "../memory/control.js";
import { whenStackEmpty } from "../platform/interruption.js";
import { load } from "../platform/os.js";
import { answer, askedOf, DRAIN, isListening, listen, remind, whenNeeded } from "../process/idle-owners.js";
import { noteThread } from "../shared/heaps.js";
import { freedForOthers } from "../shared/remote.js";
import { guarded, heap, unusable } from "./attached.js";

/** Milliseconds without an update after which a program counts as quiet. */
const LATER = 1000;
/** Milliseconds between two steps of upkeep; a step takes a few. */
const SOON = 15;
/**
 * A heap that is charged with fewer pages gets no timer, unless other threads may ask for its address space: so many units of it. Or
 * its thread freed blocks of others, whose owners may have done their upkeep and must be reminded.
 */
const LEAST_PAGES = 64;
const LEAST_SPACE = (16 * 2 ** 20) / UNIT_BYTES;

const steps = new WeakMap<ThreadHeap, IdleSteps>();
let context: AsyncResource | null = null;
let armed = false;
/** Whether the last update was made by this file: it must not arm the timer again. */
let own = false;
let thread = 0;
let rested = 0;
let updates = -1;
/** Blocks that this thread had freed for others when it reminded their owners last. */
let reminded = 0;

function changed(): void {
  if (own) {
    own = false;
    return;
  }
  noteMe();
  if (armed || heap.isAbandoned) return;
  const { words: m, record } = heap;
  const isSmall = m[record + Rec.charged]! < LEAST_PAGES && !hasMuchSpace();
  if (isSmall && !heap.others?.heaps.length && freed() === reminded) return;
  // The first tick listens: soon if there are other heaps, whose threads may ask for memory.
  arm(!isListening() && m[Control.heaps]! > 1 ? SOON : LATER);
}

/** Blocks that this thread has freed for others. */
function freed(): number {
  const { words: m, record } = heap;
  return (freedForOthers(m, record).blocks + m[record + Rec.sentMarks]!) | 0;
}

function hasMuchSpace(): boolean {
  return !heap.isAbandoned && spaceUnits(heap.words, heap.record) >= LEAST_SPACE;
}

/** Notes Node's number of this thread, which stats() and errors name when blocks wait in its inbox. */
function noteMe(): void {
  const { words: m, record } = heap;
  if (!heap.isAbandoned) noteThread(m, m[record + Rec.entry]!, thread);
}

function arm(milliseconds: number): void {
  if (context === null) return;
  armed = true;
  try {
    context.runInAsyncScope(() => {
      const { setTimeout } = load("node:timers") as typeof import("node:timers");
      setTimeout(tick, milliseconds).unref();
    });
  } catch {
    armed = false; // without a timer, memory is given back by trim() and idle() only
  }
}

function tick(): void {
  armed = false;
  if (heap.isAbandoned) return;
  if (heap.words[Control.heaps]! > 1 && !isListening()) {
    startListening();
    asked(); // requests from before it listened
  }
  const quiet = updatesBegun() === updates;
  const next = attempt(() => step(quiet));
  if (next === "soon") arm(SOON);
  if (next === "later") arm(LATER);
}

function step(quiet: boolean): Next {
  heap.outbox.flush();
  remind(heap.window, heap.wilderness.os);
  reminded = freed();
  rested = heap.large.rest(quiet ? rested : Number.NaN);
  const nexts = heaps().map((of) => stepsOf(of).step(of, quiet, updatesBegun()));
  if (nexts.includes("soon")) return "soon";
  return nexts.includes("later") || !quiet ? "later" : "done";
}

/** All heaps of this thread. */
function heaps(): ThreadHeap[] {
  return [heap, ...(heap.others?.heaps ?? [])];
}

function stepsOf(of: ThreadHeap): IdleSteps {
  let known = steps.get(of);
  if (known === undefined) {
    known = new IdleSteps();
    steps.set(of, known);
  }
  return known;
}

/** Updates of all heaps of this thread are counted in its own. */
function updatesBegun(): number {
  return heap.words[heap.record + Rec.updates]!;
}

/** One update. It throws if the heap was overwritten; the program's next call finds that too, and throws it there. */
function attempt(work: () => Next): Next {
  own = true;
  try {
    return guarded(work);
  } catch {
    return "done";
  } finally {
    updates = updatesBegun();
  }
}

function startListening(): void {
  if (isListening()) return;
  context?.runInAsyncScope(() => listen(asked));
}

/** Serves another thread's request for memory. */
function asked(): void {
  if (heap.isAbandoned) return;
  for (const of of heaps()) comply(of);
}

function comply(of: ThreadHeap): void {
  const { window, record, wilderness } = of;
  const what = askedOf(window, record);
  if (what === 0) return;
  try {
    guarded(() => {
      of.drain();
      if (what !== DRAIN) of.relieve();
    });
  } catch {
    // the heap was overwritten: the program's next call throws that
  }
  answer(window, wilderness.os, record);
}

/**
 * Says that the calling thread will not allocate or free for a while. Free memory of its heap is given back to the
 * operating system, and the heap itself is left to any thread that needs memory. So blocks of it that others free meanwhile
 * can be reused. Otherwise they wait while the thread blocks in Atomics.wait or computes; only trim(), and a thread at the limit,
 * gives back the pages of those that lie together. Live blocks stay as they are.
 * The thread's next call that needs a heap takes the same one again, or another one if that is taken; this takes some
 * microseconds, more if the heap has many blocks. A thread that has a `Heap`, or whose `thread.id` was read, as containers
 * and atomic.waitAsync() do, keeps its heap: only free memory is given back, that of its `Heap`s included.
 *
 * A thread that waits in its event loop need not call this: it takes back what others freed, and gives back what is idle,
 * by itself. Only what is free between its live blocks, in less than whole pages, others cannot reuse without.
 *
 * @returns bytes given back
 * @throws HeapError ERR_HEAP_CORRUPT as trim() does
 * @throws HeapError ERR_UNSUPPORTED_PLATFORM where there is no heap
 *
 * @example
 * ```ts
 * import { free, idle, malloc } from "heapwright";
 *
 * const block = malloc(1000);
 * idle(); // before Atomics.wait(…)
 * free(block);
 * ```
 */
export function idle(): number {
  if (unusable !== null) throw unusable;
  if (heap.isAbandoned) return 0;
  const bytes = guarded(giveBack);
  heap.others?.abandonAll(heap); // after the update, for there is no heap then to end it in
  return bytes;
}

function giveBack(): number {
  heap.outbox.flush();
  let bytes = heap.large.unmapSlack() * heap.wilderness.pageSize;
  for (const of of heaps()) bytes += of.trim();
  heap.outbox.flush();
  return bytes;
}

function start(): void {
  if (unusable !== null) return;
  try {
    // The kernel's number is enough: node:worker_threads takes time to load.
    const isMain = heap.wilderness.os.threads.threadId() === process.pid;
    if (!isMain) ({ threadId: thread } = load("node:worker_threads") as typeof import("node:worker_threads"));
    noteMe();
    whenNeeded(startListening);
    const { AsyncResource } = load("node:async_hooks") as typeof import("node:async_hooks");
    context = new AsyncResource("heapwright");
    whenStackEmpty(changed);
    process.on("worker", () => {
      if (hasMuchSpace()) startListening(); // it may find none for a heap of its own
      if (!armed) arm(LATER); // the worker may free blocks of this heap
    });
  } catch {
    // a runtime without these: memory is given back by trim() and idle() only
  }
}

start();
