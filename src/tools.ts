/**
 * What heapwright/debug is made of, and when it is loaded by itself.
 *
 * Owns the door between the library and its tools, which are loaded only when they are asked for: by an import, by the
 * environment, or by another thread that has begun to note blocks. Must not know what they do.
 */

import { cstring, readCString } from "./access/cstring.js";
import { read } from "./access/read.js";
import { write } from "./access/write.js";
import { guarded } from "./api/attached.js";
import { calloc, free, heap, unusable } from "./api/malloc.js";
import { thread } from "./api/thread.js";
import { sizeOf } from "./block/block.js";
import { Rec } from "./heap/record.js";
import { printAll } from "./inspect/log.js";
import { observeLives } from "./inspect/observers.js";
import { stats } from "./inspect/stats.js";
import { walk } from "./inspect/walk.js";
import { Control, ownerOfWord } from "./memory/control.js";
import { type Block, HEADER_BYTES, NULL, type Pointer } from "./memory/memory.js";
import { load } from "./platform/os.js";
import { isOn } from "./process/settings.js";
import { isAlive, isDoomed } from "./shared/heaps.js";

/** Each has a tool begin when the library is loaded. */
const VARIABLES = ["HEAPWRIGHT_LEAKS", "HEAPWRIGHT_PROFILE", "HEAPWRIGHT_MAP"];

/**
 * For heapwright/debug alone: it may change in every version.
 *
 * @internal
 */
export const internals = {
  unusable,
  observeLives,
  /** Usable bytes of the live block at an address, of whatever thread; negative when there is none. */
  liveBytes(address: number): number {
    const b = heap.liveBlockOfAny(address);
    if (b === 0) return guarded(() => heap.large.sizeOf(address));
    return hasEnded(b) ? -1 : sizeOf(heap.words, b) - HEADER_BYTES;
  },
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

function loadTools(): void {
  const asked = VARIABLES.some((name) => internals.setting(name) !== null);
  if (unusable !== null || !(asked || internals.isNoting)) return;
  const holder = globalThis as { [LOADED]?: object };
  holder[LOADED] = { internals, calloc, cstring, free, read, readCString, stats, thread, walk, write };
  try {
    load("./debug.cjs");
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    process.emitWarning(`heapwright/debug was asked for and could not be loaded: ${text}`, "HeapWarning");
  } finally {
    delete holder[LOADED];
  }
}

loadTools();
