/**
 * The sweep: rebuilds bins from headers, joining everything free on the way.
 *
 * Owns one walk in the order of memory over a heap's segments. It trusts size words alone: what was cached or binned,
 * flags of neighbours, footers and links are all made again. Joining a large cache so costs 3 to 5 ns a block where
 * joining block by block, in the order in which they were freed, cost 25: each of those misses the cache of the
 * processor twice and moves a run from bin to bin.
 */
import { corrupt, hex } from "../errors.js";
import { initializeBins } from "./bins.js";
import {
  FENCE_BYTES,
  gonePages,
  isCached,
  isFree,
  isPreviousFree,
  isSealed,
  markPreviousFree,
  markPreviousLive,
  nextOf,
  sizeOf,
  writeFree,
} from "./block.js";
import { type Block, WORD_BYTES } from "./memory.js";
import { binsOf, Rec } from "./record.js";
import type { Store } from "./store.js";

/** Words of the record that are made again with the bins. */
const RECOUNTED = [
  Rec.freeBlocks,
  Rec.freeUnits,
  Rec.gonePages,
  Rec.spilledUnits,
  Rec.spilledBlocks,
] as const;

/**
 * Joins all free and cached blocks of the heap. The caller has verified the headers, and emptied the cache's stacks
 * and lists.
 */
export function sweep(store: Store): void {
  const { words: m } = store.window;
  const { record } = store;
  initializeBins(m, binsOf(record));
  for (const word of RECOUNTED) m[record + word] = 0;
  for (const id of store.ownSegments()) sweepSegment(store, id);
}

/** Throws ERR_HEAP_CORRUPT when a sweep would meet an overwritten header: before anything is changed. */
export function verifyHeaders(store: Store): void {
  const { words: m } = store.window;
  const { segments } = store;
  const { secret } = store.runs;
  for (const id of store.ownSegments()) {
    const end = store.endOf(id);
    for (let b = segments.start(id) as Block; b < end; b = (b + (sizeOf(m, b) >>> 2)) as Block) {
      if (!isSealed(m, b, secret)) {
        throw corrupt(`the header of the block at ${hex(store.window.pointerOf(b))} was overwritten`);
      }
      if (sizeOf(m, b) === FENCE_BYTES) break;
    }
  }
}

function sweepSegment(store: Store, id: number): void {
  const end = store.endOf(id);
  const run = joinRuns(store, store.segments.start(id) as Block, end);
  if (run !== 0) closeLast(store, id, run, end);
}

/**
 * Joins the free runs between `first` and `end`, and returns the first block of the one that reaches up to the end, or 0.
 * The loop is a function of its own: what came after it in the same one V8 compiled without having seen it run, and threw
 * the code away with every sweep.
 */
function joinRuns(store: Store, first: Block, end: number): Block {
  const { words: m } = store.window;
  let run = 0 as Block; // first block of the free run that the walk is in; 0 outside
  let joined = 0;
  let b = first;
  for (let size = 0; b < end; b = (b + (size >>> 2)) as Block) {
    size = sizeOf(m, b);
    if (size === FENCE_BYTES) break;
    if (isFree(m, b) || isCached(m, b)) {
      if (run === 0) run = b;
      joined++;
    } else if (run !== 0) {
      closeRun(store, run, b, joined);
      run = 0 as Block;
      joined = 0;
    } else if (isPreviousFree(m, b)) {
      markPreviousLive(m, b);
    }
  }
  return run;
}

/** The run that ends at the top, or at the fence: the wilderness begins with it, or it becomes one free block. */
function closeLast(store: Store, id: number, run: Block, end: number): void {
  const { words: m } = store.window;
  const above = fenceAbove(m, run, end);
  const joined = blocksBetween(m, run, above);
  if (m[store.record + Rec.segment] === id) store.retreat(run, joined, goneIn(store, run, above));
  else closeRun(store, run, above, joined);
}

/** The fence above a block; `end` when there is none. */
function fenceAbove(m: Int32Array, from: Block, end: number): Block {
  let b = from;
  while (b < end && sizeOf(m, b) !== FENCE_BYTES) b = nextOf(m, b);
  return b;
}

function blocksBetween(m: Int32Array, from: Block, to: Block): number {
  let blocks = 0;
  for (let b = from; b < to; b = nextOf(m, b)) blocks++;
  return blocks;
}

/** Makes one free block of the `joined` blocks from `run` up to `above`. */
function closeRun(store: Store, run: Block, above: Block, joined: number): void {
  const { words: m } = store.window;
  const size = (above - run) * WORD_BYTES;
  const gone = goneIn(store, run, above);
  writeFree(m, run, size, store.runs.secret);
  markPreviousFree(m, above);
  store.runs.put(run, size);
  if (gone > 0) store.runs.setGone(run, gone);
  if (joined === 1) return;
  store.countJoined(joined - 1);
  store.loosen(size);
}

/** Pages given back in the free blocks from `run` up to `above`. */
function goneIn(store: Store, run: Block, above: Block): number {
  const { words: m } = store.window;
  let pages = 0;
  for (let b = run; b < above; b = (b + (sizeOf(m, b) >>> 2)) as Block) {
    pages += gonePages(m, b);
  }
  return pages;
}
