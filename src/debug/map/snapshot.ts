/**
 * Takes a snapshot: the layout and the figures of one moment, as plain data.
 *
 * Must not know the page.
 */
import { type LayoutRegion, layout, type Pointer, stats } from "../../index.js";
import { blocksInCells, cellBytesFor, Runs } from "./blocks.js";
import { Bytes, type HeapSnapshot } from "./saved.js";
import { footprintParts, Sums } from "./sums.js";

/** With more runs of blocks that are alike, they are added up: two bytes each or more would go into the page. */
const MOST_RUNS = 1_000_000;
/** Of so many blocks at most stack and age are kept. */
const MOST_KNOWN = 250_000;
const UNIT_BYTES = 16;
const HEADER_BYTES = 8;

/** What may be known of a live block. */
export interface BlockOrigin {
  /** The stack that allocated it, a line for each call. */
  readonly stack?: string | undefined;
  /** How long it has been live, in milliseconds. */
  readonly ageMs?: number | undefined;
}

/** Tells what is known of the live block at `pointer`. Must not allocate from the heap. */
export type OriginLookup = (pointer: Pointer) => BlockOrigin | undefined;

export function takeSnapshot(label: string, lookup: OriginLookup | null): HeapSnapshot {
  const { waiting: _, ...figures } = stats();
  const { regions, heaps, pageSize } = layout();
  const sums = new Sums();
  const runs = new Runs(pageSize, MOST_RUNS);
  for (const region of regions) {
    sums.begin(region);
    runs.begin();
    const isSegment = region.kind === "segment"; // in a mapping there is one block, from `first` to `top`
    region.blocks((_, bytes, state, purged) => {
      sums.add(bytes, state, purged);
      if (isSegment) runs.add(bytes, state, purged);
    });
  }
  const single = runs.end();
  const cellBytes = single === null ? cellBytesFor(regions, pageSize) : 0;
  const blocks = single ?? blocksInCells(regions, cellBytes);
  return {
    label,
    time: Date.now(),
    pid: process.pid,
    node: process.version,
    pageSize,
    stats: figures,
    heaps,
    regions: regions.map(({ kind, heap, address, first, top, touched, end }, index) => {
      return { kind, heap, address, first, top, touched, end, blocks: blocks[index]! };
    }),
    cellBytes,
    footprint: footprintParts(figures, regions, sums),
    sizes: sums.sizes(),
    largestFree: sums.largestFree,
    ...(lookup === null || cellBytes > 0 ? { stacks: [], known: "" } : origins(regions, lookup)),
  };
}

function origins(
  regions: readonly LayoutRegion[],
  lookup: OriginLookup,
): Pick<HeapSnapshot, "stacks" | "known"> {
  const places = new Map<string, number>();
  const known = new Bytes();
  let before = 0;
  let left = MOST_KNOWN;
  const note = (pointer: number, { stack, ageMs }: BlockOrigin) => {
    if (stack !== undefined && !places.has(stack)) places.set(stack, places.size);
    known.number((pointer - before) / UNIT_BYTES);
    known.number(stack === undefined ? 0 : places.get(stack)! + 1);
    known.number(ageMs === undefined ? 0 : Math.max(0, Math.round(ageMs)) + 1);
    before = pointer;
    left--;
  };
  for (const region of regions) {
    region.blocks((address, _, state) => {
      const pointer = address + HEADER_BYTES;
      const origin = state === "live" && left > 0 ? lookup(pointer as Pointer) : undefined;
      if (origin !== undefined) note(pointer, origin);
    });
  }
  return { stacks: [...places.keys()], known: known.base64() };
}
