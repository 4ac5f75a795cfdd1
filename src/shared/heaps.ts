/**
 * The table of heaps: which heaps there are, who has them, and whether that thread lives.
 *
 * Owns the layout of an entry, its claim by a thread, and the test for a thread's life. Must not know what a heap record holds.
 *
 *   entry + 0    record       word index of the heap's record; 0 while it has none
 *         + 1    generation   counts the claims of the entry; never 0 once it was claimed
 *         + 2    ruined       1 when its headers were overwritten: nobody adopts such a heap
 *         + 3    first        1 when it is its thread's own heap, and not one that it adopted or made
 *         + 4    thread       Node's number of the thread and one more; 0 where it was not noted
 *         + 5    kept         1 when its thread must not abandon the heap while it lives
 *         + 6    kind         one of Kind
 *         + 16   certificate  a robust mutex that the thread which has the heap holds as long as it lives
 *
 * A heap's memory is never unmapped; the heap is adopted. One thread may have several heaps: its own, adopted ones, and made ones.
 * A made heap is wiped when the program destroys it, or after its thread's end; then it may be made again, or adopted as any
 * other. Entries are claimed only under the mutex at Control.adoption, so that one thread gets a heap.
 */
import { HeapError } from "../errors.js";
import { Control, HEAP_WORDS, HEAPS, MAX_HEAPS } from "../memory/control.js";
import type { Window } from "../memory/memory.js";
import { holderIn, isHeldBy, MUTEX_BYTES, type OsThreads } from "../platform/os-threads.js";

export const HEAP_RECORD = 0;
const GENERATION = 1;
const RUINED = 2;
const FIRST = 3;
const THREAD = 4;
export const KEPT = 5;
const KIND = 6;
const CERTIFICATE = 16;
const INDEX_BITS = 10;
const GENERATIONS = 0xfffff;

/** What a heap is. Never changes from `thread` to another: blocks of such a heap travel in chains (remote.ts). */
export const Kind = {
  /** A thread's. */
  thread: 0,
  /** Made by `new Heap()`: only that object allocates in it, and its blocks end with its thread. */
  made: 1,
  /** Made, and being wiped. */
  wiping: 2,
  /** Made once, and wiped: no block is in it. */
  empty: 3,
} as const;

/** Word index of an entry. */
export function entryOf(index: number): number {
  return HEAPS + index * HEAP_WORDS;
}

export function indexOf(entry: number): number {
  return (entry - HEAPS) / HEAP_WORDS;
}

/** The record of the heap with this index; 0 while it has none. */
export function recordOf(m: Int32Array, index: number): number {
  return m[HEAPS + index * HEAP_WORDS + HEAP_RECORD]!;
}

/** One of Kind. */
export function kindOf(m: Int32Array, entry: number): number {
  return m[entry + KIND]!;
}

export function setKind(m: Int32Array, entry: number, kind: number): void {
  m[entry + KIND] = kind;
}

/** Whether the heap is to be wiped when it is claimed. */
export function isDoomed(m: Int32Array, entry: number): boolean {
  return kindOf(m, entry) === Kind.made || kindOf(m, entry) === Kind.wiping;
}

/** Whether a living thread has the heap. */
export function isAlive(window: Window, threads: OsThreads, entry: number): boolean {
  const certificate = entry + CERTIFICATE + threads.mutexWord;
  // Orders the reads of the heap that follow after the death that they rely on.
  const holder = holderIn(window.atomicLoad(certificate));
  return holder !== 0 && threads.holdsStill(holder, window.words[certificate + 1]!);
}

/** The kernel's number of the thread that has the heap; 0 when none does. */
export function holderOf(m: Int32Array, threads: OsThreads, entry: number): number {
  const certificate = entry + CERTIFICATE + threads.mutexWord;
  const holder = holderIn(m[certificate]!);
  return holder !== 0 && threads.holdsStill(holder, m[certificate + 1]!) ? holder : 0;
}

/** Whether the calling thread has the heap. */
export function isMine(m: Int32Array, threads: OsThreads, entry: number): boolean {
  const certificate = entry + CERTIFICATE + threads.mutexWord;
  const thread = threads.threadId();
  return isHeldBy(m[certificate]!, thread) && threads.holdsStill(thread, m[certificate + 1]!);
}

/**
 * Makes the calling thread the one that has the heap. Only for an entry whose thread does not live. Throws
 * ERR_UNSUPPORTED_PLATFORM where that does not show in the certificate.
 */
export function claim(window: Window, threads: OsThreads, entry: number): void {
  const m = window.words;
  if (m[entry + KIND] === Kind.made) m[entry + KIND] = Kind.wiping; // first: its blocks ended with its thread
  m[entry + FIRST] = 0;
  m[entry + THREAD] = 0;
  m[entry + KEPT] = 0;
  m[entry + GENERATION] = (m[entry + GENERATION]! % GENERATIONS) + 1;
  const certificate = window.addressOf(entry + CERTIFICATE);
  threads.initializeMutex(certificate);
  if (threads.lockMutex(certificate) && isMine(m, threads, entry)) return;
  throw new HeapError(
    "ERR_UNSUPPORTED_PLATFORM",
    "a robust mutex of this libc does not tell which thread holds it, so heapwright cannot know whose a heap is. Use " +
      "Buffer or a SharedArrayBuffer instead",
  );
}

/** Ends the claim while the thread lives on: the heap is an orphan then. */
export function disclaim(window: Window, threads: OsThreads, entry: number): void {
  threads.unlockMutex(window.addressOf(entry + CERTIFICATE));
}

