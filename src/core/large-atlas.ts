/**
 * Where large blocks lie: their headers, and the way from a pointer to the entry in the table of mappings.
 *
 * Owns the picture of a large block. Its callers hold the lock. Must not know system calls, or when a block changes.
 *
 *   | mapping start … | header (8 bytes) | payload … to the end of the mapping |
 *
 *   word 0   pages of the mapping · 16 | 1     (bit 0: mapped)
 *   word 1   check word: pages ^ (payload's byte offset / 16, low 32 bits) ^ secret
 *
 * The mapping starts on the page that holds the header; so for alignments of a page or more one page goes in front
 * of the payload. A pointer is looked up in the table before anything at it is read: a wild one never faults.
 */
import { Control } from "./control.js";
import { FREED, MappingTable, UNKNOWN } from "./mappings.js";
import { HEADER_BYTES, type Pointer, type Window } from "./memory.js";

const MAPPED = 1;

/** Of all large blocks: how many, the pages of their mappings, and bytes / 16 in front of their payloads. */
export interface LargeCounts {
  readonly blocks: number;
  readonly pages: number;
  readonly front: number;
}

export class LargeAtlas {
  readonly #window: Window;
  readonly #m: Int32Array;
  readonly #pageSize: number;
  readonly table: MappingTable;

  constructor(window: Window) {
    this.#window = window;
    this.#m = window.words;
    this.#pageSize = this.#m[Control.pageSize]!;
    this.table = new MappingTable(window.words);
  }

  census(): LargeCounts & { unsealed: number } {
    const counts = { blocks: 0, pages: 0, front: 0, unsealed: 0 };
    for (const entry of this.table.live()) {
      const start = this.start(entry);
      const pointer = this.payloadIn(start, this.table.pages(entry) * this.#pageSize);
      counts.blocks++;
      counts.pages += this.table.pages(entry);
      if (pointer === 0) counts.unsealed = start;
      else counts.front += (pointer - start) / 16;
    }
    return counts;
  }

  /** The table's entry for a payload; UNKNOWN or FREED when it is not a live large block's. */
  find(pointer: number): number {
    const offset = pointer - this.#window.base - HEADER_BYTES;
    if (!(offset >= 0 && offset < this.#window.span) || pointer % 16 !== 0) return UNKNOWN;
    const entry = this.table.lookUp(Math.floor(offset / this.#pageSize));
    if (entry < 0) return UNKNOWN;
    const pages = this.table.pages(entry);
    if (pages === 0) return FREED;
    const header = pointer - HEADER_BYTES;
    const sealed =
      this.#window.load(header) === ((pages << 4) | MAPPED) &&
      this.#window.load(header + 4) === this.#check(pointer, pages);
    return sealed ? entry : UNKNOWN;
  }

  payloadIn(start: number, bytes: number): Pointer {
    for (let inFront = 16; inFront <= this.#pageSize; inFront *= 2) {
      if (inFront < bytes && this.find(start + inFront) >= 0) return (start + inFront) as Pointer;
    }
    return 0 as Pointer;
  }

  usable(entry: number, pointer: number): number {
    return this.start(entry) + this.table.pages(entry) * this.#pageSize - pointer;
  }

  writeHeader(pointer: number, pages: number): void {
    this.#window.store(pointer - HEADER_BYTES + 4, this.#check(pointer, pages));
    this.#window.store(pointer - HEADER_BYTES, (pages << 4) | MAPPED);
  }

  #check(pointer: number, pages: number): number {
    return pages ^ ((pointer - this.#window.base) / 16) ^ this.#m[Control.secret]!;
  }

  pageOf(address: number): number {
    return this.#window.pageOf(address, this.#pageSize);
  }

  start(entry: number): number {
    return this.#window.base + this.table.page(entry) * this.#pageSize;
  }
}
