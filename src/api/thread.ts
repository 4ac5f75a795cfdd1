/**
 * The number of this thread, and whether another thread lives: the base of locks that survive the death of their holder.
 *
 * Owns their semantics. A thread's number is the claim of its own heap (shared/heaps.ts), so the kernel says when it has ended.
 */

import { rangeError, show, typeError } from "../errors.js";
import { Rec } from "../heap/record.js";
import { claimOf, isClaimAlive, markKept } from "../shared/heaps.js";
import { guarded, heap, unusable } from "./attached.js";

let id = 0;

/** From now on idle() keeps this heap: its claim is the thread's number, and must end only with the thread. */
function makeKnown(): number {
  if (heap.isAbandoned) guarded(() => {}); // takes a heap again
  const { words: m, record } = heap;
  const entry = m[record + Rec.entry]!;
  markKept(m, entry);
  return claimOf(m, entry);
}

/**
 * `thread.id`: this thread's number, from 1 to 2^31 - 1; no other thread of the process has it, nor any of the next million
 * threads. `thread.isAlive(id)`: whether the thread of that number lives; false as soon as it has ended, even by
 * `terminate()` in the middle of a loop. Any thread may ask.
 *
 * A lock that stores the number of its holder can be taken over when the holder has ended.
 *
 * @throws HeapError ERR_INVALID_ARG for what is no such number
 * @example
 * ```ts
 * import { atomic, calloc, free, thread } from "heapwright";
 *
 * const lock = calloc(1, 4); // 0, or the number of the thread that holds it
 * const holder = atomic.i32.compareExchange(lock, 0, thread.id);
 * if (holder === 0 || !thread.isAlive(holder)) console.log("ours"); // ours
 * console.log(thread.isAlive(thread.id)); // true
 * free(lock);
 * ```
 */
export const thread = {
  /** This thread's number. */
  get id(): number {
    if (id === 0) id = makeKnown();
    return id;
  },

  /** Whether the thread of that number lives. */
  isAlive(id: number): boolean {
    if (unusable !== null) throw unusable;
    if (typeof id !== "number") {
      throw typeError("ERR_INVALID_ARG", `thread.isAlive: a thread is a number, got ${show(id)}`);
    }
    if (id < 1 || id >>> 0 !== id || id > 0x7fff_ffff) {
      throw rangeError(
        "ERR_INVALID_ARG",
        `thread.isAlive: a thread is a number from 1 to 2^31 - 1, as thread.id says it; got ${show(id)}`,
      );
    }
    return isClaimAlive(heap.window, heap.wilderness.os.threads, id);
  },
} as const;
