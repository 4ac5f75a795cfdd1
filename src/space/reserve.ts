/**
 * Reservation: takes the heap's address range with sbrk, maps it below 2 GiB, or finds a gap, and makes the window over it. Once
 * per process.
 *
 * Owns how much is reserved, and where. Must not know segments or blocks.
 *
 *   with sbrk:     base = first page at the break
 *                  | control | chunks of the sbrk range … | guard page | mapped chunks … | large blocks … |
 *   below 2 GiB:   with sbrk, and the break below 2 GiB, as it is in Node's own binaries
 *                  | control | chunks of the sbrk range … | guard page | large blocks … | mapped chunks … | large blocks … |
 *                                                                                   2 GiB
 *   refused:       as with sbrk below 2 GiB, but the range is one mapping, in the largest gap there: V8's code may lie right above
 *                  the break, and musl refuses always
 *   without:       base = start of a gap far above the break
 *                  | control | chunks mapped one run at a time …                     | large blocks … |
 *
 * When their part is full, chunks and large blocks take any gap in the window.
 */
import { outOfMemory } from "../errors.js";
import { CHUNK_BYTES, CONTROL_BYTES, Control } from "../memory/control.js";
import {
  roundDown,
  roundUp,
  SMALL_LIMIT,
  WIDE_SPAN,
  Window,
  WORD_BYTES,
  ZONE_LIMIT,
} from "../memory/memory.js";
import { FAILED, type Os } from "../platform/os.js";
import { findGap } from "./gaps.js";

/** With less, the break is not moved. */
const LEAST_RESERVE = 8 * CHUNK_BYTES;
/** Bytes above the break that are left to libc when the heap does not begin there. */
const BREAK_ROOM = 2 ** 34;
/** A range from sbrk takes 1/8 of a resource limit at most, for the rest of the process is under the same limit. */
const LIMIT_SHARE = 8;
/** Bytes of such a limit that mappings leave to the rest of the process, for V8's young generation and compiler. */
const SPARED = 128 * CHUNK_BYTES;
const SPARED_SHARE = 1 / 16;
/** Under strict overcommit every reserved page counts as used. */
const STRICT_RESERVE = 64 * CHUNK_BYTES;
/** What is left to libc above the break when the range is mapped below 2 GiB. */
const LOW_BREAK_ROOM = 64 * CHUNK_BYTES;
/** Where the break is higher, the range starts below 2 GiB at random, as the kernel places a break: from here, within so much. */
const LOW_START = 256 * CHUNK_BYTES;
const LOW_SPREAD = 512 * CHUNK_BYTES;
/** With less space below 2 GiB, large blocks get none of it. */
const LEAST_SHARED = 128 * CHUNK_BYTES;
/** The smallest window that is tried. */
const LEAST_SPAN = 64 * CHUNK_BYTES;

export interface Placement {
  readonly window: Window;
  /** Chunks of the range with the control block; 0 without a range. */
  readonly breakChunks: number;
}

/**
 * Makes the window and maps its control block.
 *
 * @param reserve bytes to ask sbrk for; 0 leaves the break alone
 * @throws HeapError ERR_OUT_OF_MEMORY when the kernel gives no memory for the control block
 */
export function placeWindow(os: Os, reserve: number): Placement {
  const span = Math.min(os.viewLimit, WIDE_SPAN);
  os.view(os.currentBreak(), WORD_BYTES); // throws where views are forbidden, before anything was reserved
  const asked = os.mayMoveBreak
    ? reserveUnderLimits(os, Math.min(reserve, defaultReserve(span, os.currentBreak())))
    : 0;
  return fromBreak(os, asked, span) ?? fromLow(os, asked, span) ?? fromGap(os, span);
}

/** Bytes to reserve: half of the space below 2 GiB, if large blocks share it; else the zone up to the large blocks. */
export function defaultReserve(span: number, base: number): number {
  const below = SMALL_LIMIT - base;
  const most = firstLarge(span);
  return below < LEAST_SHARED ? most : Math.min(most, roundDown(below / 2, CHUNK_BYTES));
}

/** Offset of the large blocks above 2 GiB: after the zone, or in the middle of a window that is no larger. */
function firstLarge(span: number): number {
  return span > ZONE_LIMIT ? ZONE_LIMIT : span / 2;
}

function lowestLimit(os: Os): number {
  return Math.min(os.resourceLimit("data"), os.resourceLimit("addressSpace"));
}

/** Bytes that mappings leave to the rest of the process under a resource limit; 0 without one. */
export function headroomBytes(os: Os): number {
  const limit = lowestLimit(os);
  return limit === Infinity ? 0 : Math.min(SPARED, limit * SPARED_SHARE);
}

function reserveUnderLimits(os: Os, wanted: number): number {
  const bytes = Math.min(wanted, roundDown(lowestLimit(os) / LIMIT_SHARE, CHUNK_BYTES));
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

/** A range where sbrk was refused one. Half of the gap: large blocks share the rest. */
function fromLow(os: Os, asked: number, span: number): Placement | null {
  if (asked < LEAST_RESERVE) return null;
  const top = os.currentBreak() + LOW_BREAK_ROOM;
  const random = LOW_START + Math.random() * LOW_SPREAD;
  const first = roundUp(top < SMALL_LIMIT ? top : random, CHUNK_BYTES);
  const gap = findGap(os.mappings(), first, SMALL_LIMIT, LEAST_SHARED, 0, os.pageSize);
  if (gap === null) return null;
  const base = roundUp(gap.start, os.pageSize);
  const bytes = Math.min(asked, roundDown((gap.end - base) / 2, CHUNK_BYTES));
  if (os.map(base, bytes) !== base) return null;
  return { window: new Window(base, os.view(base, span)), breakChunks: bytes / CHUNK_BYTES };
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

/** Starts of gaps of `span` bytes, well above the break. */
function* gaps(os: Os, span: number): Generator<number> {
  const aboveBreak = roundUp(os.currentBreak() + BREAK_ROOM, CHUNK_BYTES);
  let end = aboveBreak;
  for (const [start, next] of os.mappings()) {
    if (start - end >= span) yield end;
    end = Math.max(end, roundUp(next, CHUNK_BYTES));
  }
  if (os.mappings().length === 0) yield aboveBreak;
}

/** Stores in the control block where large blocks and chunks may be mapped. */
export function setLargeRange(window: Window, breakChunks: number, pageSize: number): void {
  const m = window.words;
  const aboveBreak = (breakChunks + 1) * CHUNK_BYTES; // not into the chunk with the guard page
  const first = Math.max(firstLarge(window.span), window.span > ZONE_LIMIT ? 0 : aboveBreak);
  m[Control.largeFirst] = Math.ceil(first / pageSize);
  m[Control.largeLimit] = Math.floor(window.span / pageSize);
  m[Control.largeNext] = m[Control.largeFirst]!;
  m[Control.largeGapEnd] = m[Control.largeLimit]!;
  const small = Math.min(first, roundDown(SMALL_LIMIT - window.base, CHUNK_BYTES));
  const low = breakChunks > 0 && small - aboveBreak >= CHUNK_BYTES;
  m[Control.lowFirst] = low ? aboveBreak / pageSize : 0;
  m[Control.lowLimit] = low ? small / pageSize : 0;
  m[Control.lowNext] = m[Control.lowFirst]!;
  m[Control.lowGapEnd] = m[Control.lowLimit]!;
  if (low) m[Control.nextMapped] = small / CHUNK_BYTES;
}
