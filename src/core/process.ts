/**
 * The process: sets the heap up when the library is loaded, and keeps what all layers above share.
 *
 * Owns set-up and settings. Must not know C semantics. Loading never throws and never crashes: where the heap cannot
 * be set up, the reason is kept, a heap without memory takes its place, and the first use throws the reason.
 */
import { randomBytes } from "node:crypto";
import { HeapError } from "../errors.js";
import { CHUNK_BYTES, CHUNK_WORDS, Control, MAGIC, NO_LIMIT } from "./control.js";
import { ThreadHeap } from "./heap.js";
import type { Hooks } from "./hooks.js";
import { HEADER_BYTES, roundUp, Window, WORD_BYTES } from "./memory.js";
import { type Os, openOs } from "./os.js";
import { initializeRecord, RECORD_WORDS, Rec } from "./record.js";
import { placeWindow, setLargeRange } from "./reserve.js";
import { Segments } from "./segments.js";
import { DEFAULT_MMAP_THRESHOLD, defaults, type Settings, settingsFrom } from "./settings.js";
import { Store } from "./store.js";

export interface Attached {
  readonly heap: ThreadHeap;
  /** Why the heap cannot be used; null when it can. */
  readonly unusable: HeapError | null;
}

/** The calling thread's heap. */
export function attach(): Attached {
  const hooks: Hooks = { trace: null, settle: null };
  const os = openOs();
  try {
    const settings = settingsFrom(process.env);
    return { heap: createHeap(os, hooks, settings), unusable: null };
  } catch (error) {
    const reason = error instanceof HeapError ? error : asUnsupported(error);
    return { heap: createInert(hooks), unusable: reason };
  }
}

function asUnsupported(error: unknown): HeapError {
  const text = error instanceof Error ? error.message : String(error);
  return new HeapError(
    "ERR_UNSUPPORTED_PLATFORM",
    `heapwright could not open a view over raw memory (${text}); some runtimes, Electron for one, forbid it`,
    { cause: error },
  );
}

/** A whole heap on the memory that `os` gives. */
export function createHeap(os: Os, hooks: Hooks, settings: Settings): ThreadHeap {
  const { window, breakChunks } = placeWindow(os, settings.reserve);
  const m = window.words;
  m[Control.secret] = randomBytes(4).readInt32LE() | (1 << 31);
  m[Control.pageSize] = os.pageSize;
  m[Control.nextChunk] = 1;
  m[Control.breakChunks] = breakChunks;
  m[Control.nextMapped] = Math.max(1, breakChunks);
  setLargeRange(window, breakChunks, os.pageSize);
  applySettings(m, settings);
  m[Control.magic] = MAGIC;
  return firstHeap(window, os, hooks);
}

/** Writes settings into the control block. */
export function applySettings(m: Int32Array, settings: Omit<Settings, "reserve">): void {
  const pageSize = m[Control.pageSize]!;
  const dynamic = settings.mmapThreshold === "dynamic";
  m[Control.limitPages] = Math.min(NO_LIMIT, Math.floor(settings.limit / pageSize));
  m[Control.thresholdRises] = dynamic ? 1 : 0;
  m[Control.mmapThreshold] = dynamic ? DEFAULT_MMAP_THRESHOLD : (settings.mmapThreshold as number);
  m[Control.trimPages] = Math.ceil(settings.trimThreshold / pageSize);
}

function firstHeap(window: Window, os: Os, hooks: Hooks): ThreadHeap {
  const m = window.words;
  const segments = new Segments(window, os, hooks);
  const id = segments.open(CHUNK_WORDS, 0);
  if (id < 0) {
    throw new HeapError("ERR_OUT_OF_MEMORY", `the kernel gave no memory for a heap of ${CHUNK_BYTES} bytes`);
  }
  const record = segments.start(id);
  initializeRecord(m, record);
  const first = roundUp(record + RECORD_WORDS, 4) + HEADER_BYTES / WORD_BYTES;
  segments.setStart(id, first);
  const pageWords = os.pageSize / WORD_BYTES;
  const commit = roundUp(first, pageWords);
  segments.recharge((commit - record) / pageWords);
  m[record + Rec.segment] = id;
  m[record + Rec.commit] = commit;
  m[record + Rec.high] = first;
  m[record + Rec.top] = first;
  return new ThreadHeap(new Store(window, segments, os, hooks, record));
}

/** A heap in ordinary memory that nothing can be taken from: every request reaches a slow path and fails there. */
function createInert(hooks: Hooks): ThreadHeap {
  const window = new Window(CHUNK_BYTES, new ArrayBuffer(2 * CHUNK_BYTES));
  const os = { pageSize: 4096, map: () => -1 } as unknown as Os;
  const m = window.words;
  m[Control.pageSize] = os.pageSize;
  m[Control.nextChunk] = 1;
  m[Control.breakChunks] = 2;
  applySettings(m, defaults);
  const heap = firstHeap(window, os, hooks);
  m[Control.limitPages] = 0;
  m[heap.record + Rec.commit] = m[heap.record + Rec.top]!;
  return heap;
}
