/**
 * Blocks of regions, encoded: one by one if there are not too many, else added up in cells.
 *
 * Owns the choice. The encoding is in saved.ts.
 */
import type { LayoutRegion, LayoutState } from "../../index.js";
import { Bytes, STATES } from "./saved.js";

const UNIT_BYTES = 16;
const STATE_COUNT = STATES.length;
const PURGED = STATES.indexOf("purged");
/** Cells of all regions together, about. */
const CELLS = 2 ** 15;

/** Writes down blocks one by one, runs of blocks that are alike as one, until there are too many. */
export class Runs {
  readonly #pageSize: number;
  readonly #encoded: Bytes[] = [];
  #bytes = new Bytes();
  #left: number;
  #code = -1;
  #count = 0;

  constructor(pageSize: number, most: number) {
    this.#pageSize = pageSize;
    this.#left = most;
  }

  begin(): void {
    this.#write();
    this.#bytes = new Bytes();
    this.#encoded.push(this.#bytes);
  }

  add(bytes: number, state: LayoutState, purged: number): void {
    if (this.#left < 0) return;
    const number = purged > 0 ? PURGED : STATES.indexOf(state);
    const code = Math.ceil(bytes / UNIT_BYTES) * UNIT_BYTES + number * 2; // units · 16
    if (code === this.#code && purged === 0) {
      this.#count++;
      return;
    }
    this.#write();
    this.#code = code;
    this.#count = 1;
    if (purged === 0) return;
    this.#write();
    this.#bytes.number(purged / this.#pageSize);
  }

  /** What was written down, for each region; null if there were too many. */
  end(): string[] | null {
    this.#write();
    return this.#left < 0 ? null : this.#encoded.map((bytes) => bytes.base64());
  }

  #write(): void {
    if (this.#code < 0) return;
    this.#bytes.number(this.#code + (this.#count > 1 ? 1 : 0));
    if (this.#count > 1) this.#bytes.number(this.#count);
    this.#code = -1;
    this.#left--;
  }
}

/** Bytes of a cell, so that there are some ten thousand: a power of two, a page at least. */
export function cellBytesFor(regions: readonly LayoutRegion[], pageSize: number): number {
  const all = regions.reduce((sum, { kind, first, top }) => sum + (kind === "segment" ? top - first : 0), 0);
  return Math.max(pageSize, 2 ** Math.ceil(Math.log2(all / CELLS + 1)));
}

/** What lies in each cell of the regions. */
export function blocksInCells(regions: readonly LayoutRegion[], cellBytes: number): string[] {
  return regions.map((region) => (region.kind === "segment" ? cellsOf(region, cellBytes) : ""));
}

function cellsOf(region: LayoutRegion, cellBytes: number): string {
  const cells = Math.ceil((region.top - region.first) / cellBytes);
  const blocks = new Uint32Array(cells);
  const bytesOf = new Float64Array(cells * STATE_COUNT);
  region.blocks((address, bytes, state, purged) => {
    const from = address - region.first;
    const first = Math.floor(from / cellBytes);
    const number = STATES.indexOf(state);
    blocks[first]!++;
    for (let cell = first; cell * cellBytes < from + bytes; cell++) {
      const part = Math.min(from + bytes, (cell + 1) * cellBytes) - Math.max(from, cell * cellBytes);
      const given = (part * purged) / bytes;
      bytesOf[cell * STATE_COUNT + number]! += part - given;
      bytesOf[cell * STATE_COUNT + PURGED]! += given;
    }
  });
  const encoded = new Bytes();
  for (let cell = 0; cell < cells; cell++) {
    encoded.number(blocks[cell]!);
    for (let state = 0; state < STATE_COUNT; state++) {
      encoded.number(Math.round(bytesOf[cell * STATE_COUNT + state]! / UNIT_BYTES));
    }
  }
  return encoded.base64();
}
