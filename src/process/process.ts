/**
 * Attaching a thread to the heap of the process, which the first thread sets up.
 *
 * Owns the set-up of the control block, and how settings are stored in it. Must not know C semantics. Loading never throws: where
 * the heap cannot be set up, an inert heap without memory takes its place, and the first use throws the reason.
 */
import { HeapError } from "../errors.js";
import type { ThreadHeap } from "../heap/heap.js";
import { Rec } from "../heap/record.js";
import { LEAST_THRESHOLD } from "../large/large-churn.js";
import { CHUNK_BYTES, CONTROL_CHUNKS, Control, MAPPINGS, NO_LIMIT } from "../memory/control.js";
import { Window, WORD_BYTES } from "../memory/memory.js";
import { type Os, openOs } from "../platform/os.js";
import { isFullStack, STACK_BYTES } from "../platform/stack.js";
import { type Hooks, noHooks } from "../shared/hooks.js";
import { meet } from "../shared/rendezvous.js";
import { headroomBytes, placeWindow, setLargeRange } from "../space/reserve.js";
import { joinOrAsk } from "./adopt.js";
import { firstHeap, initializeAdoption } from "./claims.js";
import { defaults, type Settings, settingsFrom } from "./settings.js";

export interface Attached {
  readonly heap: ThreadHeap;
  /** Why the heap cannot be used; null when it can. */
  readonly unusable: HeapError | null;
}

/** The calling thread's heap. The first thread's environment gives the settings. */
export function attach(): Attached {
  const hooks = noHooks();
  const os = openOs();
  try {
    const window = meet(os, () => openWindow(os, settingsFrom(process.env)));
    return { heap: joinOrAsk(window, os, hooks), unusable: null };
  } catch (error) {
    const reason = error instanceof HeapError ? error : asUnsupported(error);
    return { heap: createInert(hooks), unusable: reason };
  }
}

function asUnsupported(error: unknown): HeapError {
  const text = error instanceof Error ? error.message : String(error);
  const why = isFullStack(error)
    ? `heapwright needs ${STACK_BYTES} bytes of JavaScript's stack, and there is less (${text}). Load it where fewer calls ` +
      "are open, or give the thread more: node --stack-size, or stackSizeMb in a worker's resourceLimits"
    : `heapwright could not open a view over raw memory (${text}); some runtimes, Electron for one, forbid it`;
  return new HeapError("ERR_UNSUPPORTED_PLATFORM", why, { cause: error });
}

/** Opens a window and sets its control block up. */
export function openWindow(os: Os, settings: Settings): Window {
  const { window, breakChunks } = placeWindow(os, settings.reserve);
  initializeControl(window, os, breakChunks, settings);
  window.words[Control.secret] = random(window, os) | (1 << 31);
  window.words[Control.baseLow] = window.base >>> 0;
  window.words[Control.baseHigh] = Math.floor(window.base / 2 ** 32);
  setLargeRange(window, breakChunks, os.pageSize);
  window.words[Control.headroomPages] = Math.ceil(headroomBytes(os) / os.pageSize);
  return window;
}

/** From the kernel; loading node:crypto would take longer than all the rest of attaching. */
function random(window: Window, os: Os): number {
  const isRandom = os.randomize(window.addressOf(Control.secret), WORD_BYTES);
  return isRandom ? window.words[Control.secret]! : Math.random() * 2 ** 32;
}

function initializeControl(window: Window, os: Os, breakChunks: number, settings: Settings): void {
  const m = window.words;
  m[Control.pageSize] = os.pageSize;
  m[Control.nextChunk] = CONTROL_CHUNKS;
  m[Control.breakChunks] = breakChunks;
  m[Control.nextMapped] = Math.max(CONTROL_CHUNKS, breakChunks);
  m[Control.mappings] = MAPPINGS;
  applySettings(m, settings);
  initializeAdoption(window, os);
}

/** Writes settings into the control block. */
export function applySettings(m: Int32Array, settings: Omit<Settings, "reserve">): void {
  const pageSize = m[Control.pageSize]!;
  const dynamic = settings.mmapThreshold === "dynamic";
  m[Control.limitPages] = Math.min(NO_LIMIT, Math.floor(settings.limit / pageSize));
  m[Control.isThresholdDynamic] = dynamic ? 1 : 0;
  const threshold = dynamic ? LEAST_THRESHOLD : (settings.mmapThreshold as number);
  m[Control.mmapThreshold] = threshold;
  m[Control.trimPages] = Math.ceil(settings.trimThreshold / pageSize);
}

/** A heap on an ordinary ArrayBuffer without room for a block: every request reaches a slow path and fails there. */
function createInert(hooks: Hooks): ThreadHeap {
  const chunks = CONTROL_CHUNKS + 1;
  const window = new Window(CHUNK_BYTES, new ArrayBuffer(chunks * CHUNK_BYTES));
  const wordAt = (address: number) => (address - window.base) / WORD_BYTES;
  const threads = {
    threadId: () => 1,
    initializeMutex() {},
    lockMutex(address: number) {
      window.words[wordAt(address)] = 1;
      return true;
    },
    unlockMutex(address: number) {
      window.words[wordAt(address)] = 0;
    },
    mutexWord: 0,
    holdsStill: () => true,
  };
  const os = { pageSize: 4096, map: () => -1, threads } as unknown as Os;
  initializeControl(window, os, chunks, defaults);
  const heap = firstHeap(window, os, hooks);
  const m = window.words;
  m[Control.limitPages] = 0;
  m[heap.record + Rec.commit] = m[heap.record + Rec.top]!;
  return heap;
}
