/**
 * The calling thread's heap, and what all operations on it share: checks of arguments, errors, tracing.
 *
 * Owns the one call that attaches this thread to the heap of the process. Must not know header bits or koffi.
 */

import { MAX_BLOCK, sizeOf } from "../block/block.js";
import { HeapError, outOfMemory, rangeError, show, typeError } from "../errors.js";
import type { ThreadHeap } from "../heap/heap.js";
import { Control, MAPPING_ENTRIES } from "../memory/control.js";
import { HEADER_BYTES, type Pointer } from "../memory/memory.js";
import { whenInterrupted } from "../platform/interruption.js";
import { explainPointer } from "../process/diagnose.js";
import { attach } from "../process/process.js";
import type { TraceStep } from "../shared/hooks.js";
import { again } from "./relief.js";

const attached = attach();
/** A const of this module, for V8 rule 3; modules with fast paths have one of their own too. */
const own = attached.heap;
export const heap = own;
/** The error why there is no heap; null if there is one. */
export const unusable = attached.unusable;

/** Passes a step to those that hang in the hooks. Only slow paths call this. */
export function traced(step: TraceStep, pointer: number, size: number): void {
  const { trace, guard, sampler, slots } = own.hooks;
  if (step !== "free") {
    if (guard !== null) guard.born(pointer, usableIn(pointer), size);
    if (sampler !== null) sampler.allocated(pointer, size);
    if (slots !== null && step === "aligned") slots.pass(size);
  }
  if (trace !== null) trace(step, pointer, size);
}

/** Usable bytes of a live block, red zone included. Within an update. */
function usableIn(pointer: number): number {
  const b = own.liveBlockOfAny(pointer);
  return b === 0 ? own.large.sizeOf(pointer) : sizeOf(own.words, b) - HEADER_BYTES;
}

/** Runs the tracer on the steps of this call. The update has ended, so the tracer may use the heap. */
export function afterCall(): void {
  if (own.hooks.afterCall !== null) own.hooks.afterCall();
}

let heardOfErrors: ((error: HeapError) => void) | null = null;

/** Sets what hears of a HeapError that a call is about to throw, once its update has ended. */
export function whenThrown(hear: (error: HeapError) => void): void {
  heardOfErrors = hear;
}

/**
 * Handles an error thrown inside an update, between enter() and open(), and returns what to throw. A HeapError leaves the
 * heap whole. Any other error interrupted the update, such as V8's RangeError when the stack is full: the heap is
 * recovered at once if there is stack enough, else by the next slow path or when the stack is empty.
 */
export function interrupted(error: unknown): unknown {
  if (error instanceof HeapError) {
    own.open();
    heardOfErrors?.(error);
  } else tryToRecover();
  return error;
}

function tryToRecover(): void {
  try {
    if (own.isInterrupted) own.recover();
  } catch {
    // without stack enough, a microtask does it; what is beyond recovery, the next use of the heap throws
  }
}

whenInterrupted(tryToRecover);

/** Runs an update of the heap, or one that waits for the lock. Not for fast paths; does not nest. */
export function guarded<T>(work: () => T): T {
  own.enter();
  try {
    const result = work();
    own.open();
    return result;
  } catch (error) {
    return again(interrupted(error), guarded<T>, work);
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

/** Throws ERR_INVALID_ARG unless `options` is an object whose properties all have names from `known`. */
export function checkOptions(operation: string, options: unknown, known: object): void {
  if (typeof options !== "object" || options === null) {
    throw typeError("ERR_INVALID_ARG", `${operation}: give an object of options, got ${show(options)}`);
  }
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(known, name));
  if (unknown === undefined) return;
  const names = Object.keys(known).join(" and ");
  throw typeError("ERR_INVALID_ARG", `${operation}: there is no option ${show(unknown)}, only ${names}`);
}

/** ERR_OUT_OF_MEMORY for a request of `size` bytes in that heap, with the reason and what to do. */
export function noMemory(operation: string, size: number, of: ThreadHeap = own): Error {
  if (unusable !== null) return unusable;
  const where = of.name === null ? "" : ` in the heap ${show(of.name)}`;
  const why = of.name === null ? null : whyFull(of, size);
  if (why !== null) return outOfMemory(`${operation}: no room for ${size} bytes${where}; ${why}`);
  const { footprint, limit } = own.pressure();
  const [cap, advice] =
    limit === Number.POSITIVE_INFINITY
      ? [whatIsFull(size), "Free something, or ask for less"]
      : [`the limit is ${limit}`, "Free something, or raise the limit (HEAPWRIGHT_LIMIT)"];
  return outOfMemory(
    `${operation}: no room for ${size} bytes${where}; the footprint is ${footprint} bytes and ${cap}. ${advice}${undrainedInboxes()}${freeElsewhere(size)}`,
  );
}

/** Why a made heap cannot serve the request; null if the reason is not the heap's own size limits. */
function whyFull(of: ThreadHeap, size: number): string | null {
  if (size > MAX_BLOCK / 2)
    return `its blocks are ${MAX_BLOCK / 2} bytes at most. malloc() gives larger ones`;
  const [budget, footprint] = [of.budget(), of.footprint()];
  if (budget - footprint >= size + ALMOST_FULL) return null;
  return `its footprint is ${footprint} bytes and its limit is ${budget}. Free something of it, or make one with a higher limit`;
}

/** Bytes that a heap may need on top of the request: the first and last pages of a segment. */
const ALMOST_FULL = 64 * 1024;

/** Names the threads whose inboxes hold freed blocks that nobody can reuse yet. */
function undrainedInboxes(): string {
  const waiting = own.others?.waiting() ?? "";
  if (waiting === "") return "";
  return `. What was freed waits for its owners: ${waiting}; a thread takes it back in its event loop, or calls idle() before it blocks`;
}

/** Other threads' free memory, if it might be what is missing. */
function freeElsewhere(size: number): string {
  const bytes = own.others?.freeElsewhere() ?? 0;
  if (bytes < size || bytes < ALMOST_FULL) return "";
  return `. Heaps of other threads have ${bytes} bytes free between their blocks; a thread leaves them to all when it calls idle()`;
}

/** What has run out, if no limit is set. */
function whatIsFull(size: number): string {
  const { span, words } = own.window;
  const full = `the address window of ${span} has no gap so large`;
  if (size > span) return full;
  const blocks = words[Control.largeCount]!;
  if (blocks >= MAPPING_ENTRIES)
    return `${blocks} blocks have mappings of their own, the most that can, and the heap is full`;
  return `${full}, or the kernel gives no more (ulimit -v, vm.max_map_count)`;
}

/**
 * The address as a number, from a number or a bigint; throws for anything else. For slow paths: a bigint fails the test
 * of every fast path.
 */
export function addressOf(operation: string, pointer: unknown): Pointer {
  const address = numberOf(pointer);
  if (address < 0) throw wrongPointer(operation, pointer);
  return address as Pointer;
}

/** As addressOf(), but -1 instead of an error. */
export function numberOf(pointer: unknown): number {
  if (typeof pointer === "number") return pointer;
  const isAddress = typeof pointer === "bigint" && pointer >= 0n && pointer <= Number.MAX_SAFE_INTEGER;
  return isAddress ? Number(pointer) : -1;
}

/** Looks for the reason under the lock, so within an update; outside of one only for what is no address. */
export function wrongPointer(operation: string, pointer: unknown): Error {
  return unusable ?? explainPointer(own, operation, pointer);
}
