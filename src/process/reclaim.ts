/**
 * Reclaiming: what others freed of a thread's heaps is given back to the kernel while that thread does nothing, be it for ever.
 *
 * Owns coalescing and purging of the blocks in another thread's inbox, and of the marked ones in its made heaps; and keeping that
 * thread out meanwhile. Must not know who needs memory.
 *
 * Such a block is nobody's. Its owner passes it in walks over headers, but only in a slow path; fast paths touch no
 * header but that of the block at hand. So while the owner is kept out of its slow paths, these blocks may be coalesced with
 * each other, and their inner pages purged. They stay where they are; the owner takes back fewer, larger ones.
 *
 * The owner is kept out by Dekker's algorithm with the fence on one side only (Dice, Huang and Yang, Asymmetric Dekker
 * Synchronization, 2001), for its slow path comes a million times as often:
 *
 *   owner, in enter()   interrupted = 1                         reclaiming?   waits
 *   here                reclaiming = 1     membarrier(2)        interrupted?  leaves its heaps alone
 *
 * All is done under the mutex at Control.adoption, so one thread does it at a time, and no heap changes hands. Others go on
 * pushing to the inbox: the block that was its head is the last one that they know, so it stays where it is.
 *
 * A thread may die in the middle, between any two stores. Rec.merging and the words after it say what it was doing, and
 * whoever locks the mutex next recovers that, with recoverReclaim().
 */
import {
  checksumOf,
  clearChecksum,
  innerEnd,
  innerPages,
  innerStart,
  MAX_BLOCK,
  MIN_BLOCK,
  markAt,
  nextOf,
  PREVIOUS_FREE,
  sizeOf,
  UNIT_BYTES,
} from "../block/block.js";
import { Rec } from "../heap/record.js";
import { Control, segmentEnd, segmentOwner, segmentStart } from "../memory/control.js";
import { type Block, type Window, WORD_BYTES } from "../memory/memory.js";
import type { Os } from "../platform/os.js";
import { notePeak } from "../shared/account.js";
import { HEAP_RECORD, heapsOfOthers, isFirst, Kind, kindOf, recordOf } from "../shared/heaps.js";
import type { Hooks } from "../shared/hooks.js";
import { hasReturned, isMarkedBlock, LINK, listContains } from "../shared/inbox.js";
import { discardPages } from "../space/small-pages.js";

/** Smaller blocks are not worth a system call. */
const LEAST_RUN = 16 * 1024;
/** A list is followed no further: a block and its place in the list are one number, to be sorted. */
const MOST_BLOCKS = 2 ** 22;
const MERGED = -1;

/** Reclaims from all other living threads that are in no slow path; how many pages. To be called under the mutex. */
export function reclaim(window: Window, os: Os, hooks: Hooks): number {
  const m = window.words;
  let pages = 0;
  for (const entries of heapsOfOthers(m, os.threads).values()) {
    const first = entries.find((entry) => isFirst(m, entry));
    const records = entries
      .map((entry) => m[entry + HEAP_RECORD]!)
      .filter((record) => hasReturned(m, record) || m[record + Rec.markedUnits]! >= LEAST_RUN / UNIT_BYTES);
    if (first === undefined || records.length === 0) continue;
    whileKeptOut(window, os, m[first + HEAP_RECORD]!, () => {
      for (const record of records) pages += reclaimFrom(window, os, hooks, record);
    });
  }
  return pages;
}

/** Does something unless the thread that has this first heap is in a slow path; until it is done, that thread enters none. */
function whileKeptOut(window: Window, os: Os, first: number, work: () => void): void {
  window.words[Control.reclaiming] = first;
  window.atomicStore(first + Rec.reclaiming, 1);
  // The second barrier orders all that the owner stored in its last slow path before the reads here.
  if (os.barrier() && window.atomicLoad(first + Rec.interrupted) === 0 && os.barrier()) work();
  recoverReclaim(window, os);
}

/** Recovers what a thread that died was doing, if any, and lets the owner go on. To be called under the mutex. */
export function recoverReclaim(window: Window, os: Os): void {
  const m = window.words;
  const first = m[Control.reclaiming]!;
  if (first === 0) return;
  for (let index = 0; index < m[Control.heaps]!; index++) {
    const record = recordOf(m, index);
    if (record !== 0 && m[record + Rec.merging] !== 0) recoverMerge(window, record);
  }
  // The owner reads the word plainly: without a barrier it might see that it is 0, and headers as they were before.
  os.barrier();
  window.atomicStore(first + Rec.reclaiming, 0);
  m[Control.reclaiming] = 0;
}

/** Coalesces and purges what others freed of a heap; returns how many more pages of it are given back than before. */
function reclaimFrom(window: Window, os: Os, hooks: Hooks, record: number): number {
  const m = window.words;
  let pages = 0;
  const isMade = kindOf(m, m[record + Rec.entry]!) !== Kind.thread;
  for (const b of isMade ? coalesceMarked(window, os, hooks, record) : coalesce(window, hooks, record)) {
    const size = sizeOf(m, b);
    if (size < LEAST_RUN || innerPages(b, size, os.pageSize) === 0) continue;
    const start = innerStart(b, os.pageSize);
    const bytes = innerEnd(b, size, os.pageSize) - start;
    if (!discardPages(window, os, window.base + start, bytes)) continue;
    pages += bytes / os.pageSize;
    hooks.trace?.("purge", window.base + start, bytes);
  }
  const more = pages - m[record + Rec.reclaimedPages]!;
  notePeak(window);
  m[record + Rec.reclaimedPages] = pages; // of all blocks there: those that were purged before are among them
  return Math.max(0, more);
}

