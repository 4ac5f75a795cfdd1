/**
 * Claiming a heap: from an entry of the table of heaps to a recovered heap that can be used.
 *
 * Owns those steps, and the adoption mutex, under which heaps are claimed. Must not know which heap is claimed, or for what.
 */
import { HeapError, outOfMemory } from "../errors.js";
import { ThreadHeap } from "../heap/heap.js";
import { Pool } from "../heap/pool.js";
import { FIRST_BLOCK, Rec } from "../heap/record.js";
import { Wilderness } from "../heap/wilderness.js";
import { LargeBlocks } from "../large/large.js";
import { CHUNK_BYTES, Control, MAX_HEAPS } from "../memory/control.js";
import type { Window } from "../memory/memory.js";
import type { Os } from "../platform/os.js";
import { isHeldBy } from "../platform/os-threads.js";
import { ensureStack } from "../platform/stack.js";
import { Account, notePeak } from "../shared/account.js";
import {
  claim,
  claimedByMe,
  claimOf,
  disclaim,
  findOrphan,
  findVacant,
  HEAP_RECORD,
  isDoomed,
  isFirst,
  Kind,
  ruin,
  setKind,
} from "../shared/heaps.js";
import type { Hooks } from "../shared/hooks.js";
import { Lock } from "../shared/lock.js";
import { Segments } from "../space/segments.js";
import { recoverReclaim } from "./reclaim.js";
import { recover } from "./recover.js";
import { wipe } from "./wipe.js";

/** What all heaps of one thread share. */
export interface ThreadContext {
  readonly window: Window;
  readonly os: Os;
  readonly hooks: Hooks;
  readonly lock: Lock;
  readonly segments: Segments;
  readonly large: LargeBlocks;
}

/** Pages charged to the heap of an entry. */
export function chargedTo(m: Int32Array, entry: number): number {
  return m[m[entry + HEAP_RECORD]! + Rec.charged]!;
}

export function entryOf(heap: ThreadHeap): number {
  return heap.words[heap.record + Rec.entry]!;
}

/** Initializes the adoption mutex; for the thread that opens the window. */
export function initializeAdoption(window: Window, os: Os): void {
  os.threads.initializeMutex(window.addressOf(Control.adoption));
}

/** Calls `work` under the adoption mutex: no heap is claimed meanwhile. Not reentrant. */
export function underAdoption<T>(window: Window, os: Os, work: () => T): T {
  ensureStack(); // a full stack in the middle would leave the mutex locked
  if (holdsAdoption(window, os)) recoverAdoption(window, os); // before it waits for itself
  const mutex = window.addressOf(Control.adoption);
  if (!os.threads.lockMutex(mutex)) {
    throw new HeapError(
      "ERR_HEAP_CORRUPT",
      "heapwright could not lock the mutex under which heaps change hands",
    );
  }
  try {
    recoverReclaim(window, os);
    return work();
  } finally {
    os.threads.unlockMutex(mutex);
  }
}

/** Whether this thread holds the adoption mutex. Outside of underAdoption(): it was interrupted there. */
export function holdsAdoption(window: Window, { threads }: Os): boolean {
  return isHeldBy(window.words[Control.adoption + threads.mutexWord]!, threads.threadId());
}

/**
 * Ends the claims that recovery in this thread would not find: those without a heap, and all of a thread that was interrupted
 * while it joined. Whoever claims the entry next recovers it. Unlocks the mutex.
 */
function recoverAdoption(window: Window, { threads }: Os): void {
  const m = window.words;
  const mine = claimedByMe(m, threads);
  const isJoined = mine.some((entry) => isFirst(m, entry)); // by this copy of the library, or by another one
  for (const entry of mine) if (!isJoined || m[entry + HEAP_RECORD] === 0) disclaim(window, threads, entry);
  threads.unlockMutex(window.addressOf(Control.adoption));
}

/** A heap for a thread that has none: an orphan, or a new one. The caller holds the adoption mutex. */
export function firstHeap(window: Window, os: Os, hooks: Hooks): ThreadHeap {
  for (let tries = MAX_HEAPS; tries > 0; tries--) {
    const entry = findOrphan(window, os.threads) || findVacant(window, os.threads);
    if (entry === 0) break;
    claim(window, os.threads, entry);
    const heap = recoverClaimed(contextFor(window, os, hooks, entry), entry);
    setKind(window.words, entry, Kind.thread);
    if (heap !== null) return heap;
  }
  throw outOfMemory(`${MAX_HEAPS} threads have a heap already; end some of them first`);
}

/**
 * Recovers the heap of an entry that was just claimed, and wipes it if it was made by a program whose thread ended. Null when its
 * headers were overwritten: it is then barred from adoption.
 */
export function recoverClaimed(
  context: ThreadContext,
  entry: number,
  name: string | null = null,
): ThreadHeap | null {
  const { window, os, lock, segments } = context;
  const m = window.words;
  // Completes a growth of this heap that its thread died in: getting the lock recovers what is pending.
  lock.acquire();
  lock.release();
  if (m[entry + HEAP_RECORD] === 0 && segments.open(FIRST_BLOCK, entry, FIRST_BLOCK) < 0) {
    disclaim(window, os.threads, entry);
    throw outOfMemory(`the kernel gave no memory for a heap of ${CHUNK_BYTES} bytes`);
  }
  m[m[entry + HEAP_RECORD]! + Rec.entry] = entry;
  m[m[entry + HEAP_RECORD]! + Rec.interrupted] = 1; // until it is recovered
  const heap = heapAt(context, entry, name);
  let sound = false;
  try {
    if (isDoomed(m, entry)) {
      notePeak(window);
      wipe(heap.pool);
      setKind(m, entry, Kind.empty);
    }
    sound = recover(heap.pool);
    if (!sound) ruin(m, entry);
  } finally {
    if (!sound) disclaim(window, os.threads, entry);
  }
  return sound ? heap : null;
}

export function contextFor(window: Window, os: Os, hooks: Hooks, entry: number): ThreadContext {
  const lock = new Lock(window, os.threads, claimOf(window.words, entry));
  const segments = new Segments(window, os, hooks, lock);
  const large = new LargeBlocks(window, os, hooks, lock);
  lock.recoverPending = () => {
    segments.recover();
    large.recover();
  };
  return { window, os, hooks, lock, segments, large };
}

export function heapAt(context: ThreadContext, entry: number, name: string | null): ThreadHeap {
  const { window, os, hooks, lock, segments, large } = context;
  const record = window.words[entry + HEAP_RECORD]!;
  const account = new Account(window, lock, record);
  const wilderness = new Wilderness(window, segments, account, os, hooks, record);
  return new ThreadHeap(new Pool(wilderness), large, name);
}
