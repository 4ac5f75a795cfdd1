/**
 * Settings as programs give them: by configure(), or by the environment when the library is loaded.
 */

import { guarded } from "./attached.js";
import { Control } from "./core/control.js";
import { recordOf } from "./core/heaps.js";
import { applySettings } from "./core/process.js";
import { Rec } from "./core/record.js";
import { checkSetting, type Settings } from "./core/settings.js";
import { HeapError, show, typeError } from "./errors.js";
import { logStep, queueFor, type TraceEvent, type TraceQueue } from "./inspect/log.js";
import { heap, unusable } from "./malloc.js";

/** Settings of the process, for configure(). */
export interface Options {
  /** Most bytes of footprint, a whole number or Infinity. Rounded down to pages. */
  limit?: number | undefined;
  /** Requests of more bytes than this, and than 1,016, get a mapping of their own; "dynamic" rises when such a block is freed or shrinks. */
  mmapThreshold?: number | "dynamic" | undefined;
  /** Idle joined bytes from which memory is given back to the operating system by itself; see trim(). */
  trimThreshold?: number | undefined;
  /**
   * true: a line on standard error for each step, as it happens. A function: called with each step of a call into the
   * heap before that call returns, when the heap is whole again; it may use the heap itself, and what it does is not
   * told. What it throws comes out of that call, and what the call made is lost. false: off. May be changed at any time.
   */
  trace?: boolean | ((event: TraceEvent) => void) | undefined;
}

/**
 * Changes settings of the process, for all its threads. All but `trace` only before the first allocation in any of them;
 * each has an environment variable too, of which those of the first thread count, and what is given here wins. `trace` is
 * the calling thread's own.
 *
 * @throws HeapError ERR_INVALID_ARG for a setting that does not exist, makes no sense or comes too late; then none
 *   of them is changed
 *
 * @example
 * ```ts
 * import { configure, HeapError, malloc } from "heapwright";
 *
 * configure({ limit: 64 * 1024 * 1024, trimThreshold: 8 * 1024 * 1024 });
 * try {
 *   malloc(100_000_000);
 * } catch (error) {
 *   if (error instanceof HeapError) console.log(error.code); // ERR_OUT_OF_MEMORY
 * }
 * ```
 */
export function configure(options: Options): void {
  if (unusable !== null) throw unusable;
  if (typeof options !== "object" || options === null) {
    throw typeError("ERR_INVALID_ARG", `configure: give an object of settings, got ${show(options)}`);
  }
  const { trace, ...settings } = options;
  const given = Object.entries(settings).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) {
    if (name === "reserve") {
      throw typeError(
        "ERR_INVALID_ARG",
        "configure: reserve is used when the library is loaded: set HEAPWRIGHT_RESERVE before that",
      );
    }
    checkSetting("configure", name, value);
  }
  const traceable = trace === undefined || typeof trace === "boolean" || typeof trace === "function";
  if (!traceable) {
    throw typeError(
      "ERR_INVALID_ARG",
      `configure: trace must be true, false or a function, got ${show(trace)}`,
    );
  }
  if (given.length > 0) {
    const wanted = { ...current(), ...Object.fromEntries(given) };
    const change = () => {
      refuseWhenUsed(given[0]![0]);
      applySettings(heap.words, wanted);
    };
    guarded(() => heap.store.segments.whileStill(change)); // no other thread makes its first mapping meanwhile
  }
  if (trace !== undefined) setTrace(trace);
}

let queue: TraceQueue | null = null;

function setTrace(trace: boolean | ((event: TraceEvent) => void)): void {
  queue?.close();
  queue = typeof trace === "function" ? queueFor(trace) : null;
  if (queue !== null) heap.trace(queue.sink, queue.settle);
  else heap.trace(trace ? logStep : null, null);
}

function refuseWhenUsed(name: string): void {
  const { words: m } = heap;
  let used = m[Control.mmaps]! > 0;
  for (let index = 0; index < m[Control.heaps]!; index++) used ||= wasUsed(recordOf(m, index));
  if (!used) return;
  throw new HeapError(
    "ERR_INVALID_ARG",
    `configure: ${name} comes too late, memory was allocated already; call configure before the first malloc, ` +
      "or set it in the environment",
  );
}

/** Whether anything was ever allocated from a heap. */
function wasUsed(record: number): boolean {
  const { words: m, store } = heap;
  if (record === 0) return false;
  const start = store.segments.start(m[record + Rec.segment]!);
  return m[record + Rec.top]! > start || m[record + Rec.high]! > start || m[record + Rec.closedUnits]! > 0;
}

/** The settings in force. */
function current(): Omit<Settings, "reserve"> {
  const m = heap.words;
  const pageSize = m[Control.pageSize]!;
  return {
    limit: heap.pressure().limit,
    mmapThreshold: m[Control.thresholdRises] === 1 ? "dynamic" : heap.mmapThreshold,
    trimThreshold: m[Control.trimPages]! * pageSize,
  };
}

/** HEAPWRIGHT_TRACE=1, read when the library is loaded. */
function traceFromEnvironment(): void {
  const wanted = process.env.HEAPWRIGHT_TRACE ?? "";
  if (unusable === null && !["", "0", "false", "off"].includes(wanted)) setTrace(true);
}

traceFromEnvironment();
