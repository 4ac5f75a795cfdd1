/**
 * Large blocks: each its own mapping, taken with mmap and given back with munmap when it is freed.
 *
 * Owns the table of mappings, where in the window the next one goes, and the header of a large block. Must not know
 * bins or segments' insides.
 *
 *   | mapping start … | header (8 bytes) | payload … to the end of the mapping |
 *
 *   word 0   pages of the mapping · 16 | 1     (bit 0: mapped)
 *   word 1   check word: pages ^ (payload's byte offset / 16, low 32 bits) ^ secret
 *
 * The mapping starts on the page that holds the header; so for alignments of a page or more one page goes in front
 * of the payload. A pointer is looked up in the table before anything at it is read: a wild one never faults.
 *
 * The table is open addressing over page numbers, neighbours in memory being neighbours in the table, so that few
 * blocks touch few pages of it. A freed entry keeps its page number with 0 pages until it is used again, which is
 * how a second free of an unmapped block is told from a wild pointer.
 */
import { Control, MAPPING_ENTRIES, MAPPINGS } from "./control.js";
import type { Hooks } from "./hooks.js";
import { HEADER_BYTES, type Pointer, roundDown, roundUp, type Window } from "./memory.js";
import type { Os } from "./os.js";
import { findGap } from "./place.js";
import type { Segments } from "./segments.js";

/** "dynamic" raises the threshold up to here, as glibc does on 64-bit. */
const DYNAMIC_MAX = 32 * 1024 * 1024;
const MAX_USED = (MAPPING_ENTRIES * 3) / 4;
const HASH_SHIFT = 5;
const MAPPED = 1;
/** Entry of a pointer that the table does not know, or knew and saw freed. */
export const UNKNOWN = -1;
export const FREED = -2;

export class LargeBlocks {
  readonly #window: Window;
  readonly #m: Int32Array;
  readonly #os: Os;
  readonly #segments: Segments;
  readonly #hooks: Hooks;
  readonly #pageSize: number;
  /** Pages that the heap of this thread has charged and not touched: for an exact peak. */
  readonly #slack: () => number;

  constructor(window: Window, segments: Segments, os: Os, hooks: Hooks, slack: () => number) {
    this.#window = window;
    this.#m = window.words;
    this.#segments = segments;
    this.#os = os;
    this.#hooks = hooks;
    this.#slack = slack;
    this.#pageSize = this.#m[Control.pageSize]!;
  }

