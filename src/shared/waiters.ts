/**
 * The table of asynchronous waiters: threads that wait for a word while their event loops go on.
 *
 * Owns who waits where, and who of them was woken. Must not know promises, or how a thread is notified. Any thread may enlist and
 * wake; an entry whose thread ended is free again.
 *
 *   entry + 0   claim    of the heap of the thread that waits (see heaps.ts); 0 while the entry is free
 *         + 1   phase    a number that grows with every use, and in the lowest two bits 0, WAITING or WOKEN
 *         + 2   place    of the word, in bytes from the window's base: low 32 bits
 *         + 3            high bits
 */
import { Control, MAX_WAITERS, WAITER_WORDS, WAITERS } from "../memory/control.js";
import type { Window } from "../memory/memory.js";
import type { OsThreads } from "../platform/os-threads.js";
import { isClaimAlive } from "./heaps.js";

const PHASE = 1;
const LOW = 2;
const HIGH = 3;
const WAITING = 1;
const WOKEN = 2;
const STATE = 3;

/** An entry, and its phase while it waits. */
export interface Waiter {
  readonly entry: number;
  readonly phase: number;
}

/** Adds a waiter at `place`, which wake() finds from now on; null when the table is full. */
export function enlist(window: Window, threads: OsThreads, claim: number, place: number): Waiter | null {
  const m = window.words;
  for (let index = 0; index < MAX_WAITERS; index++) {
    const entry = WAITERS + index * WAITER_WORDS;
    const holder = window.atomicLoad(entry);
    if (holder !== 0 && isClaimAlive(window, threads, holder)) continue;
    if (!window.compareExchange(entry, holder, claim)) continue;
    const phase = ((m[entry + PHASE]! & ~STATE) + STATE + 1) | 0;
    window.atomicStore(entry + PHASE, phase); // before the place: whoever read the old one wakes nobody
    m[entry + LOW] = place | 0;
    m[entry + HIGH] = Math.floor(place / 2 ** 32);
    raise(window, index + 1);
    window.atomicStore(entry + PHASE, phase | WAITING);
    return { entry, phase: phase | WAITING };
  }
  return null;
}

/** Raises the count of used entries. */
function raise(window: Window, used: number): void {
  for (;;) {
    const known = window.atomicLoad(Control.waiters);
    if (known >= used || window.compareExchange(Control.waiters, known, used)) return;
  }
}

/** Ends a wait; whether it was woken. */
export function withdraw(window: Window, { entry, phase }: Waiter): boolean {
  const woken = !window.compareExchange(entry + PHASE, phase, phase & ~STATE);
  window.atomicStore(entry, 0);
  return woken;
}

export function isWoken(window: Window, { entry, phase }: Waiter): boolean {
  return window.atomicLoad(entry + PHASE) === ((phase & ~STATE) | WOKEN);
}

/** Marks up to `count` of the waiters at `place` as woken; returns how many. The caller notifies their threads. */
export function wake(window: Window, threads: OsThreads, place: number, count: number): number {
  const m = window.words;
  const used = window.atomicLoad(Control.waiters);
  let woken = 0;
  for (let index = 0; index < used && woken < count; index++) {
    const entry = WAITERS + index * WAITER_WORDS;
    const phase = window.atomicLoad(entry + PHASE);
    if ((phase & STATE) !== WAITING) continue;
    if ((m[entry + LOW]! >>> 0) + m[entry + HIGH]! * 2 ** 32 !== place) continue;
    if (!isClaimAlive(window, threads, window.atomicLoad(entry))) continue;
    if (window.compareExchange(entry + PHASE, phase, (phase & ~STATE) | WOKEN)) woken++;
  }
  return woken;
}
