/**
 * Claiming heaps: one for each thread that comes, those of ended threads again, and more of them for a thread that
 * needs memory.
 *
 * Owns who gets which heap. Must not know how blocks are found in one. Claims are made under the mutex at
 * Control.adoption, held until the heap is in order; it passes on when its holder dies, and the heap with it. A thread that
 * was cut off and lives on has both still, and puts them in order when it comes back (mend).
 */
import { corrupt, HeapError, outOfMemory } from "../errors.js";
import { Account } from "./account.js";
import { CHUNK_BYTES, Control, MAX_HEAPS, ownerOfWord } from "./control.js";
import type { Elsewhere } from "./elsewhere.js";
import { ThreadHeap } from "./heap.js";
import {
  allMine,
  allOrphans,
  claim,
  claimOf,
  disclaim,
  findMine,
  findOrphan,
  findVacant,
  HEAP_RECORD,
  isMine,
  isOrphan,
  markFirst,
  ruin,
} from "./heaps.js";
import type { Hooks } from "./hooks.js";
import { LargeBlocks } from "./large.js";
import { Lock } from "./lock.js";
import type { Block, Pointer, Window } from "./memory.js";
import type { Os } from "./os.js";
import { isHeldBy } from "./os-threads.js";
import { FIRST_BLOCK, Rec } from "./record.js";
import { recover } from "./recover.js";
import { Segments } from "./segments.js";
import { ensureStack } from "./stack.js";
import { Store } from "./store.js";
import { watch } from "./watch.js";
import { NOTHING_CLEAN } from "./wilderness.js";

/** What all heaps of one thread share. */
interface ThreadContext {
  readonly window: Window;
  readonly os: Os;
  readonly hooks: Hooks;
  readonly lock: Lock;
  readonly segments: Segments;
  readonly large: LargeBlocks;
}

/** The heap of the calling thread: the one that it has, an ended thread's, or a new one. */
export function joinProcess(window: Window, os: Os, hooks: Hooks): ThreadHeap {
  return underAdoption(window, os, () => {
    const mine = findMine(window, os.threads);
    const context = mine === 0 ? null : contextFor(window, os, hooks, mine);
    const heap = context === null ? firstHeap(window, os, hooks) : heapAt(context, mine);
    markFirst(window.words, entryOf(heap));
    heap.elsewhere = new Annexes(context ?? contextFor(window, os, hooks, entryOf(heap)));
    return heap;
  });
}

/** Heaps of ended threads that this thread took over, besides its own. */
export class Annexes implements Elsewhere<ThreadHeap> {
  readonly #context: ThreadContext;
  #heaps: ThreadHeap[] = [];
  /** By entry: the claim under which a heap had no room for a request, and the least such request. */
  readonly #refusals = new Map<number, { claim: number; size: number }>();

  constructor(context: ThreadContext) {
    this.#context = context;
  }

  /** This library may be loaded twice in a thread, and the other copy may have given up what this one knows. */
  get heaps(): readonly ThreadHeap[] {
    const { window, os } = this.#context;
    const { words: m } = window;
    if (this.#heaps.some((heap) => !isMine(m, os.threads, entryOf(heap)))) {
      this.#heaps = this.#heaps.filter((heap) => isMine(m, os.threads, entryOf(heap)));
    }
    return this.#heaps;
  }

  giveUp(heap: ThreadHeap): void {
    const { window, os } = this.#context;
    this.#heaps = this.#heaps.filter((other) => other !== heap);
    disclaim(window, os.threads, entryOf(heap));
  }

  allocate(size: number): Pointer {
    for (const heap of this.heaps) {
      const pointer = heap.allocateWithin(size);
      if (pointer !== 0) return pointer;
    }
    // One at a time, and it is given up at once when it has no room: a thread that starts meanwhile finds the others.
    for (const entry of this.#orphans()) {
      if (this.#refuses(entry, size)) continue;
      const heap = this.#adopt(entry);
      if (heap === null) continue;
      const pointer = heap.allocateWithin(size);
      if (pointer !== 0) return pointer;
      this.#refusals.set(entry, { claim: claimOf(heap.words, entry), size });
      this.giveUp(heap);
    }
    return 0 as Pointer;
  }

  trim(): number {
    let bytes = 0;
    this.#forEach((heap) => {
      bytes += heap.trim();
    });
    return bytes;
  }

  relieve(): boolean {
    let relieved = false;
    this.#forEach((heap) => {
      if (heap.relieve()) relieved = true;
    });
    return relieved;
  }

  /** Of ended threads' heaps one at a time; then those again that one which came later has sent blocks to; then this thread's. */
  #forEach(work: (heap: ThreadHeap) => void): void {
    const visit = (entry: number) => {
      const heap = this.#adopt(entry);
      if (heap === null) return;
      work(heap);
      this.giveUp(heap);
    };
    const { words: m } = this.#context.window;
    for (const entry of this.#orphans()) visit(entry);
    for (const entry of this.#orphans()) if (m[m[entry + HEAP_RECORD]! + Rec.remote] !== 0) visit(entry);
    for (const heap of this.heaps) work(heap);
  }

  mend(first: ThreadHeap): void {
    const { window, os, lock } = this.#context;
    unlockAdoption(window, os);
    lock.abandon();
    underAdoption(window, os, () => {
      for (const entry of allMine(window, os.threads)) {
        if (entry !== entryOf(first)) this.#heapOf(entry); // claimed a moment before all was cut off
      }
      for (const heap of [first, ...this.heaps]) {
        if (!recover(heap.store)) throw corrupt("the headers of this thread's heap were overwritten");
        heap.store.cleanFrom = NOTHING_CLEAN;
      }
    });
  }

  adopt(): ThreadHeap | null {
    for (const entry of this.#orphans()) {
      const heap = this.#adopt(entry);
      if (heap !== null) return heap;
    }
    return null;
  }

  #orphans(): number[] {
    return allOrphans(this.#context.window, this.#context.os.threads);
  }

  /** Whether a heap had no room for so much when it was asked last, and nothing became free in it since. */
  #refuses(entry: number, size: number): boolean {
    const m = this.#context.window.words;
    const refusal = this.#refusals.get(entry);
    if (refusal === undefined || refusal.claim !== claimOf(m, entry)) return false;
    return refusal.size <= size && m[m[entry + HEAP_RECORD]! + Rec.remote] === 0;
  }

  /** Takes over the heap of that entry; null when another thread was faster, or its headers were overwritten. */
  #adopt(entry: number): ThreadHeap | null {
    const { window, os } = this.#context;
    return underAdoption(window, os, () => {
      if (!isOrphan(window, os.threads, entry)) return null;
      claim(window, os.threads, entry);
      const heap = putInOrder(this.#context, entry);
      if (heap !== null) this.#heaps.push(heap);
      return heap;
    });
  }

  /** The heap of this thread that a block lies in; null when another thread has it, or nobody. */
  heapOf(b: Block): ThreadHeap | null {
    const { window, os } = this.#context;
    const m = window.words;
    const owner = ownerOfWord(m, b);
    const entry = m[owner + Rec.entry]!;
    if (!isMine(m, os.threads, entry)) return null;
    return this.#heapOf(entry);
  }

  /** The heap of an entry that this thread has. */
  #heapOf(entry: number): ThreadHeap {
    for (const heap of this.#heaps) if (entryOf(heap) === entry) return heap;
    const heap = heapAt(this.#context, entry); // another copy of this library took it over
    this.#heaps.push(heap);
    return heap;
  }
}

