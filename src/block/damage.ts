/**
 * Errors for overwritten headers and links: which block was overwritten, and probably by a write past the end of which.
 *
 * Owns that search and the wording. A write past the end of a block overwrites the header above it, so the block below an
 * overwritten header is named. A walk from the start of the segment finds it, about 10 ns a block. Changes nothing, and reads only
 * segments, which are mapped. While another thread changes a segment, the result may be wrong.
 */

import { corrupt, hex } from "../errors.js";
import { Control, isOwned, ownerOfWord, segmentEnd, segmentOwner, segmentStart } from "../memory/control.js";
import { type Block, HEADER_BYTES, WORD_BYTES } from "../memory/memory.js";
import { FENCE_BYTES, isCached, isFree, isIntact, linkOf, MIN_BLOCK, nextOf, sizeOf } from "./block.js";

const NEXT = 2;
const PREVIOUS = 3;
const AFTER_FREE = "look for what uses it after it was freed";

/** The result of a walk to a block. */
export interface WalkResult {
  /** The first block whose header was overwritten, up to the one looked for; 0 for none. */
  readonly broken: Block;
  /** The block below that one. If none is broken: the block that contains, or ends at, what was looked for. 0 for none. */
  readonly below: Block;
}

/** Walks from the start of the segment to `b`, which lies below the wilderness. */
export function walkTo(m: Int32Array, b: Block): WalkResult {
  let below = 0 as Block;
  const broken = walkSegment(m, segmentOf(m, b), b + 1, (at) => {
    if (at !== b) below = at;
    return true;
  });
  return { broken, below };
}

/** The segment among whose blocks a word lies; -1 for none. */
export function segmentOf(m: Int32Array, word: number): number {
  for (let id = m[Control.segments]! - 1; id >= 0; id--) {
    if (word >= segmentStart(m, id) && word < segmentEnd(m, id)) return id;
  }
  return -1;
}

function segmentsOf(m: Int32Array, record: number): number[] {
  const all = Array.from({ length: m[Control.segments]! }, (_, id) => id);
  return all.filter((id) => segmentOwner(m, id) === record);
}

/**
 * Visits the blocks of a segment up to word `until`, while `visit` returns true. Ends at the first overwritten header and
 * returns it; 0 for none.
 */
function walkSegment(m: Int32Array, id: number, until: number, visit: (b: Block) => boolean): Block {
  if (id < 0) return 0 as Block;
  const end = segmentEnd(m, id);
  for (let b = segmentStart(m, id) as Block; b < until; b = nextOf(m, b)) {
    if (ownerOfWord(m, b) === 0) break; // another thread's, which was vacated meanwhile
    const size = sizeOf(m, b);
    if (!isIntact(m, b, m[Control.secret]!)) return b;
    if (size === FENCE_BYTES) break;
    if (size < MIN_BLOCK || b + (size >>> 2) > end) return b;
    if (!visit(b)) break;
  }
  return 0 as Block;
}

/** The address of a block's payload, in hexadecimal. */
export function addressOf(m: Int32Array, b: number): string {
  const base = (m[Control.baseHigh]! >>> 0) * 2 ** 32 + (m[Control.baseLow]! >>> 0);
  return hex(base + b * WORD_BYTES + HEADER_BYTES);
}

/** A block as messages name it: address, usable bytes, and whether it is in use. */
export function named(m: Int32Array, b: Block): string {
  if (ownerOfWord(m, b) === 0) return `${addressOf(m, b)} (given up meanwhile)`; // it was another thread's
  const size = sizeOf(m, b);
  const state = isFree(m, b) || isCached(m, b) ? "freed" : "in use";
  return `${addressOf(m, b)} (${size - HEADER_BYTES} bytes, ${state})`;
}

/** For an overwritten header, at `b` or below it. `whose`: what to say of its heap. */
export function headerOverwritten(m: Int32Array, b: Block, whose = ""): Error {
  const { broken, below } = walkTo(m, b);
  const overwritten = broken === 0 ? b : broken;
  return corrupt(
    `the header of the block at ${addressOf(m, overwritten)}${whose} was overwritten`,
    culprit(m, below),
  );
}

