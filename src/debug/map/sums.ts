/**
 * Sums over the layout: where the footprint goes, how large blocks are, what the largest free run is.
 *
 * Must not know how they are shown.
 */
import type { LayoutRegion, LayoutState, Stats } from "../../index.js";
import type { FootprintParts, SizeClass } from "./saved.js";

const HEADER_BYTES = 8;
/** No block has more usable bytes. */
const MOST_LOG2 = 41;

/** Adds up blocks, region by region, in the order of memory. */
export class Sums {
  /** Bytes in front of payloads. */
  headers = 0;
  /** Bytes of free blocks that were given back. */
  purged = 0;
  readonly largestFree = { block: 0, run: 0, wilderness: 0 };
  readonly #live = { blocks: new Float64Array(MOST_LOG2), bytes: new Float64Array(MOST_LOG2) };
  readonly #freed = { blocks: new Float64Array(MOST_LOG2), bytes: new Float64Array(MOST_LOG2) };
  #run = 0;

  begin({ kind, address, first, top, end }: LayoutRegion): void {
    const { largestFree } = this;
    this.#run = 0;
    if (kind === "mapping") this.headers += first - address;
    else largestFree.wilderness = Math.max(largestFree.wilderness, end - top);
  }

  add(bytes: number, state: LayoutState, purged: number): void {
    if (state === "fence" || state === "unknown") {
      this.#run = 0;
      return;
    }
    const usable = bytes - HEADER_BYTES;
    const sums = state === "live" ? this.#live : this.#freed;
    const log2 = Math.ceil(Math.log2(usable));
    sums.blocks[log2]!++;
    sums.bytes[log2]! += usable;
    this.#run = state === "free" || state === "cached" ? this.#run + bytes : 0;
    this.largestFree.run = Math.max(this.largestFree.run, this.#run);
    if (state !== "free") this.headers += HEADER_BYTES;
    else {
      this.purged += purged;
      this.largestFree.block = Math.max(this.largestFree.block, bytes);
    }
  }

  /** From the smallest class that has blocks to the largest. */
  sizes(): SizeClass[] {
    const all = Array.from({ length: MOST_LOG2 }, (_, log2) => ({
      upTo: 2 ** log2,
      liveBlocks: this.#live.blocks[log2]!,
      liveBytes: this.#live.bytes[log2]!,
      freedBlocks: this.#freed.blocks[log2]!,
      freedBytes: this.#freed.bytes[log2]!,
    }));
    const used = all.map(({ liveBlocks, freedBlocks }) => liveBlocks + freedBlocks > 0);
    return used.includes(true) ? all.slice(used.indexOf(true), used.lastIndexOf(true) + 1) : [];
  }
}

/** The parts that add up to the footprint; the last one is what is left. */
export function footprintParts(
  figures: Omit<Stats, "waiting">,
  regions: readonly LayoutRegion[],
  sums: Sums,
): FootprintParts {
  const touched = (of: LayoutRegion) => (of.kind === "segment" ? of.touched - of.top : 0);
  const slack = (of: LayoutRegion) => (of.kind === "mapping" ? of.end - of.top : 0);
  const parts = {
    live: figures.allocated,
    headers: sums.headers,
    cached: figures.cached,
    remote: figures.remote,
    free: Math.max(0, figures.free - sums.purged),
    wilderness: regions.reduce((sum, region) => sum + touched(region), 0),
    slack: regions.reduce((sum, region) => sum + slack(region), 0),
  };
  const known = Object.values(parts).reduce((sum, part) => sum + part, 0);
  return { ...parts, bookkeeping: Math.max(0, figures.footprint - known) };
}
