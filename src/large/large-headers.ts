/**
 * Headers of large blocks, and the search from a pointer to its entry in the table of mappings.
 *
 * Owns the picture of a large block. Callers hold the lock. Must not know system calls, or when a block changes.
 *
 *   | start of the mapping … | slack (8 bytes) | header (8 bytes) | payload … | slack |
 *
 *   slack    how many pages at the end of the mapping are not part of the block yet: it grows into them by realloc.
 *            Most often 0
 *   word 0   pages of the mapping · 16 | 1     (bit 0: mapped)
 *   word 1   checksum: pages ^ (payload's byte offset / 16, low 32 bits) ^ secret
 *
 * The mapping starts on the page of the header, so at alignments of a page or more one page lies in front of the payload.
 * A pointer is looked up in the table before its header is read, so a wild one does not fault.
 */
import { Control, Pending } from "../memory/control.js";
import { HEADER_BYTES, type Pointer, type Window } from "../memory/memory.js";
import { FREED, MappingTable, UNKNOWN } from "./mappings.js";

const MAPPED = 1;

/** All large blocks: how many, pages of their mappings, units of 16 bytes in front of payloads, pages of slack. */
export interface LargeCounts {
  readonly blocks: number;
  readonly pages: number;
  readonly front: number;
  readonly slack: number;
}

export class LargeHeaders {
  readonly #window: Window;
  readonly #m: Int32Array;
  readonly #pageSize: number;
  readonly table: MappingTable;

  constructor(window: Window) {
    this.#window = window;
    this.#m = window.words;
    this.#pageSize = this.#m[Control.pageSize]!;
    this.table = new MappingTable(window);
  }

  /** Counts all large blocks. `overwritten`: the start of a mapping whose header was overwritten; 0 for none. */
  census(): LargeCounts & { overwritten: number } {
    const counts = { blocks: 0, pages: 0, front: 0, slack: 0, overwritten: 0 };
    for (const entry of this.table.live()) {
      const start = this.start(entry);
      const pointer = this.payloadIn(start, this.table.pages(entry) * this.#pageSize);
      counts.blocks++;
      counts.pages += this.table.pages(entry);
      if (pointer === 0) counts.overwritten = start;
      else {
        counts.front += (pointer - start) / 16;
        counts.slack += this.slack(entry, pointer);
      }
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
    if (pages <= 0) return FREED;
    const header = pointer - HEADER_BYTES;
    const intact =
      this.#window.load(header) === ((pages << 4) | MAPPED) &&
      this.#window.load(header + 4) === this.#check(pointer, pages);
    return intact ? entry : UNKNOWN;
  }

  /** The payload in a mapping: the header is looked for where each alignment would have put it. 0 for none. */
  payloadIn(start: number, bytes: number): Pointer {
    for (let inFront = 16; inFront <= this.#pageSize; inFront *= 2) {
      if (inFront < bytes && this.find(start + inFront) >= 0) return (start + inFront) as Pointer;
    }
    return 0 as Pointer;
  }

  /** Usable bytes. */
  usable(entry: number, pointer: number): number {
    const pages = this.table.pages(entry) - this.slack(entry, pointer);
    return this.start(entry) + pages * this.#pageSize - pointer;
  }

  /** Pages of slack; 0 when the word was overwritten by what cannot be. */
  slack(entry: number, pointer: number): number {
    const pages = this.#window.load(pointer - 2 * HEADER_BYTES);
    return pages > 0 && pages < this.table.pages(entry) ? pages : 0;
  }

  writeSlack(pointer: number, pages: number): void {
    this.#window.store(pointer - 2 * HEADER_BYTES, pages);
  }

  /** Changes the slack, and with it the size of the block. */
  setSlack(entry: number, pointer: number, pages: number): void {
    const m = this.#m;
    const change = pages - this.slack(entry, pointer);
    if (change === 0) return;
    m[Control.pending] = Pending.slackChanged;
    m[Control.largeSlack] = m[Control.largeSlack]! + change;
    this.writeSlack(pointer, pages);
    m[Control.pending] = Pending.nothing;
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

  /** The address of the mapping. */
  start(entry: number): number {
    return this.#window.base + this.table.page(entry) * this.#pageSize;
  }
}
