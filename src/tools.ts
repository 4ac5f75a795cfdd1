/**
 * What heapwright/debug is made of, and when it is loaded by itself.
 *
 * Owns the door between the library and its tools, which are loaded only when they are asked for: by an import, by the
 * environment, or by another thread that has begun to note blocks. Must not know what they do.
 */

import { cstring, readCString } from "./access/cstring.js";
import { read } from "./access/read.js";
import { write } from "./access/write.js";
import { guarded, whenThrown } from "./api/attached.js";
import { calloc } from "./api/calloc.js";
import { free, heap, unusable } from "./api/malloc.js";
import { thread } from "./api/thread.js";
import { MIN_BLOCK, setRedZone, sizeOf } from "./block/block.js";
import { isUsed } from "./heap/holdings.js";
import { Rec } from "./heap/record.js";
import {
  addCounter,
  type Counter,
  count,
  countDown,
  counted,
  countedFor,
  known,
  placeOf,
  removeCounter,
  whenReused,
  wind,
} from "./heap/sampling.js";
import { blockAround } from "./inspect/around.js";
import { layout } from "./inspect/layout.js";
import { printAll } from "./inspect/log.js";
import { LIVES, observeAtOnce, observeLives } from "./inspect/observers.js";
import { stats } from "./inspect/stats.js";
import { heapsOf, walk } from "./inspect/walk.js";
import { FREED, UNKNOWN } from "./large/mappings.js";
import { Control, ownerOfWord } from "./memory/control.js";
import { forgetPages, hidePages } from "./memory/mapped-pages.js";
import { type Block, HEADER_BYTES, NULL, type Pointer } from "./memory/memory.js";
import { noteFaults } from "./native/fault.js";
import { whenStackEmpty } from "./platform/interruption.js";
import { load } from "./platform/os.js";
import { ensureStack } from "./platform/stack.js";
import { wasDestroyed } from "./process/diagnose.js";
import { isOn } from "./process/settings.js";
import { isAlive, isDoomed, recordOf } from "./shared/heaps.js";
import type { AllocationSampler, Guard, Slots } from "./shared/hooks.js";

/** Each has a tool begin when the library is loaded. */
const VARIABLES = [
  "HEAPWRIGHT_LEAKS",
  "HEAPWRIGHT_PROFILE",
  "HEAPWRIGHT_MAP",
  "HEAPWRIGHT_DEBUG",
  "HEAPWRIGHT_GUARD",
];

/**
 * For heapwright/debug alone: it may change in every version.
 *
 * @internal
 */
