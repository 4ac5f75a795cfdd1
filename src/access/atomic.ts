/**
 * Atomics at a pointer: what JavaScript's Atomics do on a SharedArrayBuffer, and waiting until another thread wakes this one.
 *
 * The operations are those of Atomics, on typed arrays over the whole window. So they are atomic with respect to Atomics on
 * arrays from typed(), and to C's sequentially consistent atomics. A wait sleeps in the kernel (futex(2)), since Atomics.wait
 * accepts a SharedArrayBuffer only. Any thread, any thread's blocks.
 */
import { unusable } from "../api/attached.js";
import { heap } from "../api/malloc.js";
import { type HeapError, hex, rangeError, show, typeError } from "../errors.js";
import type { PointerLike } from "../memory/memory.js";
import { farOf } from "./place.js";
import { type WaitResult, waitAt, wakeAt } from "./wait-async.js";

/** Milliseconds of one sleep in the kernel, after which a thread that is being terminated can end. */
const LONGEST_SLEEP = 100;
/** The most sleepers that one futex call can wake. */
const EVERYBODY = 0x7fff_ffff;

/** Atomic operations on one kind of integer, at an aligned address. All but load and store return the old value. */
export interface AtomicOperations<V extends number | bigint> {
  /** Reads the value. */
  load(pointer: PointerLike, byteOffset?: number): V;
  /** Writes `value`. */
  store(pointer: PointerLike, value: V, byteOffset?: number): void;
  /** Writes `value` and returns the old one. */
  exchange(pointer: PointerLike, value: V, byteOffset?: number): V;
  /** Writes `replacement` if the value is `expected`. It was written if the result is `expected`. */
  compareExchange(pointer: PointerLike, expected: V, replacement: V, byteOffset?: number): V;
  /** Adds `value`, and wraps. */
  add(pointer: PointerLike, value: V, byteOffset?: number): V;
  /** Subtracts `value`, and wraps. */
  sub(pointer: PointerLike, value: V, byteOffset?: number): V;
  /** Keeps the bits that `value` has too. */
  and(pointer: PointerLike, value: V, byteOffset?: number): V;
  /** Sets the bits that `value` has. */
  or(pointer: PointerLike, value: V, byteOffset?: number): V;
  /** Flips the bits that `value` has. */
  xor(pointer: PointerLike, value: V, byteOffset?: number): V;
}

type Words = Int32Array | Uint32Array;
type LongWords = BigInt64Array | BigUint64Array;

/** Types of Atomics for numbers and bigints alike: TypeScript declares them apart, and operations() takes both. */
type Atomic<V> = {
  [K in "exchange" | "add" | "sub" | "and" | "or" | "xor" | "store"]: (
    words: unknown,
    index: number,
    value: V,
  ) => V;
} & {
  load(words: unknown, index: number): V;
  compareExchange(words: unknown, index: number, expected: V, replacement: V): V;
};

function operations<V extends number | bigint>(kind: string, words: Words | LongWords): AtomicOperations<V> {
  const bytes = words.BYTES_PER_ELEMENT;
  const { load, store, exchange, compareExchange, add, sub, and, or, xor } = Atomics as unknown as Atomic<V>;
  const at = (pointer: PointerLike, byteOffset: number) => indexOf(kind, pointer, byteOffset, bytes);
  return {
    load: (pointer, byteOffset = 0) => load(words, at(pointer, byteOffset)),
    store: (pointer, value, byteOffset = 0) => {
      store(words, at(pointer, byteOffset), value);
    },
    exchange: (pointer, value, byteOffset = 0) => exchange(words, at(pointer, byteOffset), value),
    compareExchange: (pointer, expected, replacement, byteOffset = 0) =>
      compareExchange(words, at(pointer, byteOffset), expected, replacement),
    add: (pointer, value, byteOffset = 0) => add(words, at(pointer, byteOffset), value),
    sub: (pointer, value, byteOffset = 0) => sub(words, at(pointer, byteOffset), value),
    and: (pointer, value, byteOffset = 0) => and(words, at(pointer, byteOffset), value),
    or: (pointer, value, byteOffset = 0) => or(words, at(pointer, byteOffset), value),
    xor: (pointer, value, byteOffset = 0) => xor(words, at(pointer, byteOffset), value),
  };
}

/** The index of an aligned address in an array over the whole window; throws for others. */
function indexOf(operation: string, pointer: PointerLike, byteOffset: number, bytes: number): number {
  const index = farOf(operation, pointer, byteOffset, bytes) / bytes;
  // The window starts at a page: a place is aligned if its address is.
  if (!Number.isInteger(index)) throw misaligned(operation, pointer, byteOffset, bytes);
  return index;
}

function misaligned(operation: string, pointer: PointerLike, byteOffset: number, bytes: number): HeapError {
  return rangeError(
    "ERR_INVALID_ARG",
    `${operation}: the address must be a multiple of ${bytes}, got ${hex(Number(pointer))} + ${byteOffset}; ` +
      "what malloc returns is one",
  );
}

/** Sleeps while the value is `expected`, with the results of Atomics.wait(). */
function wait(pointer: PointerLike, expected: number, timeoutMs = Number.POSITIVE_INFINITY): WaitResult {
  const index = wordToWaitAt("atomic.wait", pointer, expected, timeoutMs);
  const value = expected | 0;
  if (Atomics.load(words, index) !== value) return "not-equal";
  const { threads } = heap.wilderness.os;
  const end = performance.now() + timeoutMs;
  for (let first = true; ; first = false) {
    const left = end - performance.now();
    if (left <= 0) return "timed-out";
    if (threads.sleepOn(Number(pointer), value, Math.min(left, LONGEST_SLEEP))) return "ok";
    // At first: changed before the kernel looked. Later: changed between two sleeps, so a wake-up may have been missed.
    if (Atomics.load(words, index) !== value) return first ? "not-equal" : "ok";
  }
}