/** A positive number for this claim of this entry; the next million claims have others. */
export function claimOf(m: Int32Array, entry: number): number {
  return (m[entry + GENERATION]! << INDEX_BITS) | indexOf(entry);
}

/** Whether the thread that made a claim lives and still has the heap. */
export function isClaimAlive(window: Window, threads: OsThreads, claimed: number): boolean {
  const entry = entryOf(claimed & (MAX_HEAPS - 1));
  return claimOf(window.words, entry) === claimed && isAlive(window, threads, entry);
}

/** Whether the heap is an orphan that can be adopted. */
export function isOrphan(window: Window, threads: OsThreads, entry: number): boolean {
  const m = window.words;
  if (m[entry + HEAP_RECORD] === 0 || m[entry + RUINED] === 1) return false;
  return !isAlive(window, threads, entry);
}

/** The entry of an orphan, of a thread's heap if there is one; 0 for none. */
export function findOrphan(window: Window, threads: OsThreads): number {
  const orphans = allOrphans(window, threads);
  return orphans.find((entry) => kindOf(window.words, entry) === Kind.thread) ?? orphans[0] ?? 0;
}

/** The entry of an orphan that was made by a program; 0 for none. */
export function findMade(window: Window, threads: OsThreads): number {
  const m = window.words;
  return allOrphans(window, threads).find((entry) => kindOf(m, entry) !== Kind.thread) ?? 0;
}

/** An entry that has no heap yet; 0 when the table is full. */
export function findVacant(window: Window, threads: OsThreads): number {
  const m = window.words;
  const used = m[Control.heaps]!;
  for (let index = 0; index < used; index++) {
    const entry = entryOf(index);
    if (m[entry + HEAP_RECORD] === 0 && !isAlive(window, threads, entry)) return entry;
  }
  if (used === MAX_HEAPS) return 0;
  m[Control.heaps] = used + 1;
  return entryOf(used);
}

/** Whether the table has no entry left that was never used: why no heap could be made then. */
export function isFull(m: Int32Array): boolean {
  return m[Control.heaps] === MAX_HEAPS;
}

export function noteThread(m: Int32Array, entry: number, thread: number): void {
  m[entry + THREAD] = thread + 1;
}

/** Node's number of the thread that has the heap; -1 where it is not known. */
export function nodeThreadOf(m: Int32Array, entry: number): number {
  return m[entry + THREAD]! - 1;
}

/**
 * Notes that the thread must not abandon the heap while it lives: two copies of this library use it, or other threads know this
 * one by its claim (thread.id).
 */
export function markKept(m: Int32Array, entry: number): void {
  m[entry + KEPT] = 1;
}

export function isKept(m: Int32Array, entry: number): boolean {
  return m[entry + KEPT] === 1;
}

/** Notes that it is the calling thread's own heap. */
export function markFirst(m: Int32Array, entry: number): void {
  m[entry + FIRST] = 1;
}

/** Whether the thread that has the heap had none when it claimed it. */
export function isFirst(m: Int32Array, entry: number): boolean {
  return m[entry + FIRST] === 1;
}

/** The calling thread's own heap, if it has one already: then another copy of this library is loaded in it. 0 for none. */
export function findMine(window: Window, threads: OsThreads): number {
  const mine = allMine(window, threads).filter((entry) => kindOf(window.words, entry) === Kind.thread);
  return mine.find((entry) => isFirst(window.words, entry)) ?? mine[0] ?? 0;
}

/** Entries of all heaps of the calling thread. */
export function allMine(window: Window, threads: OsThreads): number[] {
  const m = window.words;
  return claimedByMe(m, threads).filter((entry) => m[entry + HEAP_RECORD] !== 0);
}

/** Entries that the calling thread claimed, also those that have no heap yet. */
export function claimedByMe(m: Int32Array, threads: OsThreads): number[] {
  return usedEntries(m).filter((entry) => isMine(m, threads, entry));
}

/** The heaps of all other living threads, by the kernel's numbers of those. */
export function heapsOfOthers(m: Int32Array, threads: OsThreads): Map<number, number[]> {
  const mine = threads.threadId();
  const found = new Map<number, number[]>();
  for (const entry of usedEntries(m)) {
    const holder = m[entry + HEAP_RECORD] === 0 ? 0 : holderOf(m, threads, entry);
    if (holder !== 0 && holder !== mine) found.set(holder, [...(found.get(holder) ?? []), entry]);
  }
  return found;
}

/** Entries of all orphans; may be out of date at once for a caller that does not hold the mutex. */
export function allOrphans(window: Window, threads: OsThreads): number[] {
  return usedEntries(window.words).filter((entry) => isOrphan(window, threads, entry));
}

function usedEntries(m: Int32Array): number[] {
  return Array.from({ length: m[Control.heaps]! }, (_, index) => entryOf(index));
}

export function isRuined(m: Int32Array, entry: number): boolean {
  return m[entry + RUINED] === 1;
}

/** Bars the heap from adoption for good. */
export function ruin(m: Int32Array, entry: number): void {
  m[entry + RUINED] = 1;
}

if (MAX_HEAPS !== 1 << INDEX_BITS) throw new Error("heaps: an index does not fit into a claim");
if (CERTIFICATE * 4 + MUTEX_BYTES > HEAP_WORDS * 4) throw new Error("heaps: the certificate does not fit");
