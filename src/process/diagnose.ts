/**
 * Diagnosis of wrong pointers: the error for a pointer that is no live block.
 *
 * Owns the distinction between a second free and a pointer that was never allocated, and the wording. Reads memory only in chunks
 * that have an owner, and headers of large blocks only if the table has them.
 */

import { isCached, isFree, isIntact, isIntactLive, MIN_BLOCK, nextOf, sizeOf } from "../block/block.js";
import { addressOf, culprit, named, segmentOf, walkTo } from "../block/damage.js";
import { HeapError, hex, notAPointer, rangeError } from "../errors.js";
import type { ThreadHeap } from "../heap/heap.js";
import { Rec } from "../heap/record.js";
import { FREED } from "../large/mappings.js";
import { ownerOfWord, segmentStart, WORD_CHUNK_SHIFT } from "../memory/control.js";
import type { Block } from "../memory/memory.js";
import { Kind, kindOf } from "../shared/heaps.js";
import { isVacant } from "../space/vacant.js";

interface Advice {
  /** For a pointer into a block, or an arena's. */
  readonly inside: string;
  /** For a pointer of C's. */
  readonly foreign: string;
}

const OTHERWISE: Advice = {
  inside: "pass the very number that malloc returned; what an arena gave out goes with the arena",
  foreign: "memory of C's malloc goes to C's free",
};
/** For operations that take a pointer into a block if they are given a length. */
const ADVICE: { readonly [operation: string]: Advice } = {
  view: { inside: "say how many bytes: view(pointer, byteLength)", foreign: "koffi.view shows C's memory" },
  buffer: {
    inside: "say how many bytes: buffer(pointer, byteLength)",
    foreign: "koffi.view shows C's memory",
  },
  readCString: {
    inside: "say how far to look for the NUL: readCString(pointer, maxBytes)",
    foreign: 'koffi.decode(pointer, "char *") reads C\'s memory',
  },
};

/** The error for `operation` on `pointer`, which is no live block. */
export function explainPointer(heap: ThreadHeap, operation: string, pointer: unknown): HeapError {
  if (typeof pointer !== "number") return notAPointer(operation, pointer);
  if (!Number.isSafeInteger(pointer) || pointer < 0) {
    return invalid(operation, pointer, "it is not an address; a pointer is a number that malloc returned");
  }
  if (pointer === 0) return invalid(operation, pointer, "it is NULL, which has no block");
  if (wasDestroyed(heap, pointer)) {
    const story = storyOf(heap, pointer);
    return invalid(
      operation,
      pointer,
      `it lies in a Heap that was destroyed; its blocks ended with it${story}`,
    );
  }
  if (wasFreed(heap, pointer)) {
    const other = operation === "free" ? "the other free of this pointer" : "where it was freed";
    return new HeapError(
      "ERR_DOUBLE_FREE",
      `${operation}: the block at ${hex(pointer)} is free already; look for ${other}${storyOf(heap, pointer)}`,
    );
  }
  const offset = pointer - heap.window.base;
  if (offset < 0 || offset >= heap.window.span) {
    return invalid(
      operation,
      pointer,
      `it is not from this heap; ${(ADVICE[operation] ?? OTHERWISE).foreign}`,
    );
  }
  if (pointer % 16 !== 0) return invalid(operation, pointer, "payloads are 16-byte aligned, and it is not");
  return invalid(operation, pointer, whatLies(heap, pointer, (ADVICE[operation] ?? OTHERWISE).inside));
}

/** Where the block was allocated and freed, if a tool knows. */
function storyOf({ hooks }: ThreadHeap, pointer: number): string {
  return hooks.guard?.storyOf(pointer) ?? hooks.slots?.storyOf(pointer) ?? "";
}

/** Whether the pointer lies in a wiped heap whose memory is not in use again. */
export function wasDestroyed({ window, words: m }: ThreadHeap, pointer: number): boolean {
  const record = window.inZone(pointer) ? ownerOfWord(m, window.blockOf(pointer)) : 0;
  return record !== 0 && kindOf(m, m[record + Rec.entry]!) === Kind.empty;
}

/** Why an aligned pointer into the window is no block. */
function whatLies(heap: ThreadHeap, pointer: number, advice: string): string {
  const { window, words: m } = heap;
  const b = window.inZone(pointer) ? window.blockOf(pointer) : (0 as Block);
  if (isVacant(m, b >>> WORD_CHUNK_SHIFT)) {
    return `all blocks there were freed, or their Heap was destroyed, and the memory was given up; ${advice}`;
  }
  if (segmentOf(m, b) < 0 || isWilderness(heap, b)) return `no block starts there; ${advice}`;
  const { broken, below } = walkTo(m, b);
  if (broken === b) return `its header was overwritten; ${culprit(m, below)}`;
  if (broken !== 0) {
    const which = `that of the block at ${addressOf(m, broken)} was`;
    return `no block starts there, or its header was overwritten: ${which}; ${culprit(m, below)}`;
  }
  const within = below === 0 ? "" : `, it lies inside the block at ${named(m, below)}`;
  return `no block starts there${within}; ${advice}`;
}

/** Whether the memory is wilderness of its heap. */
function isWilderness({ words: m, wilderness }: ThreadHeap, b: Block): boolean {
  const record = ownerOfWord(m, b);
  const active = m[record + Rec.segment]!;
  return b >= m[record + Rec.top]! && b < wilderness.segments.end(active);
}

/**
 * Whether a freed block starts there, or its intact header is left in free memory. What looks like a header inside a live block
 * does not count.
 */
function wasFreed(heap: ThreadHeap, pointer: number): boolean {
  const { window, words: m } = heap;
  if (heap.large.sizeOf(pointer) === FREED) return true;
  if (!window.inZone(pointer) || pointer % 16 !== 0) return false;
  const b = window.blockOf(pointer);
  if (segmentOf(m, b) < 0) return false;
  if (!isIntact(m, b, heap.secret) || isIntactLive(m, b, heap.secret) || sizeOf(m, b) < MIN_BLOCK)
    return false;
  return isWilderness(heap, b) || !isWithinLive(m, b);
}

/** Walks from the start of the segment by size words, some nanoseconds a block. */
function isWithinLive(m: Int32Array, b: Block): boolean {
  let below = 0 as Block;
  let at = segmentStart(m, segmentOf(m, b)) as Block;
  while (at < b && ownerOfWord(m, at) !== 0 && sizeOf(m, at) >= MIN_BLOCK) {
    below = at;
    at = nextOf(m, at);
  }
  return at > b && !isFree(m, below) && !isCached(m, below);
}

function invalid(operation: string, pointer: number, why: string): HeapError {
  return rangeError("ERR_INVALID_POINTER", `${operation}: ${hex(pointer)} is not a block: ${why}`);
}
