/**
 * The calling thread's heap, and what all that is done with it has in common: arguments, errors, tracing.
 *
 * Owns the one call that attaches this thread to the heap of the process. Must not know header bits or koffi.
 */
import { Control } from "./core/control.js";
import { explainPointer } from "./core/diagnose.js";
import type { TraceStep } from "./core/hooks.js";
import { MAX_MAPPINGS } from "./core/mappings.js";
import { attach } from "./core/process.js";
import { watch, whenCutOff } from "./core/watch.js";
import { HeapError, outOfMemory, rangeError, show, typeError } from "./errors.js";

const attached = attach();
/** V8 folds what it finds in a const of the module that uses it: modules with fast paths keep a name of their own. */
const own = attached.heap;
export const heap = own;
/** Why it cannot be used; null when it can. */
export const unusable = attached.unusable;

/** Tells the tracer, if there is one; only slow paths come by here. */
export function traced(step: TraceStep, pointer: number, size: number): void {
  if (own.hooks.trace !== null) own.hooks.trace(step, pointer, size);
}

/** The heap is whole: the tracer may run code that uses it. */
export function settle(): void {
  if (own.hooks.settle !== null) own.hooks.settle();
}

/**
 * What to throw for an error that came out of an update, between enter() and open(). This library's own errors leave the
 * heap whole. Any other broke the update off, which is V8's RangeError when the stack is full: the heap is put in order
 * at once where the stack suffices, else when a slow path is taken next or the stack is empty.
 */
export function brokenOff(error: unknown): unknown {
  if (error instanceof HeapError) own.open();
  else if (!mended()) watch();
  return error;
}

function mended(): boolean {
  try {
    if (own.torn) own.mend();
  } catch {
    return false; // whoever uses the heap next hears of it
  }
  return true;
}

whenCutOff(mended);

/** Does something that changes the heap, or waits for what threads share; for what is no fast path. Not within another. */
export function guarded<T>(work: () => T): T {
  own.enter();
  try {
    const result = work();
    own.open();
    return result;
  } catch (error) {
    throw brokenOff(error);
  }
}

export function checkSize(operation: string, name: string, size: number): void {
  if (typeof size !== "number") {
    throw typeError("ERR_INVALID_ARG", `${operation}: ${name} must be a number, got ${show(size)}`);
  }
  if (!Number.isSafeInteger(size) || size < 0) {
    throw rangeError(
      "ERR_INVALID_ARG",
      `${operation}: ${name} must be a whole number from 0 to 2^53 - 1, got ${show(size)}`,
    );
  }
}

/** Refuses what is no object of options, and options by other names than `known` has. */
export function checkOptions(operation: string, options: unknown, known: object): void {
  if (typeof options !== "object" || options === null) {
    throw typeError("ERR_INVALID_ARG", `${operation}: give an object of options, got ${show(options)}`);
  }
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(known, name));
  if (unknown === undefined) return;
  const names = Object.keys(known).join(" and ");
  throw typeError("ERR_INVALID_ARG", `${operation}: there is no option ${show(unknown)}, only ${names}`);
}

export function noMemory(operation: string, size: number): Error {
  if (unusable !== null) return unusable;
  const { footprint, limit } = own.pressure();
  const [cap, advice] =
    limit === Number.POSITIVE_INFINITY
      ? [whatIsFull(size), "Free something, or ask for less"]
      : [`the limit is ${limit}`, "Free something, or raise the limit (HEAPWRIGHT_LIMIT)"];
  return outOfMemory(
    `${operation}: no room for ${size} bytes; the footprint is ${footprint} bytes and ${cap}. ${advice}`,
  );
}

/** What there is no more of, without a limit. */
function whatIsFull(size: number): string {
  const { span, words } = own.window;
  const full = `the address window of ${span} has no gap so large`;
  if (size > span) return full;
  const blocks = words[Control.largeCount]!;
  if (blocks >= MAX_MAPPINGS)
    return `${blocks} blocks have mappings of their own, the most that can, and the heap is full`;
  return `${full}, or the kernel gives no more (ulimit -v, vm.max_map_count)`;
}

export function wrongPointer(operation: string, pointer: unknown): Error {
  return unusable ?? explainPointer(own, operation, pointer);
}