  /** A block of zeroes of at least `size` bytes at a multiple of `alignment` (>= 16); 0 when there is no room. */
  allocate(size: number, alignment: number): Pointer {
    const lead = Math.max(alignment, 2 * HEADER_BYTES);
    const inFront = Math.min(lead, this.#pageSize);
    const bytes = roundUp(inFront + size, this.#pageSize);
    const pages = bytes / this.#pageSize;
    if (!this.#roomInTable() || !this.#segments.charge(pages)) return 0 as Pointer;
    const start = this.#place(bytes, lead >= this.#pageSize ? alignment : 0);
    if (start < 0) {
      this.#segments.discharge(pages, pages + this.#slack());
      return 0 as Pointer;
    }
    const pointer = (start + inFront) as Pointer;
    this.#writeHeader(pointer, pages);
    this.#insert(this.#pageOf(start), pages);
    this.#countMapped(pages, inFront);
    this.#hooks.trace?.("mmap", start, bytes);
    return pointer;
  }

  /** The table's entry for a payload; UNKNOWN or FREED when it is not a live large block's. */
  find(pointer: number): number {
    const offset = pointer - this.#window.base - HEADER_BYTES;
    if (!(offset >= 0 && offset < this.#window.span) || pointer % 16 !== 0) return UNKNOWN;
    const entry = this.#lookUp(Math.floor(offset / this.#pageSize));
    if (entry < 0) return UNKNOWN;
    const pages = this.#m[entry + 1]!;
    if (pages === 0) return FREED;
    const header = pointer - HEADER_BYTES;
    const sealed =
      this.#window.load(header) === ((pages << 4) | MAPPED) &&
      this.#window.load(header + 4) === this.#check(pointer, pages);
    return sealed ? entry : UNKNOWN;
  }

  usableSize(entry: number, pointer: Pointer): number {
    return this.#start(entry) + this.#m[entry + 1]! * this.#pageSize - pointer;
  }

  free(entry: number, pointer: Pointer): void {
    const m = this.#m;
    const start = this.#start(entry);
    m[Control.largeFront] = m[Control.largeFront]! - (pointer - start) / 16;
    const pages = m[entry + 1]!;
    const bytes = pages * this.#pageSize;
    this.#os.unmap(start, bytes);
    m[entry + 1] = 0;
    this.#segments.discharge(pages, this.#slack());
    this.#retreat(this.#pageOf(start), pages);
    m[Control.munmaps] = m[Control.munmaps]! + 1;
    m[Control.largeCount] = m[Control.largeCount]! - 1;
    m[Control.largePages] = m[Control.largePages]! - pages;
    if (m[Control.thresholdRises] === 1) this.#raiseThreshold(bytes);
    this.#hooks.trace?.("munmap", start, bytes);
  }

  /** Resizes in place or by moving page tables, never bytes; the new pointer, or 0 with the block untouched. */
  resize(entry: number, pointer: Pointer, size: number): Pointer {
    const start = this.#start(entry);
    const oldPages = this.#m[entry + 1]!;
    const pages = Math.ceil((pointer - start + size) / this.#pageSize);
    if (pages === oldPages) return pointer;
    if (!this.#roomInTable()) return 0 as Pointer;
    if (pages > oldPages && !this.#segments.charge(pages - oldPages)) return 0 as Pointer;
    const moved = this.#remap(start, oldPages, pages);
    if (moved < 0) {
      if (pages > oldPages) {
        const unused = pages - oldPages;
        this.#segments.discharge(unused, unused + this.#slack());
      }
      return 0 as Pointer;
    }
    if (pages < oldPages) this.#segments.discharge(oldPages - pages, this.#slack());
    const target = (moved + (pointer - start)) as Pointer;
    this.#m[this.#lookUp(this.#pageOf(start)) + 1] = 0; // not `entry`: making room may have rebuilt the table
    this.#insert(this.#pageOf(moved), pages);
    this.#writeHeader(target, pages);
    this.#m[Control.mremaps] = this.#m[Control.mremaps]! + 1;
    this.#m[Control.largePages] = this.#m[Control.largePages]! + pages - oldPages;
    this.#hooks.trace?.("mremap", moved, pages * this.#pageSize);
    return target;
  }

  /** The mappings of all live blocks, as [address, bytes], in the order of memory. */
  mappings(): Array<readonly [number, number]> {
    const found: Array<readonly [number, number]> = [];
    for (let entry = MAPPINGS; entry < MAPPINGS + 2 * MAPPING_ENTRIES; entry += 2) {
      const pages = this.#m[entry + 1]!;
      if (pages !== 0) found.push([this.#start(entry), pages * this.#pageSize]);
    }
    return found.sort((one, other) => one[0] - other[0]);
  }

  /** The payload in a mapping of the table: the 16-byte step in its first two pages whose header is sealed; or 0. */
  payloadIn(start: number, bytes: number): Pointer {
    for (let inFront = 16; inFront <= this.#pageSize; inFront *= 2) {
      if (inFront < bytes && this.find(start + inFront) >= 0) return (start + inFront) as Pointer;
    }
    return 0 as Pointer;
  }

  /** The new start of the mapping, or -1. */
  #remap(start: number, oldPages: number, pages: number): number {
    const oldBytes = oldPages * this.#pageSize;
    const bytes = pages * this.#pageSize;
    const page = this.#pageOf(start);
    const fits = page + pages <= this.#m[Control.largeLimit]!;
    if (fits && this.#os.resizeInPlace(start, oldBytes, bytes)) {
      if (page + oldPages === this.#m[Control.largeNext]) this.#m[Control.largeNext] = page + pages;
      return start;
    }
    const target = this.#place(bytes, 0);
    if (target < 0) return -1;
    if (!this.#os.move(start, oldBytes, bytes, target)) {
      this.#os.unmap(target, bytes);
      return -1;
    }
    this.#retreat(page, oldPages);
    return target;
  }

  /** Maps `bytes` at the place that is next; with `alignment`, one page below a multiple of it. -1 when full. */
  #place(bytes: number, alignment: number): number {
    const m = this.#m;
    const { base } = this.#window;
    const pageSize = this.#pageSize;
    const next = base + m[Control.largeNext]! * pageSize;
    const start = alignment === 0 ? next : roundUp(next + pageSize, alignment) - pageSize;
    const gapEnd = base + m[Control.largeGapEnd]! * pageSize;
    if (start + bytes <= gapEnd && this.#os.map(start, bytes) === start) {
      m[Control.largeNext] = this.#pageOf(start + bytes);
      return start;
    }
    const first = base + m[Control.largeFirst]! * pageSize;
    const limit = base + m[Control.largeLimit]! * pageSize;
    const gap = findGap(this.#os.mappings(), first, limit, bytes, alignment, pageSize);
    if (gap === null || this.#os.map(gap.start, bytes) !== gap.start) return -1;
    m[Control.largeNext] = this.#pageOf(gap.start + bytes);
    m[Control.largeGapEnd] = this.#pageOf(gap.end);
    return gap.start;
  }

  /** Memory that was just given back beside the place that is next belongs to its gap again. */
  #retreat(page: number, pages: number): void {
    const m = this.#m;
    if (page + pages === m[Control.largeNext]) m[Control.largeNext] = page;
    else if (page === m[Control.largeGapEnd]) m[Control.largeGapEnd] = page + pages;
  }

  #raiseThreshold(bytes: number): void {
    const m = this.#m;
    if (bytes <= m[Control.mmapThreshold]! || bytes > DYNAMIC_MAX) return;
    m[Control.mmapThreshold] = bytes;
    m[Control.trimPages] = Math.max(m[Control.trimPages]!, (2 * bytes) / this.#pageSize);
  }

  #countMapped(pages: number, inFront: number): void {
    const m = this.#m;
    m[Control.mmaps] = m[Control.mmaps]! + 1;
    m[Control.largeFront] = m[Control.largeFront]! + inFront / 16;
    m[Control.largeCount] = m[Control.largeCount]! + 1;
    m[Control.largePages] = m[Control.largePages]! + pages;
  }

  #writeHeader(pointer: Pointer, pages: number): void {
    this.#window.store(pointer - HEADER_BYTES + 4, this.#check(pointer, pages));
    this.#window.store(pointer - HEADER_BYTES, (pages << 4) | MAPPED);
  }

  #check(pointer: number, pages: number): number {
    return pages ^ ((pointer - this.#window.base) / 16) ^ this.#m[Control.secret]!;
  }

  #pageOf(address: number): number {
    return roundDown(address - this.#window.base, this.#pageSize) / this.#pageSize;
  }

  #start(entry: number): number {
    return this.#window.base + (this.#m[entry]! - 1) * this.#pageSize;
  }

  /** The entry of a page, live or freed; -1 when it has none. Entries hold page + 1: 0 ends a probe. */
  #lookUp(page: number): number {
    const m = this.#m;
    let slot = (page >>> HASH_SHIFT) & (MAPPING_ENTRIES - 1);
    for (let probes = 0; probes < MAPPING_ENTRIES; probes++) {
      const key = m[MAPPINGS + 2 * slot]!;
      if (key === page + 1) return MAPPINGS + 2 * slot;
      if (key === 0) return -1;
      slot = (slot + 1) & (MAPPING_ENTRIES - 1);
    }
    return -1;
  }

  /** Sets the pages first: the entry is live by them, and found by its page. */
  #insert(page: number, pages: number): void {
    const m = this.#m;
    const known = this.#lookUp(page);
    if (known >= 0) {
      m[known + 1] = pages;
      return;
    }
    let slot = (page >>> HASH_SHIFT) & (MAPPING_ENTRIES - 1);
    while (m[MAPPINGS + 2 * slot]! !== 0) slot = (slot + 1) & (MAPPING_ENTRIES - 1);
    m[MAPPINGS + 2 * slot + 1] = pages;
    m[MAPPINGS + 2 * slot] = page + 1;
    m[Control.mappingsUsed] = m[Control.mappingsUsed]! + 1;
  }

  /** Whether another entry fits, after dropping freed ones when the table is crowded. */
  #roomInTable(): boolean {
    const m = this.#m;
    if (m[Control.mappingsUsed]! < MAX_USED) return true;
    if (m[Control.largeCount]! >= MAX_USED) return false;
    const live = this.mappings();
    m.fill(0, MAPPINGS, MAPPINGS + 2 * MAPPING_ENTRIES);
    m[Control.mappingsUsed] = 0;
    for (const [start, bytes] of live) this.#insert(this.#pageOf(start), bytes / this.#pageSize);
    return true;
  }
}