function waitAsync(
  pointer: PointerLike,
  expected: number,
  timeoutMs = Number.POSITIVE_INFINITY,
): Promise<WaitResult> {
  const index = wordToWaitAt("atomic.waitAsync", pointer, expected, timeoutMs);
  return waitAt(index * 4, () => Atomics.load(words, index) === (expected | 0), timeoutMs);
}

function wordToWaitAt(operation: string, pointer: PointerLike, expected: number, timeoutMs: number): number {
  const index = indexOf(operation, pointer, 0, 4);
  if (typeof expected !== "number") throw noNumber(`${operation}: expected`, expected);
  if (typeof timeoutMs !== "number") throw noNumber(`${operation}: timeoutMs`, timeoutMs);
  if (Number.isNaN(timeoutMs)) {
    const text = `${operation}: timeoutMs must be milliseconds, or Infinity; got NaN`;
    throw rangeError("ERR_INVALID_ARG", text);
  }
  return index;
}

function notify(pointer: PointerLike, count = Number.POSITIVE_INFINITY): number {
  const index = indexOf("atomic.notify", pointer, 0, 4);
  if (typeof count !== "number") throw noNumber("atomic.notify: count", count);
  if (!(count >= 0) || (Number.isFinite(count) && !Number.isInteger(count))) {
    throw rangeError(
      "ERR_INVALID_ARG",
      `atomic.notify: count must be a whole number from 0 on, or Infinity; got ${show(count)}`,
    );
  }
  if (count === 0) return 0;
  const asleep = heap.wilderness.os.threads.wakeUpTo(Number(pointer), Math.min(count, EVERYBODY));
  return asleep + wakeAt(index * 4, count - asleep);
}

function noNumber(what: string, value: unknown): HeapError {
  return typeError("ERR_INVALID_ARG", `${what} must be a number, got ${show(value)}`);
}

const { buffer } = heap.window;
const wordBytes = unusable === null ? buffer.byteLength - (buffer.byteLength % 8) : 0;
const words = new Int32Array(buffer, 0, wordBytes / 4);

/**
 * Atomic reads, writes and arithmetic at `pointer + byteOffset`, in one order that all threads agree on:
 * `atomic.i32 u32 i64 u64`, each with `load(pointer)`, `store(pointer, value)`, `exchange(pointer, value)`,
 * `compareExchange(pointer, expected, replacement)`, and `add sub and or xor (pointer, value)`, which return the old value.
 * i64 and u64 take and return bigints. Values are converted as by Atomics.
 *
 * `atomic.wait(pointer, expected, timeoutMs = Infinity)` puts the thread to sleep if the four bytes at `pointer` are
 * `expected`, until it is woken ("ok") or the time is up ("timed-out"); else it returns at once ("not-equal").
 * `atomic.notify(pointer, count = Infinity)` wakes up to `count` waiters and returns how many it woke. Change the value before
 * you notify, as with a condition variable: every 100 ms a sleeper returns from the kernel, so that its thread can be
 * terminated, and if it is notified at that moment it misses that, but sees the change. The main thread can wait too, and
 * is blocked then. Free the memory only when nobody waits at it any more.
 *
 * `atomic.waitAsync(pointer, expected, timeoutMs = Infinity)` returns a promise of one of these results and does not block
 * the thread. Only `notify` wakes it, after the sleepers, and counts it; a futex call of C's does not. The promise keeps the
 * thread alive until it is settled. 512 of them can wait in a process at a time.
 *
 * @throws HeapError ERR_INVALID_POINTER when the bytes are not inside the heap's memory; ERR_INVALID_ARG for an address that
 *   is no multiple of the integer's size, or an invalid count or time; ERR_INVALID_STATE when too many wait. Nothing was
 *   changed
 * @example
 * ```ts
 * import { atomic, calloc, free } from "heapwright";
 *
 * const state = calloc(1, 16);
 * atomic.u32.add(state, 3);
 * console.log(atomic.u32.sub(state, 1), atomic.u32.load(state)); // 3 2
 * atomic.i64.store(state, -1n, 8);
 * console.log(atomic.u64.load(state, 8)); // 18446744073709551615n
 * console.log(atomic.wait(state, 5), atomic.wait(state, 2, 1)); // not-equal timed-out
 * console.log(atomic.notify(state)); // 0
 * const woken = atomic.waitAsync(state, 2);
 * console.log(atomic.notify(state), await woken); // 1 ok
 * free(state);
 * ```
 */
export const atomic = {
  /** C's _Atomic int32_t. */
  i32: operations<number>("atomic.i32", words),
  /** C's _Atomic uint32_t. */
  u32: operations<number>("atomic.u32", new Uint32Array(buffer, 0, wordBytes / 4)),
  /** C's _Atomic int64_t. */
  i64: operations<bigint>("atomic.i64", new BigInt64Array(buffer, 0, wordBytes / 8)),
  /** C's _Atomic uint64_t. */
  u64: operations<bigint>("atomic.u64", new BigUint64Array(buffer, 0, wordBytes / 8)),
  wait,
  waitAsync,
  notify,
};