function entryOf(heap: ThreadHeap): number {
  return heap.words[heap.record + Rec.entry]!;
}

/** Makes the control block's mutex; for whoever opens the window. */
export function initializeAdoption(window: Window, os: Os): void {
  os.threads.initializeMutex(window.addressOf(Control.adoption));
}

/** Does something while no heap changes hands. */
export function underAdoption<T>(window: Window, os: Os, work: () => T): T {
  ensureStack(); // nobody would unlock the mutex
  watch();
  const mutex = window.addressOf(Control.adoption);
  if (!os.threads.lockMutex(mutex)) {
    throw new HeapError(
      "ERR_HEAP_CORRUPT",
      "heapwright could not lock the mutex under which heaps change hands",
    );
  }
  try {
    return work();
  } finally {
    os.threads.unlockMutex(mutex);
  }
}

/** Unlocks the mutex where this thread was cut off while it held it. */
function unlockAdoption(window: Window, os: Os): void {
  const { threads } = os;
  if (!isHeldBy(window.words[Control.adoption + threads.mutexWord]!, threads.threadId())) return;
  threads.unlockMutex(window.addressOf(Control.adoption));
}

/** A heap for a thread that has none: an ended thread's, or a new one. To be called under the mutex. */
export function firstHeap(window: Window, os: Os, hooks: Hooks): ThreadHeap {
  for (let tries = MAX_HEAPS; tries > 0; tries--) {
    const entry = findOrphan(window, os.threads) || findVacant(window, os.threads);
    if (entry === 0) break;
    claim(window, os.threads, entry);
    const heap = putInOrder(contextFor(window, os, hooks, entry), entry);
    if (heap !== null) return heap;
  }
  throw outOfMemory(`${MAX_HEAPS} threads have a heap already; end some of them first`);
}

/** The heap of an entry just claimed; null when its headers were overwritten, which ruins it. */
function putInOrder(context: ThreadContext, entry: number): ThreadHeap | null {
  const { window, os, lock, segments } = context;
  const m = window.words;
  // A thread that died with the lock may have been growing this very heap: that is finished before it is looked at.
  lock.acquire();
  lock.release();
  if (m[entry + HEAP_RECORD] === 0 && segments.open(FIRST_BLOCK, entry, FIRST_BLOCK) < 0) {
    disclaim(window, os.threads, entry);
    throw outOfMemory(`the kernel gave no memory for a heap of ${CHUNK_BYTES} bytes`);
  }
  m[m[entry + HEAP_RECORD]! + Rec.entry] = entry;
  m[m[entry + HEAP_RECORD]! + Rec.torn] = 1; // until it is in order
  const heap = heapAt(context, entry);
  let sound = false;
  try {
    sound = recover(heap.store);
    if (!sound) ruin(m, entry);
  } finally {
    if (!sound) disclaim(window, os.threads, entry);
  }
  return sound ? heap : null;
}

function contextFor(window: Window, os: Os, hooks: Hooks, entry: number): ThreadContext {
  const lock = new Lock(window, os.threads, claimOf(window.words, entry));
  const segments = new Segments(window, os, hooks, lock);
  const large = new LargeBlocks(window, os, hooks, lock);
  lock.repair = () => {
    segments.repair();
    large.repair();
  };
  return { window, os, hooks, lock, segments, large };
}

function heapAt(context: ThreadContext, entry: number): ThreadHeap {
  const { window, os, hooks, lock, segments, large } = context;
  const record = window.words[entry + HEAP_RECORD]!;
  const account = new Account(window, lock, record);
  return new ThreadHeap(new Store(window, segments, account, os, hooks, record), large);
}
