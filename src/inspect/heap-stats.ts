/**
 * Figures of each heap by itself: what stats() sums up.
 */
import { heap, unusable } from "../api/malloc.js";
import { addHoldings, figuresOf, type HeapStats, noHoldings } from "../heap/holdings.js";
import { Rec } from "../heap/record.js";
import { Control } from "../memory/control.js";
import { footprintOf } from "../shared/account.js";
import { holderOf, Kind, kindOf, nodeThreadOf, recordOf } from "../shared/heaps.js";
import { heapsOf } from "./walk.js";

/** Figures of one heap, or of all blocks with mappings of their own. Sizes are in bytes, as in Stats. */
export interface HeapFigures extends HeapStats {
  /**
   * thread: of a living thread. made: by `new Heap()`. ended: of a thread that ended, or a Heap that did; nobody has adopted it. mapped:
   * all large blocks, which are of no heap.
   */
  kind: "thread" | "made" | "ended" | "mapped";
  /** Node's number of the thread that has it, `threadId`, where it has noted that; -1 for others. */
  thread: number;
  /** The name of a Heap of the calling thread; "" for others. */
  name: string;
  /** Free blocks split, since the process began, also by threads that had the heap before; as are all counts. */
  splits: number;
  /** Free blocks coalesced with a neighbour. */
  merges: number;
  /** Times that pages were purged; of large blocks, mappings unmapped. */
  trims: number;
}

/**
 * The figures of stats() by heap: of each thread, each `Heap`, each ended thread whose heap waits, and of the large blocks. Numbers and
 * short strings alone, so that JSON or the labels of a metric can be made of it as it is. Any thread. The figures of other threads
 * that run are of slightly different moments.
 *
 * @throws HeapError ERR_UNSUPPORTED_PLATFORM where there is no heap
 * @example
 * ```ts
 * import { free, heapStats, malloc, stats } from "heapwright";
 *
 * const block = malloc(1000);
 * const lines = heapStats().map(({ kind, thread, allocated }) => `heap_allocated_bytes{kind="${kind}",thread="${thread}"} ${allocated}`);
 * console.log(lines[0]); // heap_allocated_bytes{kind="thread",thread="0"} 1000
 * console.log(heapStats().reduce((sum, { footprint }) => sum + footprint, 0) === stats().footprint); // true
 * free(block);
 * ```
 */
export function heapStats(): HeapFigures[] {
  if (unusable !== null) throw unusable;
  const m = heap.words;
  const names = new Map(heapsOf(heap).map(({ record, name }) => [record, name ?? ""]));
  const records = Array.from({ length: m[Control.heaps]! }, (_, index) => recordOf(m, index));
  const used = records.filter((record) => record !== 0);
  const threads = numbersOf(used);
  return [...used.map((record) => figuresIn(record, names, threads)), mapped()];
}

/** Node's number of each thread by the kernel's: it is noted with one of its heaps. */
function numbersOf(records: readonly number[]): Map<number, number> {
  const { words: m, wilderness } = heap;
  const numbers = new Map<number, number>();
  for (const record of records) {
    const entry = m[record + Rec.entry]!;
    const number = nodeThreadOf(m, entry);
    if (number >= 0) numbers.set(holderOf(m, wilderness.os.threads, entry), number);
  }
  return numbers;
}

function figuresIn(
  record: number,
  names: ReadonlyMap<number, string>,
  threads: ReadonlyMap<number, number>,
): HeapFigures {
  const { words: m, wilderness } = heap;
  const all = noHoldings();
  addHoldings(all, m, record);
  const entry = m[record + Rec.entry]!;
  const holder = holderOf(m, wilderness.os.threads, entry);
  const { allocated, blocks, ...freed } = figuresOf(all, wilderness.pageSize);
  return {
    kind: holder === 0 ? "ended" : kindOf(m, entry) === Kind.thread ? "thread" : "made",
    thread: holder === 0 ? -1 : (threads.get(holder) ?? -1),
    name: names.get(record) ?? "",
    allocated: Math.max(0, allocated),
    blocks: Math.max(0, blocks),
    ...freed,
    footprint: footprintOf(m, record) * wilderness.pageSize,
    splits: all.splits >>> 0,
    merges: all.merges >>> 0,
    trims: all.trims >>> 0,
  };
}

function mapped(): HeapFigures {
  const { words: m } = heap;
  const pageSize = heap.wilderness.pageSize;
  return {
    kind: "mapped",
    thread: -1,
    name: "",
    allocated: (m[Control.largePages]! - m[Control.largeSlack]!) * pageSize - m[Control.largeFront]! * 16,
    blocks: m[Control.largeCount]!,
    cached: 0,
    free: 0,
    remote: 0,
    footprint: m[Control.largePages]! * pageSize,
    splits: 0,
    merges: 0,
    trims: m[Control.munmaps]! >>> 0,
  };
}
