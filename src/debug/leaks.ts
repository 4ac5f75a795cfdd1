/**
 * leaks: which line allocated what is live.
 *
 * Owns when blocks are noted, and what is asked of the notes. Must not know where notes lie.
 */
import { show, typeError } from "../errors.js";
import { internals, type Pointer } from "../index.js";
import { keepNote, liveNotes, type Note, notesBytes, now, ThreadNotes } from "./notes.js";
import { checkSnapshot, grownBetween, type LeakGroup, LeakReport, type LeakSnapshot } from "./report.js";
import { sharedState } from "./shared.js";
import { type Stack, Stacks } from "./stacks.js";

const POINTERS = 3;

interface State {
  notes: ThreadNotes | null;
  stacks: Stacks<Pointer> | null;
  end: (() => void) | null;
}

const state = sharedState<State>("leaks", () => ({ notes: null, stacks: null, end: null }));

/**
 * Finds leaks: from `start()` on, where each block is allocated is noted, until it is freed.
 *
 * `start()` begins in the calling thread and in each thread that loads heapwright after that; threads that have it loaded
 * already call `start()` themselves. HEAPWRIGHT_LEAKS=1 begins when heapwright is loaded, and prints a report on standard error when
 * the process ends; HEAPWRIGHT_LEAKS=FILE.json writes it there as JSON. Calls of malloc and free then take some 10 µs instead of
 * 10 ns, and 40 bytes of memory are taken for each block. While it is off it costs nothing.
 *
 * `report()` tells of all threads, also of those that have ended: blocks that nobody freed outlive their thread. What
 * other threads do at that moment may be missed. Blocks that were allocated before `start()` are not known.
 *
 * `snapshot()` is the same as plain data, and `compare(before, after)` says what grew in between, for servers: what is
 * not freed between two moments is no leak, but what grows from hour to hour is. `keep(pointer)` marks a block as
 * allocated for good: it is in no report, only in its sum of what is kept. `stop()` ends noting in the calling thread, and
 * forgets what it noted. idle() lets a thread that takes part keep its heap.
 *
 * @throws HeapError ERR_INVALID_ARG for what is no snapshot, or no pointer; ERR_UNSUPPORTED_PLATFORM where there is no heap
 * @example
 * ```ts
 * import { free, malloc } from "heapwright";
 * import { leaks } from "heapwright/debug";
 *
 * leaks.start();
 * const table = leaks.keep(malloc(500)); // for the process's life
 * const before = leaks.snapshot();
 * const forgotten = malloc(1000);
 * const report = leaks.compare(before);
 * console.log(report.bytes, report.keptBytes); // 1000 500
 * free(forgotten);
 * free(table);
 * leaks.stop();
 * ```
 */
export const leaks = {
  /** Begins to note; does nothing once it has begun. */
  start(): void {
    if (internals.unusable !== null) throw internals.unusable;
    if (state.end !== null) return;
    state.notes ??= new ThreadNotes();
    const { notes } = state;
    state.stacks ??= new Stacks((stack) => notes.stack(JSON.stringify(stack)));
    const { stacks } = state;
    internals.isNoting = true;
    state.end = internals.observeLives((step, address, size) => {
      if (step === "free") notes.died(address);
      else notes.born(address, size, stacks.here());
    });
  },

  /** Ends noting in this thread; threads that come later do not begin either. */
  stop(): void {
    if (state.end === null) return;
    internals.isNoting = false;
    state.end();
    state.end = null;
    state.notes!.clear();
  },

  /** Whether blocks of this thread are noted. */
  get isOn(): boolean {
    return state.end !== null;
  },

  /** What is live now. */
  report(): LeakReport {
    return reportOf(liveNotes());
  },

  /** What is live now, as plain data. */
  snapshot(): LeakSnapshot {
    return { ...reportOf(liveNotes()) };
  },

  /** What grew between two snapshots, or since one. */
  compare(before: LeakSnapshot, after: LeakSnapshot = leaks.snapshot()): LeakReport {
    checkSnapshot("leaks.compare", before);
    checkSnapshot("leaks.compare", after);
    return grownBetween(before, after);
  },

  /** Marks a block as allocated for good, and returns its pointer. Where nothing is noted of it, nothing happens. */
  keep(pointer: Pointer): Pointer {
    if (typeof pointer !== "number")
      throw typeError("ERR_INVALID_ARG", `leaks.keep: a pointer is a number, got ${show(pointer)}`);
    keepNote(pointer);
    return pointer;
  },
} as const;

