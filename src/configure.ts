/**
 * Settings as programs give them: by configure(), or by the environment when the library is loaded.
 */

import { guarded } from "./api/attached.js";
import { heap, unusable } from "./api/malloc.js";
import { HeapError, show, typeError } from "./errors.js";
import { isUsed } from "./heap/holdings.js";
import { eventsFor, logStep, type TraceEvent } from "./inspect/log.js";
import { observe, observeAtOnce } from "./inspect/observers.js";
import { Control } from "./memory/control.js";
import { applySettings } from "./process/process.js";
import { checkSetting, isOn, type Settings } from "./process/settings.js";
import { recordOf } from "./shared/heaps.js";
import { guardBlocks, internals } from "./tools.js";

/** Settings of the process, for configure(). Sizes are in bytes. */
export interface Options {
  /**
   * The largest footprint: a whole number of bytes, 64 KiB at least, rounded down to pages, or Infinity. What would exceed it
   * throws ERR_OUT_OF_MEMORY, and every block stays as it is.
   */
  limit?: number | undefined;
  /**
   * Requests of more bytes than this, and than 9,208, get a mapping of their own. The default, "dynamic", starts at 131,072.
   * It rises, to at most 32 MiB, when blocks of similar size are mapped and freed again and again: then the heap serves
   * them. It falls when such blocks stay allocated, when only much smaller ones are requested, and when none are for a second.
   * A number is kept; the largest is 512 MiB less 8 bytes.
   */
  mmapThreshold?: number | "dynamic" | undefined;
  /**
   * Free bytes that a thread keeps. Idle bytes above that are given back to the operating system: at once when they are
   * more than those in use, else within seconds after the program's last call; see trim().
   */
  trimThreshold?: number | undefined;
  /**
   * true: wrong accesses are caught. It stays on for the process's life, in all threads, and must come before any other thread loads
   * heapwright; HEAPWRIGHT_DEBUG=1 in the environment always does. Each call and each access then takes microseconds.
   *
   * By this library, an access outside a live block or over its end throws ERR_OUT_OF_BOUNDS or ERR_USE_AFTER_FREE, which names
   * the block and the lines that allocated and freed it. What C writes behind a block, or through a view that was made before a free,
   * is found when that block is freed or resized, by check(), and when the thread ends, where it is printed and makes the exit code
   * 1. A freed block is kept aside, and its memory is nobody's, until the thread has freed 10,000 others or 16 MiB; those over 1 MiB,
   * those with a mapping of their own and those of a Heap are not. What is kept aside counts as allocated, and is lost when the thread ends. Lines are known of
   * blocks that the thread itself allocated and freed.
   */
  debug?: boolean | undefined;
  /**
   * true: a line on standard error for each step, at once. A function: called with each step of a call into the heap, before
   * that call returns. It may use the heap itself; what it does there is not traced. An error that it throws comes out of
   * that call, and a block that the call allocated is lost. false: off. May be changed at any time. Tracing that was never on
   * costs nothing: the fast paths do not look at it.
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
  const { trace, debug, ...settings } = options;
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
  if (debug !== undefined) setDebug(debug);
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
  endTrace = null;
  if (trace === true) endTrace = observeAtOnce(logStep);
  else if (typeof trace === "function") endTrace = observe(eventsFor(trace));
}

function setDebug(debug: unknown): void {
  if (typeof debug !== "boolean")
    throw typeError("ERR_INVALID_ARG", `configure: debug must be true or false, got ${show(debug)}`);
  if (debug === internals.isGuarded) return;
  if (debug && internals.mayGuard()) guardBlocks();
  if (debug === internals.isGuarded) return;
  throw new HeapError(
    "ERR_INVALID_ARG",
    debug
      ? "configure: debug comes too late, memory was allocated, or another thread has begun; set HEAPWRIGHT_DEBUG=1 in the environment"
      : "configure: debug stays on for the process's life",
  );
}

function refuseWhenUsed(name: string): void {
  const { words: m } = heap;
  let used = m[Control.mmaps]! > 0;
  for (let index = 0; index < m[Control.heaps]!; index++) used ||= isUsed(heap, recordOf(m, index));
  if (!used) return;
  throw new HeapError(
    "ERR_INVALID_ARG",
    `configure: ${name} comes too late, memory was allocated already; call configure before the first malloc, ` +
      "or set it in the environment",
  );
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
