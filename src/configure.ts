/**
 * Settings as programs give them: by configure(), or by the environment when the library is loaded.
 */

import { guarded } from "./api/attached.js";
import { heap, unusable } from "./api/malloc.js";
import { HeapError, show, typeError } from "./errors.js";
import { Rec } from "./heap/record.js";
import { eventsFor, logStep, type TraceEvent } from "./inspect/log.js";
import { observe, observeAtOnce } from "./inspect/observers.js";
import { Control } from "./memory/control.js";
import { applySettings } from "./process/process.js";
import { checkSetting, isOn, type Settings } from "./process/settings.js";
import { recordOf } from "./shared/heaps.js";

/** Settings of the process, for configure(). Sizes are in bytes. */
export interface Options {
  /** The largest footprint: a whole number of bytes, rounded down to pages, or Infinity. */
  limit?: number | undefined;
  /**
   * Requests of more bytes than this, and than 9,208, get a mapping of their own. The default, "dynamic", starts at 131,072.
   * It rises, to at most 32 MiB, when blocks of similar size are mapped and freed again and again: then the heap serves
   * them. It falls when such blocks stay allocated, or when only smaller ones are requested.
   */
  mmapThreshold?: number | "dynamic" | undefined;
  /**
   * Free bytes that a thread keeps. Idle bytes above that are given back to the operating system: at once when they are
   * more than those in use, else within seconds after the program's last call; see trim().
   */
  trimThreshold?: number | undefined;
  /**
   * true: a line on standard error for each step, at once. A function: called with each step of a call into the heap, before
   * that call returns. It may use the heap itself; what it does there is not traced. An error that it throws comes out of
   * that call, and a block that the call allocated is lost. false: off. May be changed at any time.
   */
  trace?: boolean | ((event: TraceEvent) => void) | undefined;
}

/**
 * Changes settings for all threads of the process; `trace` is for the calling thread only. All but `trace` must be changed
 * before the first allocation in any thread. Each has an environment variable too, read by the first thread; a setting
 * given here takes precedence.
 *
 * @throws HeapError ERR_INVALID_ARG for a setting that does not exist, is out of range or comes too late; then none of them
 *   is changed
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
    guarded(() => heap.wilderness.segments.whileStill(change)); // so that no other thread makes its first mapping meanwhile
  }
  if (trace !== undefined) setTrace(trace);
}

let endTrace: (() => void) | null = null;

function setTrace(trace: boolean | ((event: TraceEvent) => void)): void {
  endTrace?.();
  endTrace = typeof trace === "function" ? observe(eventsFor(trace)) : null;
  observeAtOnce(trace === true ? logStep : null);
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
  const { words: m, wilderness } = heap;
  if (record === 0) return false;
  const start = wilderness.segments.start(m[record + Rec.segment]!);
  return m[record + Rec.top]! > start || m[record + Rec.high]! > start || m[record + Rec.closedUnits]! > 0;
}

/** The settings in force. */
function current(): Omit<Settings, "reserve"> {
  const m = heap.words;
  const pageSize = m[Control.pageSize]!;
  return {
    limit: heap.pressure().limit,
    mmapThreshold: m[Control.isThresholdDynamic] === 1 ? "dynamic" : heap.mmapThreshold,
    trimThreshold: m[Control.trimPages]! * pageSize,
  };
}

/** Obeys HEAPWRIGHT_TRACE=1, read when the library is loaded. */
function traceFromEnvironment(): void {
  if (unusable === null && isOn(process.env.HEAPWRIGHT_TRACE)) setTrace(true);
}

traceFromEnvironment();
