/**
 * The table of heaps: which there are, and whether their threads live.
 *
 * Owns the picture of an entry, its claim by a thread, and the test for life. Must not know what a heap record holds.
 *
 *   entry + 0    record       word index of the heap's record; 0 while it has none
 *         + 1    generation   counts the claims of the entry; never 0 once it was claimed
 *         + 2    ruined       1 when its headers were overwritten: nobody takes such a heap over
 *         + 3    first        1 when it is the first heap that its thread has, and not one that it took over later
 *         + 4    thread       Node's number of the thread and one more; 0 where it was not noted
 *         + 5    kept         1 when the heap must stay its thread's as long as that lives
 *         + 6    kind         one of Kind
 *         + 16   certificate  a mutex that tells its holder's end, held by the thread that has the heap for as long as it lives
 *
 * A heap is never destroyed while the process lives; it changes hands. One thread may hold several: its own, those
 * of ended threads that it took over when it needed memory, and those that the program made. Of these the blocks end when the
 * program says so, or after their thread's end; the heap is then empty, and made again, or used as any other. Entries change
 * hands only under the mutex at Control.adoption, so that of two threads one gets a heap.
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
  /** Made by a program: nobody else allocates in it, and its blocks go with its thread. */
  made: 1,
  /** Made by a program, and being emptied. */
  emptying: 2,
  /** Made by a program once, and empty. */
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

/** Whether the blocks of the heap are to be forgotten when it is taken over. */
export function isDoomed(m: Int32Array, entry: number): boolean {
  return kindOf(m, entry) === Kind.made || kindOf(m, entry) === Kind.emptying;
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

/** Whether the calling thread has it. */
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

/** Gives a heap up while its thread lives on, as if the thread had ended. */
export function disclaim(window: Window, threads: OsThreads, entry: number): void {
  threads.unlockMutex(window.addressOf(entry + CERTIFICATE));
}

/** A positive number that stands for this claim of this entry, and for no later one. */
export function claimOf(m: Int32Array, entry: number): number {
  return (m[entry + GENERATION]! << INDEX_BITS) | indexOf(entry);
}

/** Whether the thread that made a claim lives and has the heap still. */
export function isClaimAlive(window: Window, threads: OsThreads, claimed: number): boolean {
  const entry = entryOf(claimed & (MAX_HEAPS - 1));
  return claimOf(window.words, entry) === claimed && isAlive(window, threads, entry);
}

/** Whether the entry is of a dead thread whose heap can be taken over. */
export function isOrphan(window: Window, threads: OsThreads, entry: number): boolean {
  const m = window.words;
  if (m[entry + HEAP_RECORD] === 0 || m[entry + RUINED] === 1) return false;
  return !isAlive(window, threads, entry);
}

/** Such an entry, a thread's if there is one; 0 when there is none. */
export function findOrphan(window: Window, threads: OsThreads): number {
  const orphans = allOrphans(window, threads);
  return orphans.find((entry) => kindOf(window.words, entry) === Kind.thread) ?? orphans[0] ?? 0;
}

/** The entry of a heap that a program made, and that ended; 0 when there is none. */
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

export function noteThread(m: Int32Array, entry: number, thread: number): void {
  m[entry + THREAD] = thread + 1;
}

/** Node's number of the thread that has the heap; -1 where it is not known. */
export function nodeThreadOf(m: Int32Array, entry: number): number {
  return m[entry + THREAD]! - 1;
}

/**
 * Notes that the heap must stay its thread's as long as that lives: two copies of this library use it, or others know the thread
 * by its claim of it.
 */
export function markKept(m: Int32Array, entry: number): void {
  m[entry + KEPT] = 1;
}

export function isKept(m: Int32Array, entry: number): boolean {
  return m[entry + KEPT] === 1;
}

/** Notes that the calling thread has no other heap yet. */
export function markFirst(m: Int32Array, entry: number): void {
  m[entry + FIRST] = 1;
}

/** Whether the thread that has the heap had none when it claimed it. */
export function isFirst(m: Int32Array, entry: number): boolean {
  return m[entry + FIRST] === 1;
}

/** The heap that the calling thread claimed first, if it has one: then this library was loaded in it twice. */
export function findMine(window: Window, threads: OsThreads): number {
  const mine = allMine(window, threads).filter((entry) => kindOf(window.words, entry) === Kind.thread);
  return mine.find((entry) => isFirst(window.words, entry)) ?? mine[0] ?? 0;
}

/** All that it has. */
export function allMine(window: Window, threads: OsThreads): number[] {
  const m = window.words;
  return usedEntries(m).filter((entry) => m[entry + HEAP_RECORD] !== 0 && isMine(m, threads, entry));
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

/** Those of ended threads: a guess for who does not have the mutex. */
export function allOrphans(window: Window, threads: OsThreads): number[] {
  return usedEntries(window.words).filter((entry) => isOrphan(window, threads, entry));
}

function usedEntries(m: Int32Array): number[] {
  return Array.from({ length: m[Control.heaps]! }, (_, index) => entryOf(index));
}

export function isRuined(m: Int32Array, entry: number): boolean {
  return m[entry + RUINED] === 1;
}

/** Nobody takes this heap over any more. */
export function ruin(m: Int32Array, entry: number): void {
  m[entry + RUINED] = 1;
}

if (MAX_HEAPS !== 1 << INDEX_BITS) throw new Error("heaps: an index does not fit into a claim");
if (CERTIFICATE * 4 + MUTEX_BYTES > HEAP_WORDS * 4) throw new Error("heaps: the certificate does not fit");