/** Coalesces neighbours in an inbox; the blocks that it holds then. From the last one in memory down, each with the one below. */
function coalesce(window: Window, hooks: Hooks, record: number): Block[] {
  const m = window.words;
  const list = blocksOf(window, record);
  const count = list.length;
  // Loops, not from() with a function or a remainder, take a third of the time; there may be millions.
  const keys = new Float64Array(count);
  const before = new Int32Array(count);
  const after = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    keys[i] = list[i]! * MOST_BLOCKS + i;
    before[i] = i - 1;
    after[i] = i + 1;
  }
  keys.sort();
  const end = count === 0 ? 0 : m[list[count - 1]! + LINK]!;
  for (let at = count - 1; at > 0; at--) {
    const b = blockOf(keys[at]!);
    const below = blockOf(keys[at - 1]!);
    const i = keys[at]! - b * MOST_BLOCKS;
    if (i === 0 || !areNeighbours(m, below, b)) continue;
    const previous = before[i]!;
    const next = after[i]!;
    note(m, record, b, below, 1);
    m[list[previous]! + LINK] = next < count ? list[next]! : end; // out of the list
    after[previous] = next;
    if (next < count) before[next] = previous;
    merge(m, record);
    after[i] = MERGED;
    hooks.trace?.("coalesce forward", window.pointerOf(below), sizeOf(m, below));
  }
  return list.filter((_, i) => after[i] !== MERGED);
}

function blockOf(key: number): Block {
  return Math.floor(key / MOST_BLOCKS) as Block;
}

/** Coalesces marked neighbours in the segments of a made heap; the blocks that it has then. They are in no list. */
function coalesceMarked(window: Window, os: Os, hooks: Hooks, record: number): Block[] {
  const m = window.words;
  const secret = m[Control.secret]!;
  const seen = markedBlocks(m, record);
  // Whoever set a mark beside the owner's own free, in a wrong program, takes it back; and stores of the owner's are visible then.
  os.barrier();
  const marked = seen.filter((b) => isMarkedBlock(m, b, record, secret));
  const left: Block[] = [];
  for (let i = marked.length - 1; i >= 0; i--) {
    const [b, below] = [marked[i]!, marked[i - 1]];
    if (below === undefined || !areNeighbours(m, below, b)) {
      left.push(b);
      continue;
    }
    note(m, record, b, below, 0);
    mergeMarked(window, record);
    hooks.trace?.("coalesce forward", window.pointerOf(below), sizeOf(m, below));
  }
  return left;
}

/** In memory order. An invalid size ends the walk of its segment. */
function markedBlocks(m: Int32Array, record: number): Block[] {
  const secret = m[Control.secret]!;
  const found: Block[] = [];
  for (let id = 0; id < m[Control.segments]!; id++) {
    if (segmentOwner(m, id) !== record) continue;
    const end = id === m[record + Rec.segment] ? m[record + Rec.top]! : segmentEnd(m, id);
    for (let b = segmentStart(m, id) as Block; b < end; b = nextOf(m, b)) {
      if (sizeOf(m, b) < MIN_BLOCK || nextOf(m, b) > end) break;
      if (isMarkedBlock(m, b, record, secret)) found.push(b);
    }
  }
  return found;
}

function areNeighbours(m: Int32Array, below: Block, b: Block): boolean {
  return nextOf(m, below) === b && sizeOf(m, below) + sizeOf(m, b) <= MAX_BLOCK;
}

function blocksOf(window: Window, record: number): Block[] {
  const m = window.words;
  const secret = m[Control.secret]!;
  const found: Block[] = [];
  let b = window.atomicLoad(record + Rec.inbox); // orders the links after it
  while (found.length < MOST_BLOCKS && isMarkedBlock(m, b, record, secret)) {
    found.push(b as Block);
    b = m[b + LINK]!;
  }
  return found;
}

/** Notes that `b`, of so many that are in a list, is about to be coalesced with the block below. Its own word last: by it the note is valid. */
function note(m: Int32Array, record: number, b: Block, below: Block, listed: 0 | 1): void {
  m[record + Rec.mergingInto] = below;
  m[record + Rec.mergingMark] = markAt(m, below, m[Control.secret]!);
  m[record + Rec.mergingBlocks] = m[record + Rec.blocks]! - 1;
  m[record + Rec.mergingReceived] = m[record + Rec.receivedBlocks]! + listed; // as a block it never comes back
  m[record + Rec.merging] = b;
}

/** Coalesces the block that was noted, which is in no list any more. May be done again after a death. */
function merge(m: Int32Array, record: number): void {
  const b = m[record + Rec.merging]! as Block;
  const below = m[record + Rec.mergingInto]! as Block;
  const flag = m[below]! & PREVIOUS_FREE;
  const size = (b - below) * WORD_BYTES + sizeOf(m, b);
  m[below] = size | flag;
  m[below + 1] = checksumOf(below, size, m[Control.secret]!) ^ m[record + Rec.mergingMark]!;
  clearChecksum(m, b);
  m[record + Rec.blocks] = m[record + Rec.mergingBlocks]!;
  m[record + Rec.receivedBlocks] = m[record + Rec.mergingReceived]!;
  m[record + Rec.merging] = 0;
}

/** A thread that dies before it has counted the mark leaves one block too many in stats(). */
function mergeMarked(window: Window, record: number): void {
  merge(window.words, record);
  window.add(record + Rec.markedBlocks, -1);
}

/** A thread died after note(): the block is in the list still, and stays there, or it is out of it, or there is none. */
function recoverMerge(window: Window, record: number): void {
  const m = window.words;
  if (kindOf(m, m[record + Rec.entry]!) !== Kind.thread) mergeMarked(window, record);
  else if (listContains(window, record, m[record + Rec.merging]!, m[Control.secret]!))
    m[record + Rec.merging] = 0;
  else merge(m, record);
}
