/**
 * The layout: every segment and every mapping, and the blocks in them, whichever thread's they are.
 *
 * For pictures of the whole. Reads words only, changes nothing, and waits for nobody: of a heap that another thread uses at
 * that moment it tells what the headers say, and stops where they contradict themselves.
 */
import { guarded } from "../api/attached.js";
import { heap, unusable } from "../api/malloc.js";
import {
  FENCE_BYTES,
  isCached,
  isFree,
  isIntact,
  MIN_BLOCK,
  markAt,
  purgedPages,
  sizeOf,
} from "../block/block.js";
import { addHoldings, figuresOf, type HeapStats, noHoldings } from "../heap/holdings.js";
import { Rec } from "../heap/record.js";
import { Control, isOwned } from "../memory/control.js";
import { type Block, HEADER_BYTES, WORD_BYTES } from "../memory/memory.js";
import { footprintOf } from "../shared/account.js";
import { isAlive, Kind, kindOf, nodeThreadOf, recordOf } from "../shared/heaps.js";
import { heapsOf } from "./walk.js";

/** A heap of the process, as layout() tells it. Sizes are in bytes; `allocated` to `remote` are what stats() sums up. */
export interface LayoutHeap extends Readonly<HeapStats> {
  /** Whose it is. thread: the calling thread's. running: another living thread's. ended: nobody's, its thread has ended. */
  readonly owner: "thread" | "running" | "ended";
  /** Node's `threadId` of the thread that has it, or had it last; -1 where that is not known. */
  readonly thread: number;
  /** Whether a program made it, by `new Heap()`. */
  readonly made: boolean;
  /** The name of a Heap of the calling thread. */
  readonly name?: string;
}

/** What a block is to layout(); `fence` is what ends a full segment, `unknown` what could not be read. */
export type LayoutState = "live" | "cached" | "remote" | "free" | "fence" | "unknown";

/**
 * Is called with each block: the address of its header, its bytes with the header, and what of them was given back to the
 * kernel.
 */
export type LayoutVisitor = (address: number, bytes: number, state: LayoutState, purged: number) => void;

/** A segment, or the mapping of a large block. Addresses; `address <= first <= top <= touched <= committed <= end`. */
export interface LayoutRegion {
  /** A range of address space that a heap carves blocks from, or what one large block has for itself. */
  readonly kind: "segment" | "mapping";
  /** Which of the heaps it belongs to, by its place in `heaps`; -1 for a mapping, which belongs to the process. */
  readonly heap: number;
  /** Where it begins. */
  readonly address: number;
  /** Where its first block begins, with its header. */
  readonly first: number;
  /** Where its last block ends: above it lies the wilderness of a segment, or the slack of a mapping. */
  readonly top: number;
  /** From here on nothing was ever touched, or it was given back. */
  readonly touched: number;
  /** From here on nothing is charged. */
  readonly committed: number;
  /** Where it ends. */
  readonly end: number;
  /** Calls `visit` with each block, in the order of memory; they fill it from `first` to `top`. Do not allocate meanwhile. */
  blocks(visit: LayoutVisitor): void;
}

/** What layout() returns. */
export interface Layout {
  /** Bytes per page. */
  readonly pageSize: number;
  /** Heaps of threads, and those that programs made. */
  readonly heaps: readonly LayoutHeap[];
  /** Segments and mappings in the order of memory. */
  readonly regions: readonly LayoutRegion[];
}

/**
 * Where everything lies: all heaps, segments and mappings of the process, with their blocks, those of other running threads
 * included. What a running thread changes meanwhile may be told as it was, as it is, or as `unknown`.
 *
 * @throws HeapError ERR_UNSUPPORTED_PLATFORM where there is no heap
 *
 * @example
 * ```ts
 * import { free, layout, malloc } from "heapwright";
 *
 * const block = malloc(1000);
 * for (const region of layout().regions) {
 *   region.blocks((address, bytes, state) => {
 *     if (address + 8 === block) console.log(region.kind, bytes, state); // segment 1008 live
 *   });
 * }
 * free(block);
 * ```
 */
