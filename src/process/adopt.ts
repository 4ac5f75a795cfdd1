/**
 * Adoption: which thread gets which heap. Each new thread gets an orphan or a new heap, and a thread that needs memory adopts
 * further orphans.
 *
 * Owns the heaps of this thread besides its own. Must not know how blocks are found in a heap. Heaps are claimed under the
 * adoption mutex (Control.adoption), which is held until the heap is recovered. If the holder dies, the kernel passes the mutex on,
 * and the heap is an orphan again. A thread that is interrupted keeps both until it recovers: underAdoption() then unlocks the mutex.
 */
import { firstOverwritten, headerOverwritten } from "../block/damage.js";
import { corrupt, isOutOfMemory, outOfMemory } from "../errors.js";
import type { ThreadHeap } from "../heap/heap.js";
import type { OtherHeaps } from "../heap/other-heaps.js";
import { FIRST_BLOCK, Rec } from "../heap/record.js";
import { NOTHING_CLEAN } from "../heap/wilderness.js";
import { Control, MAX_HEAPS, ownerOfWord } from "../memory/control.js";
import { type Block, type Pointer, type Window, WORD_BYTES } from "../memory/memory.js";
import type { Os } from "../platform/os.js";
import { isWithinLimit, notePeak } from "../shared/account.js";
import {
  allMine,
  allOrphans,
  claim,
  claimOf,
  disclaim,
  findMade,
  findMine,
  findVacant,
  HEAP_RECORD,
  isDoomed,
  isFull,
  isKept,
  isMine,
  isOrphan,
  Kind,
  kindOf,
  markFirst,
  markKept,
  setKind,
} from "../shared/heaps.js";
import type { Hooks } from "../shared/hooks.js";
import { vacantChunks } from "../space/vacant.js";
import {
  chargedTo,
  contextFor,
  entryOf,
  firstHeap,
  heapAt,
  holdsAdoption,
  recoverClaimed,
  type ThreadContext,
  underAdoption,
} from "./claims.js";
import { askForMemory, askWithoutHeap, freeElsewhere, OUT_OF_MEMORY, TRIM, waiting } from "./idle-owners.js";
import { reclaim } from "./reclaim.js";
import { recover } from "./recover.js";
import { shrinkRecord, wipe } from "./wipe.js";

/**
 * As joinProcess(). Where there is no address space for a new heap, other threads are asked first to give up what holds no block.
 */
export function joinOrAsk(window: Window, os: Os, hooks: Hooks): ThreadHeap {
  try {
    return joinProcess(window, os, hooks);
  } catch (error) {
    if (!isOutOfMemory(error) || isFull(window.words) || !askWithoutHeap(window, os)) throw error;
    return joinProcess(window, os, hooks);
  }
}

/** The heap of the calling thread: the one that it has already, an orphan, or a new one. */
export function joinProcess(window: Window, os: Os, hooks: Hooks): ThreadHeap {
  return underAdoption(window, os, () => {
    const mine = findMine(window, os.threads);
    const context = mine === 0 ? null : contextFor(window, os, hooks, mine);
    const heap = context === null ? firstHeap(window, os, hooks) : heapAt(context, mine, null);
    if (mine !== 0) markKept(window.words, mine);
    markFirst(window.words, entryOf(heap));
    heap.others = new AdoptedHeaps(context ?? contextFor(window, os, hooks, entryOf(heap)));
    return heap;
  });
}

/**
 * The heaps of this thread besides its own: those it adopted, and those made by `new Heap()`. Why adopted ones are not merged into
 * its own: README.md, Adoption.
 */
export class AdoptedHeaps implements OtherHeaps<ThreadHeap> {
  readonly #context: ThreadContext;
  #heaps: ThreadHeap[] = [];
  /** The adopted heap that the last block was taken from. */
  #serving: ThreadHeap | null = null;
  /** Pages discharged by wiping orphans, since it was last set to 0. */
  #wiped = 0;
  /** By entry: the claim under which an orphan had no room for a request, and the size of that request. */
  readonly #refusals = new Map<number, { claim: number; size: number }>();

  constructor(context: ThreadContext) {
    this.#context = context;
  }

  /** Another copy of this library in the thread may have abandoned a heap that this copy knows. */
  get heaps(): readonly ThreadHeap[] {
    const { window, os } = this.#context;
    const { words: m } = window;
    if (this.#heaps.some((heap) => !isMine(m, os.threads, entryOf(heap)))) {
      this.#heaps = this.#heaps.filter((heap) => isMine(m, os.threads, entryOf(heap)));
    }
    return this.#heaps;
  }