/**
 * The error of expectNoLeaks(); `report` has the blocks, and the message is its text.
 *
 * @example
 * ```ts
 * import { malloc } from "heapwright";
 * import { expectNoLeaks, LeakError } from "heapwright/debug";
 *
 * const error = await expectNoLeaks(() => malloc(100)).catch((error: unknown) => error);
 * console.log(error instanceof LeakError && error.report.count); // 1
 * ```
 */
export class LeakError extends Error {
  /** What was allocated and not freed. */
  readonly report: LeakReport;

  /** @internal */
  constructor(report: LeakReport) {
    super(`expectNoLeaks: ${report.toString()}`);
    this.name = "LeakError";
    this.report = report;
  }
}

/**
 * Runs a function, for a test, and throws if a block that was allocated meanwhile is live afterwards: by this thread, or by one
 * that came later. A block that was resized meanwhile counts as allocated meanwhile. Blocks that were marked by `leaks.keep()` do not count. Functions that run at the same time cannot be told
 * apart: run one at a time.
 *
 * @param work may return a promise, which is awaited
 * @returns what it returns
 * @throws LeakError with a report of the blocks by their stacks; HeapError ERR_INVALID_ARG for no function; what the function throws
 * @example
 * ```ts
 * import { free, malloc } from "heapwright";
 * import { expectNoLeaks, LeakError } from "heapwright/debug";
 *
 * await expectNoLeaks(() => free(malloc(100))); // does nothing
 * try {
 *   await expectNoLeaks(async () => void malloc(100));
 * } catch (error) {
 *   if (error instanceof LeakError) console.log(error.report.bytes); // 100
 * }
 * ```
 */
export async function expectNoLeaks<T>(work: () => T | PromiseLike<T>): Promise<T> {
  if (typeof work !== "function")
    throw typeError("ERR_INVALID_ARG", `expectNoLeaks: give a function, got ${show(work)}`);
  const wasOn = leaks.isOn;
  leaks.start();
  try {
    const since = now();
    const result = await work();
    const report = reportOf(Array.from(liveNotes()).filter(({ born }) => born >= since));
    if (report.count > 0) throw new LeakError(report);
    return result;
  } finally {
    if (!wasOn) leaks.stop();
  }
}

type Building = { -readonly [key in keyof LeakGroup]: LeakGroup[key] } & { pointers: number[] };

function reportOf(all: Iterable<Note>): LeakReport {
  const groups = new Map<string, Building>();
  const kept = { keptBytes: 0, keptCount: 0 };
  for (const note of all) {
    if (note.isKept) {
      kept.keptBytes += note.bytes;
      kept.keptCount++;
    } else add(groups, note);
  }
  return new LeakReport({ time: now(), notesBytes: notesBytes(), groups: [...groups.values()], ...kept });
}

function add(groups: Map<string, Building>, { pointer, bytes, born, stack, thread }: Note): void {
  const key = `${thread.id} ${stack}`;
  let group = groups.get(key);
  if (group === undefined) {
    const { via, frames } = JSON.parse(stack) as Stack;
    group = { stack: frames, via, bytes: 0, count: 0, oldest: born, thread, pointers: [] };
    groups.set(key, group);
  }
  group.bytes += bytes;
  group.count++;
  group.oldest = Math.min(group.oldest, born);
  if (group.pointers.length < POINTERS) group.pointers.push(pointer);
}