/** What to look for when the header above `below` was overwritten. */
export function culprit(m: Int32Array, below: Block): string {
  if (below === 0) return "no block lies below it; look for what writes in front of it";
  return `the block below it, at ${named(m, below)}, ends there; look for what writes past its end`;
}

/** For a block with PREVIOUS_FREE whose footer below leads to no free block. */
export function belowOverwritten(m: Int32Array, b: Block): Error {
  const { broken, below } = walkTo(m, b);
  return broken === 0 && below !== 0 && isFree(m, below)
    ? freeOverwritten(m, below)
    : headerOverwritten(m, b);
}

/** For a free block whose links or footer were overwritten. */
export function freeOverwritten(m: Int32Array, b: Block): Error {
  return corrupt(`the free block at ${named(m, b)} was written to`, AFTER_FREE);
}

/** For a free block whose links do not lead back to it: its own were overwritten, or its neighbours' in the list. */
export function linksOverwritten(m: Int32Array, b: Block, record: number): Error {
  const isSound = (other: number) =>
    isOwned(m, other, record) && isFree(m, other as Block) && isIntact(m, other as Block, m[Control.secret]!);
  if (!isSound(b)) return listOverwritten(m, b, record);
  const [next, previous] = [m[b + NEXT]!, m[b + PREVIOUS]!];
  if (isSound(next) && m[next + PREVIOUS] !== b) return freeOverwritten(m, next as Block);
  if (isSound(previous) && m[previous + NEXT] !== b) return freeOverwritten(m, previous as Block);
  return freeOverwritten(m, b);
}

/** For a list of freed blocks that leads to `b`, where no block of that list is. */
export function listOverwritten(m: Int32Array, b: number, record: number): Error {
  const broken = brokenUpTo(m, b, record);
  if (broken !== 0) return headerOverwritten(m, broken);
  const from = leadsTo(m, b, record);
  if (from === 0) return corrupt(`a list of freed blocks leads to ${addressOf(m, b)}, where none begins`);
  return isFree(m, from) ? freeOverwritten(m, from) : linkOverwritten(m, from);
}

/** The first overwritten header up to `b`, which may be any number; 0 for none. */
function brokenUpTo(m: Int32Array, b: number, record: number): Block {
  return isOwned(m, b, record) && (b & 3) === 2 ? walkTo(m, b as Block).broken : (0 as Block);
}

/** For a cached block, whose link is in its header. */
function linkOverwritten(m: Int32Array, b: Block): Error {
  const { below } = walkTo(m, b);
  return corrupt(`the header of the freed block at ${named(m, b)} was overwritten`, culprit(m, below));
}

/** The freed block of a heap that has a link to `b`; 0 for none. */
function leadsTo(m: Int32Array, b: number, record: number): Block {
  let found = 0 as Block;
  for (const id of segmentsOf(m, record)) {
    walkSegment(m, id, segmentEnd(m, id), (at) => {
      if (
        isFree(m, at) ? m[at + NEXT] === b || m[at + PREVIOUS] === b : isCached(m, at) && linkOf(m, at) === b
      )
        found = at;
      return found === 0;
    });
  }
  return found;
}

/** For a block that another thread freed and that is none when it is taken back. */
export function returnedOverwritten(m: Int32Array, b: number, record: number): Error {
  const broken = brokenUpTo(m, b, record);
  if (broken !== 0) return headerOverwritten(m, broken);
  return corrupt(
    `a block that another thread freed was written to: it leads to ${addressOf(m, b)}, where none begins`,
    AFTER_FREE,
  );
}

/** The first overwritten header of a heap; 0 for none. `top`: where the wilderness of its active segment begins. */
export function firstOverwritten(m: Int32Array, record: number, top: number): Block {
  for (const id of segmentsOf(m, record)) {
    const isActive = top >= segmentStart(m, id) && top <= segmentEnd(m, id);
    const broken = walkSegment(m, id, isActive ? top : segmentEnd(m, id), () => true);
    if (broken !== 0) return broken;
  }
  return 0 as Block;
}