export const internals = {
  unusable,
  LIVES,
  observeAtOnce,
  observeLives,
  /** Has a sampler count all that this thread allocates, by this counter; null for none any more. */
  sample(sampler: AllocationSampler | null, counter: Counter): void {
    whenReused((pointer) => sampler?.reused(pointer));
    heap.hooks.sampler = sampler;
    if (sampler === null) removeCounter(counter);
    else addCounter(counter);
    countWhenAsked();
  },
  /** What the counting fast path of this thread reads and writes: see heap/sampling.ts. */
  counting: {
    LEAST_COUNTED: MIN_BLOCK,
    countDown,
    counted,
    countedFor,
    known: known as { [place: number]: number },
    placeOf,
    wind,
  },
  /** What blocks with pages of their own need: see debug/slots.ts. */
  slots: {
    UNKNOWN,
    FREED,
    pageSize: heap.words[Control.pageSize]!,
    /** The range of all threads; 0 for none. */
    pool(): Pointer {
      const page = heap.window.atomicLoad(Control.slots);
      return (page === 0 ? 0 : heap.window.base + page * internals.slots.pageSize) as Pointer;
    },
    /** Maps a range for it, whose addresses take no fast path of an access; 0 without room. */
    map(bytes: number): Pointer {
      const { window } = heap;
      const pointer = guarded(() => heap.allocateLarge(bytes, internals.slots.pageSize));
      if (pointer !== 0) forgetPages(window, pointer - window.base, pointer - window.base + bytes);
      return pointer;
    },
    unmap(pointer: Pointer): void {
      guarded(() => heap.large.free(pointer));
    },
    /** Makes it the range of all threads, unless there is one. */
    publish(pointer: Pointer): boolean {
      const { window } = heap;
      return window.compareExchange(Control.slots, 0, window.pageOf(pointer, internals.slots.pageSize));
    },
    /** Has this thread use them, and count for it; null if it takes none. */
    begin(slots: Slots, counter: Counter | null): void {
      heap.hooks.slots = slots;
      if (ofSlots !== null) removeCounter(ofSlots);
      if (counter !== null) addCounter(counter);
      ofSlots = counter;
      countWhenAsked();
    },
    /** Within an update. */
    locked(work: () => void): void {
      ensureStack(); // an error in there would leave half of a change
      heap.wilderness.segments.whileStill(work);
    },
    openPages: () => heap.wilderness.os.openPages(),
    discard: (address: number, bytes: number) => heap.wilderness.os.discard(address, bytes),
    noteFaults,
  },
  /** Usable bytes of the live block at an address, of whatever thread; negative when there is none. */
  liveBytes(address: number): number {
    const b = heap.liveBlockOfAny(address);
    if (b === 0) return guarded(() => heap.large.sizeOf(address));
    return hasEnded(b) ? -1 : sizeOf(heap.words, b) - HEADER_BYTES;
  },
  /** All of the window, and the address where it begins. */
  buffer: heap.window.buffer,
  base: heap.window.base,
  blockAround,
  /** Whether an address lies in a Heap that was destroyed, and in use for nothing else yet. */
  wasDestroyed: (address: number): boolean => wasDestroyed(heap, address),
  /** Whether each block is guarded, in all threads. */
  get isGuarded(): boolean {
    return heap.words[Control.guarded] !== 0;
  },
  /** Whether a guard may begin: no other thread has begun without one, and nothing was allocated. */
  mayGuard(): boolean {
    return internals.isGuarded || (heap.words[Control.heaps] === 1 && !isUsed(heap, heap.record));
  },
  /** Has this guard watch all blocks of this thread, with so many bytes behind each. */
  guard(guard: Guard, redZone: number): void {
    setRedZone(redZone);
    hidePages(heap.window);
    heap.hooks.guard = guard;
  },
  /** Frees a block that a guard kept aside. */
  freeHeld(pointer: Pointer): void {
    guarded(() => {
      const b = heap.window.blockOf(pointer);
      heap.outbox.letGo(b);
      const of = heap.holding(b);
      if (of === null) heap.outbox.put(b, ownerOfWord(heap.words, b));
      else of.freeBlock(b);
    });
  },
  whenStackEmpty,
  whenThrown,
  /** Of the process, cheaper than stats(). */
  counts() {
    const { words: m } = heap;
    let trims = 0;
    for (let index = m[Control.heaps]! - 1; index >= 0; index--) {
      const record = recordOf(m, index);
      if (record !== 0) trims += m[record + Rec.purges]!;
    }
    return {
      footprint: heap.pressure().footprint,
      grows: m[Control.grows]!,
      mmaps: m[Control.mmaps]!,
      munmaps: m[Control.munmaps]!,
      trims,
    };
  },
  /** Begins to guard, once the tools are loaded. */
  beginGuard: null as (() => void) | null,
  /** What tools noted for all threads begins at this block; 0 for nothing. */
  firstNote(): Pointer {
    const b = heap.window.atomicLoad(Control.notes);
    return b === 0 ? NULL : heap.window.pointerOf(b as Block);
  },
  /** Has it begin at another block, a small one; false when somebody else came first. */
  noteFirst(expected: Pointer, pointer: Pointer): boolean {
    const { window } = heap;
    const seen = expected === 0 ? 0 : window.blockOf(expected);
    return window.compareExchange(Control.notes, seen, window.blockOf(pointer));
  },
  /** Whether threads that join the process note their blocks. */
  get isNoting(): boolean {
    return heap.window.atomicLoad(Control.noting) !== 0;
  },
  set isNoting(on: boolean) {
    heap.window.atomicStore(Control.noting, on ? 1 : 0);
  },
  /** What a variable of the environment says; null where it is off. */
  setting(name: string): string | null {
    const value = process.env[name];
    return isOn(value) ? value! : null;
  },
  print: printAll,
  /** What the tools keep for this thread, by name: their code may be there twice, as CommonJS and as an ES module. */
  states: {} as { [name: string]: object },
};

let ofSlots: Counter | null = null;

/** Blocks of a Heap are sampled for a profile, and have no pages of their own: they end with it. */
function countWhenAsked(): void {
  const { hooks } = heap;
  const isSampled = hooks.sampler !== null;
  count([heap], isSampled || ofSlots !== null, isSampled);
  const prototype = count(heapsOf(heap).slice(1), isSampled, isSampled);
  hooks.counting = isSampled ? prototype : null;
}

/** Where the CommonJS copy of the tools finds the library that asks for it, if that is an ES module. */
const LOADED = Symbol.for("heapwright.loaded");

/** Whether a block's Heap ended with its thread: it counts as freed, though nobody has emptied that heap yet. */
function hasEnded(b: Block): boolean {
  const { window, words: m, wilderness } = heap;
  const record = ownerOfWord(m, b);
  if (record === 0) return true;
  const entry = m[record + Rec.entry]!;
  return isDoomed(m, entry) && !isAlive(window, wilderness.os.threads, entry);
}

/** Begins to guard, for configure(). */
export function guardBlocks(): void {
  if (internals.beginGuard === null) loadTools();
  internals.beginGuard?.();
}

function loadWhenAsked(): void {
  const isAsked = VARIABLES.some((name) => internals.setting(name) !== null);
  if (
    unusable === null &&
    (isAsked || internals.isNoting || internals.isGuarded || internals.slots.pool() !== 0)
  )
    loadTools();
}

function loadTools(): void {
  const holder = globalThis as { [LOADED]?: object };
  holder[LOADED] = {
    internals,
    calloc,
    cstring,
    free,
    layout,
    read,
    readCString,
    stats,
    thread,
    walk,
    write,
  };
  try {
    load("./debug.cjs");
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    process.emitWarning(`heapwright/debug was asked for and could not be loaded: ${text}`, "HeapWarning");
  } finally {
    delete holder[LOADED];
  }
}

loadWhenAsked();