  abandon(heap: ThreadHeap): void {
    const { window, os } = this.#context;
    this.#heaps = this.#heaps.filter((other) => other !== heap);
    if (heap === this.#serving) this.#serving = null;
    disclaim(window, os.threads, entryOf(heap));
  }

  /** Or all that a heap does for more would be tried in vain for each block, as long as another heap has some: 1.6 µs, not 0.05. */
  allocateReady(size: number): Pointer {
    const heap = this.#serving;
    const { window, os } = this.#context;
    if (heap === null || !isMine(window.words, os.threads, entryOf(heap))) return 0 as Pointer;
    return heap.allocateReady(size);
  }

  allocate(size: number): Pointer {
    for (const heap of this.heaps) {
      if (heap.name !== null) continue;
      const pointer = heap.allocateWithin(size);
      if (pointer === 0) continue;
      this.#serving = heap;
      return pointer;
    }
    this.#serving = null;
    // One at a time, and one without room is abandoned at once, so that a thread that starts meanwhile finds orphans.
    for (const entry of this.#orphans()) {
      if (this.#refuses(entry, size)) continue;
      const heap = this.adopt(entry);
      if (heap === null) continue;
      setKind(heap.words, entry, Kind.thread); // before its first block
      const pointer = heap.allocateWithin(size);
      if (pointer !== 0) {
        this.#serving = heap;
        return pointer;
      }
      this.#refusals.set(entry, { claim: claimOf(heap.words, entry), size });
      this.abandon(heap);
    }
    return 0 as Pointer;
  }

  make(name: string, pages: number): ThreadHeap {
    const { window, os } = this.#context;
    const m = window.words;
    return underAdoption(window, os, () => {
      const entry = findMade(window, os.threads) || findVacant(window, os.threads);
      if (entry === 0) throw outOfMemory(`there are ${MAX_HEAPS} heaps already; destroy some of them first`);
      if (!affordsHeap(m, entry)) {
        throw outOfMemory(
          `Heap: no room for its ${FIRST_BLOCK * WORD_BYTES} bytes of lists; the limit is ${m[Control.limitPages]! * os.pageSize}. ` +
            "Free something, or raise the limit (HEAPWRIGHT_LIMIT)",
        );
      }
      claim(window, os.threads, entry);
      const heap = recoverClaimed(this.#context, entry, name);
      if (heap === null) throw corrupt("a heap without a block had one");
      m[heap.record + Rec.budget] = pages;
      setKind(m, entry, Kind.made); // before its first block: its blocks end with this thread
      this.#heaps.push(heap);
      return heap;
    });
  }

  destroy(heap: ThreadHeap): void {
    const { window, os } = this.#context;
    underAdoption(window, os, () => {
      notePeak(window);
      setKind(heap.words, entryOf(heap), Kind.wiping); // after a death from here on, the next claim wipes it again
      this.#finishWiping(heap);
    });
  }

  #finishWiping(heap: ThreadHeap): void {
    wipe(heap.pool);
    if (!recover(heap.pool)) throw corrupt("a heap without a block had one");
    shrinkRecord(heap.pool);
    setKind(heap.words, entryOf(heap), Kind.empty);
    this.abandon(heap);
  }

  trim(): number {
    let bytes = 0;
    this.#wiped = 0;
    this.#forEach((heap) => {
      bytes += heap.trim();
    });
    const { window, os } = this.#context;
    bytes += this.#wiped * os.pageSize;
    bytes += Math.max(0, askForMemory(window, os, TRIM)) * os.pageSize;
    return bytes + this.#reclaim() * os.pageSize;
  }