export function layout(): Layout {
  if (unusable !== null) throw unusable;
  guarded(() => {}); // recovers what was interrupted
  const { words: m } = heap;
  const records = Array.from({ length: m[Control.heaps]! }, (_, index) => recordOf(m, index)).filter(Boolean);
  const own = new Map(heapsOf(heap).map((of) => [of.record, of.name]));
  const regions = [...segments(records), ...mappings()].sort((one, other) => one.address - other.address);
  return { pageSize: m[Control.pageSize]!, heaps: records.map((record) => heapAt(record, own)), regions };
}

function heapAt(record: number, own: ReadonlyMap<number, string | null>): LayoutHeap {
  const { words: m, window, wilderness } = heap;
  const entry = m[record + Rec.entry]!;
  const all = noHoldings();
  addHoldings(all, m, record);
  const pageSize = m[Control.pageSize]!;
  const { remote, ...figures } = figuresOf(
    {
      ...all,
      remoteBlocks: all.remoteBlocks | 0, // its counters wrap around
      remoteUnits: all.remoteUnits | 0,
    },
    pageSize,
  );
  const running = isAlive(window, wilderness.os.threads, entry) ? "running" : "ended";
  const name = own.get(record) ?? null;
  return {
    ...figures,
    remote,
    owner: own.has(record) ? "thread" : running,
    thread: nodeThreadOf(m, entry),
    made: kindOf(m, entry) !== Kind.thread,
    ...(name === null ? {} : { name }),
    footprint: footprintOf(m, record) * pageSize,
  };
}

function segments(records: readonly number[]): LayoutRegion[] {
  const { words: m, window, wilderness } = heap;
  const table = wilderness.segments;
  return table.used().map((id) => {
    const record = table.owner(id);
    const [start, end] = [table.start(id), table.end(id)];
    const within = (word: number, least: number) => Math.min(Math.max(word, least), end);
    const isActive = m[record + Rec.segment] === id;
    const top = isActive ? within(m[record + Rec.top]!, start) : end;
    const committed = isActive ? within(m[record + Rec.commit]!, top) : end;
    const touched = isActive ? Math.min(within(m[record + Rec.high]!, top), committed) : end;
    const at = (word: number) => window.base + word * WORD_BYTES;
    return {
      kind: "segment" as const,
      heap: records.indexOf(record),
      address: at(table.chunkStart(id)),
      first: at(start),
      top: at(top),
      touched: at(touched),
      committed: at(committed),
      end: at(end),
      blocks: (visit: LayoutVisitor) => visitSegment(record, start, top, visit),
    };
  });
}

/** Reads a header only where the heap has the memory still: the segment may have been vacated since layout(). */
function visitSegment(record: number, start: number, top: number, visit: LayoutVisitor): void {
  const { words: m, window, secret } = heap;
  const pageSize = m[Control.pageSize]!;
  for (let b = start as Block; b < top; ) {
    const isThere = isOwned(m, b, record);
    const size = isThere ? sizeOf(m, b) : 0;
    const address = window.base + b * WORD_BYTES;
    const end = b + (size >>> 2);
    const isHeader = isThere && isIntact(m, b, secret);
    if (size < MIN_BLOCK || end > top || !isHeader) {
      const state = size === FENCE_BYTES && isHeader ? "fence" : "unknown"; // a fence's last bytes may be cut off
      visit(address, (top - b) * WORD_BYTES, state, 0);
      return;
    }
    visit(address, size, stateOf(m, b), Math.min(purgedPages(m, b) * pageSize, size));
    b = end as Block;
  }
}

function stateOf(m: Int32Array, b: Block): LayoutState {
  if (isFree(m, b)) return "free";
  if (isCached(m, b)) return "cached";
  return markAt(m, b, heap.secret) === 0 ? "live" : "remote";
}

function mappings(): LayoutRegion[] {
  const found: LayoutRegion[] = [];
  for (const [address, bytes] of guarded(() => heap.large.mappings())) {
    const pointer = guarded(() => heap.large.payloadIn(address, bytes));
    const size = pointer === 0 ? -1 : guarded(() => heap.large.sizeOf(pointer));
    if (size < 0) continue; // freed meanwhile
    const [first, top, end] = [pointer - HEADER_BYTES, pointer + size, address + bytes];
    found.push({
      kind: "mapping",
      heap: -1,
      ...{ address, first, top, touched: end, committed: end, end },
      blocks: (visit) => visit(first, top - first, "live", 0),
    });
  }
  return found;
}
