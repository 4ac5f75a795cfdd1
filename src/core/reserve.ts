/**
 * Where the heap lies: takes the range with sbrk, or finds a gap, and opens the window over it.
 *
 * Owns the one decision about address space of the process. Must not know segments or blocks.
 *
 *   with sbrk:     base = first page at the break
 *                  | control | chunks of the sbrk range …        | guard page | mapped chunks … | large blocks … |
 *   without:       base = start of a gap far above the break
 *                  | control | chunks mapped one run at a time …              | large blocks …                  |
 */
import { outOfMemory } from "../errors.js";
import { CHUNK_BYTES, CONTROL_BYTES, Control } from "./control.js";
import { roundDown, roundUp, WIDE_SPAN, Window, WORD_BYTES, ZONE_LIMIT } from "./memory.js";
import { FAILED, type Os } from "./os.js";

/** Less than this is not worth moving the break for. */
const LEAST_RESERVE = 8 * CHUNK_BYTES;
/** Room that is left to libc's own break when ours is not taken from it. */
const BREAK_ROOM = 2 ** 34;
/** Share of a resource limit that the range may take: the rest of the process lives under the same limit. */
const LIMIT_SHARE = 8;
/** With strict overcommit every reserved page counts as used by the whole machine. */
const STRICT_RESERVE = 64 * CHUNK_BYTES;
/** The smallest window that is of use. */
const LEAST_SPAN = 64 * CHUNK_BYTES;

export interface Placement {
  readonly window: Window;
  /** Chunks of the sbrk range, the control block's included; 0 without one. */
  readonly breakChunks: number;
}

/** Opens the window and maps its control block. `reserve`: bytes to ask sbrk for; 0 to leave the break alone. */
export function placeWindow(os: Os, reserve: number): Placement {
  const span = Math.min(os.viewLimit, WIDE_SPAN);
  os.view(os.currentBreak(), WORD_BYTES); // where views are forbidden, this throws before anything is taken
  const asked = os.mayMoveBreak ? reserveUnderLimits(os, Math.min(reserve, defaultReserve(span))) : 0;
  return fromBreak(os, asked, span) ?? fromGap(os, span);
}

/** On a 4 GiB window half of it: the other half is for large blocks. */
export function defaultReserve(span: number): number {
  return span > ZONE_LIMIT ? ZONE_LIMIT : span / 2;
}

function reserveUnderLimits(os: Os, wanted: number): number {
  let bytes = wanted;
  for (const which of ["data", "addressSpace"] as const) {
    bytes = Math.min(bytes, roundDown(os.resourceLimit(which) / LIMIT_SHARE, CHUNK_BYTES));
  }
  return os.countsReservations ? Math.min(bytes, STRICT_RESERVE) : bytes;
}

function fromBreak(os: Os, asked: number, span: number): Placement | null {
  for (let bytes = asked; bytes >= LEAST_RESERVE; bytes = roundDown(bytes / 2, CHUNK_BYTES)) {
    const lead = roundUp(os.currentBreak(), os.pageSize) - os.currentBreak();
    const start = os.moveBreak(lead + bytes);
    if (start === FAILED) continue;
    const base = roundUp(start, os.pageSize);
    const usable = roundDown(start + lead + bytes - base, CHUNK_BYTES);
    os.guard(roundUp(start + lead + bytes, os.pageSize), os.pageSize);
    os.seal(base, usable);
    return { window: new Window(base, os.view(base, span)), breakChunks: usable / CHUNK_BYTES };
  }
  return null;
}

function fromGap(os: Os, widest: number): Placement {
  for (let span = widest; span >= LEAST_SPAN; span = roundDown(span / 2, CHUNK_BYTES)) {
    for (const base of gaps(os, span)) {
      if (os.map(base, CONTROL_BYTES) !== base) continue;
      return { window: new Window(base, os.view(base, span)), breakChunks: 0 };
    }
  }
  throw outOfMemory(
    `the kernel gave no memory for the heap's control block (${CONTROL_BYTES} bytes); ` +
      "raise the limit on address space or data (ulimit -v, ulimit -d)",
  );
}

/** Starts of unmapped stretches of `span` bytes: above the break first, and not close above it. */
function* gaps(os: Os, span: number): Generator<number> {
  const aboveBreak = roundUp(os.currentBreak() + BREAK_ROOM, CHUNK_BYTES);
  let end = aboveBreak;
  for (const [start, next] of os.mappings()) {
    if (start - end >= span) yield end;
    end = Math.max(end, roundUp(next, CHUNK_BYTES));
  }
  if (os.mappings().length === 0) yield aboveBreak;
}

/** The part of the window for large blocks, in pages from its base. */
export function setLargeRange(window: Window, breakChunks: number, pageSize: number): void {
  const m = window.words;
  const { span } = window;
  const first = span > ZONE_LIMIT ? ZONE_LIMIT : Math.max(span / 2, (breakChunks + 1) * CHUNK_BYTES);
  m[Control.largeFirst] = Math.ceil(first / pageSize);
  m[Control.largeLimit] = Math.floor(span / pageSize);
  m[Control.largeNext] = m[Control.largeFirst]!;
  m[Control.largeGapEnd] = m[Control.largeLimit]!;
}