  /** Pages given back of what waits in the inboxes of threads that do not come to it. */
  #reclaim(): number {
    const { window, os, hooks } = this.#context;
    return underAdoption(window, os, () => reclaim(window, os, hooks));
  }

  awaitReclaim(): void {
    underAdoption(this.#context.window, this.#context.os, () => {});
  }

  relieve(): boolean {
    let relieved = false;
    this.#wiped = 0;
    const { window, os } = this.#context;
    const vacant = vacantChunks(window.words);
    this.#forEach((heap) => {
      if (heap.relieve()) relieved = true;
    });
    if (relieved || this.#wiped > 0 || this.#reclaim() > 0) return true;
    return askForMemory(window, os, OUT_OF_MEMORY) > 0 || vacantChunks(window.words) > vacant;
  }

  /** Visits all orphans with blocks, one at a time; then again those whose inbox got blocks meanwhile; then the heaps of this thread. */
  #forEach(work: (heap: ThreadHeap) => void): void {
    const { words: m } = this.#context.window;
    const visit = (entry: number) => {
      if (kindOf(m, entry) === Kind.empty) return; // adopting it would take pages, not give any
      const heap = this.adopt(entry);
      if (heap === null) return;
      work(heap);
      this.abandon(heap);
    };
    for (const entry of this.#orphans()) visit(entry);
    for (const entry of this.#orphans()) if (m[m[entry + HEAP_RECORD]! + Rec.inbox] !== 0) visit(entry);
    for (const heap of this.heaps) work(heap);
  }

  recover(first: ThreadHeap): void {
    const { window, os, lock } = this.#context;
    lock.recover();
    underAdoption(window, os, () => {
      for (const entry of allMine(window, os.threads)) {
        if (entry !== entryOf(first)) this.#heapOf(entry); // adds one that was claimed just before the interruption
      }
      for (const heap of [first, ...this.heaps]) {
        const kind = kindOf(heap.words, entryOf(heap));
        if (kind === Kind.wiping) this.#finishWiping(heap);
        else if (kind === Kind.empty) this.abandon(heap);
        else if (recover(heap.pool)) heap.wilderness.cleanFrom = NOTHING_CLEAN;
        else throw beyondRecovery(heap);
      }
    });
  }

  waiting(): string {
    const { window, os } = this.#context;
    return waiting(window, os)
      .map(({ thread, bytes }) => `${bytes} bytes for ${thread < 0 ? "a thread" : `thread ${thread}`}`)
      .join(", ");
  }

  freeElsewhere(): number {
    return freeElsewhere(this.#context.window, this.#context.os);
  }

  abandonAll(first: ThreadHeap): boolean {
    const { window, os } = this.#context;
    const own = entryOf(first);
    // A made heap stays with this thread, and takes the lock by the claim of the thread's own heap.
    if (isKept(window.words, own) || this.heaps.some((heap) => heap.name !== null)) return false;
    for (const heap of this.heaps) this.abandon(heap);
    first.markAbandoned();
    disclaim(window, os.threads, own);
    return true;
  }

  get isJoining(): boolean {
    return holdsAdoption(this.#context.window, this.#context.os);
  }

  rejoin(): ThreadHeap {
    const { window, os, hooks } = this.#context;
    return joinOrAsk(window, os, hooks);
  }

  #orphans(): number[] {
    return allOrphans(this.#context.window, this.#context.os.threads);
  }

  /** Whether the orphan had no room for a request of this size or less before, and nothing was freed in it since. */
  #refuses(entry: number, size: number): boolean {
    const m = this.#context.window.words;
    const refusal = this.#refusals.get(entry);
    if (refusal === undefined || refusal.claim !== claimOf(m, entry)) return false;
    return refusal.size <= size && m[m[entry + HEAP_RECORD]! + Rec.inbox] === 0;
  }

  /** Adopts the heap of an entry; null when another thread was faster, or its headers were overwritten. */
  adopt(entry: number): ThreadHeap | null {
    const { window, os } = this.#context;
    return underAdoption(window, os, () => {
      if (!isOrphan(window, os.threads, entry)) return null;
      claim(window, os.threads, entry);
      const charged = chargedTo(window.words, entry);
      const isWiped = isDoomed(window.words, entry);
      const heap = recoverClaimed(this.#context, entry);
      if (heap !== null) this.#heaps.push(heap);
      if (heap !== null && isWiped) this.#wiped += charged - chargedTo(window.words, entry);
      return heap;
    });
  }

  /** The heap of this thread that a block lies in; null when another thread or none has it. */
  heapOf(b: Block): ThreadHeap | null {
    const { window, os } = this.#context;
    const m = window.words;
    const owner = ownerOfWord(m, b);
    // Only this copy of the library abandons the heaps that it made: no check is needed.
    for (const heap of this.#heaps) if (heap.record === owner && heap.name) return heap;
    const entry = m[owner + Rec.entry]!;
    if (!isMine(m, os.threads, entry)) return null;
    return this.#heapOf(entry);
  }

  /** The heap of an entry that this thread has. */
  #heapOf(entry: number): ThreadHeap {
    for (const heap of this.#heaps) if (entryOf(heap) === entry) return heap;
    // Another copy of this library adopted or made it.
    const name = kindOf(this.#context.window.words, entry) === Kind.thread ? null : "";
    const heap = heapAt(this.#context, entry, name);
    this.#heaps.push(heap);
    return heap;
  }
}

/** Whether the limit leaves room for the record of a heap with that entry. Another thread may charge pages at the same time. */
function affordsHeap(m: Int32Array, entry: number): boolean {
  const pages = Math.ceil((FIRST_BLOCK * WORD_BYTES) / m[Control.pageSize]!);
  const has = m[entry + HEAP_RECORD] === 0 ? 0 : chargedTo(m, entry);
  return isWithinLimit(m, pages - has);
}

function beyondRecovery({ words: m, record }: ThreadHeap): Error {
  const b = firstOverwritten(m, record, m[record + Rec.top]!);
  return b === 0 ? corrupt("this thread's heap was overwritten") : headerOverwritten(m, b);
}
