/**
 * The table of large blocks, by the page that their mapping starts on.
 *
 * Owns the hash table in the control block. Must not know what a page holds, or locks: its callers hold the lock.
 *
 *   entry + 0   page + 1; 0 ends a probe
 *         + 1   pages of the mapping; 0: it was freed
 *
 * The table is open addressing over page numbers, neighbours in memory being neighbours in the table, so that few
 * blocks touch few pages of it. By the threshold in force when the process began each of them has a place of its own: with
 * one for every 32 pages, and mappings of two, tens of thousands stood in one row that each search went along. A freed
 * entry keeps its page number with 0 pages until it is used again, which is how a second free of an unmapped block is
 * told from a wild pointer.
 *
 * There are two tables, one of them in use. When freed entries crowd it, the live ones are copied into the other, and
 * one store makes that the one in use.
 */
import { Control, MAPPING_ENTRIES, MAPPING_WORDS, MAPPINGS } from "./control.js";

/** The most that the table takes. */
export const MAX_MAPPINGS = (MAPPING_ENTRIES * 3) / 4;
/** What lies between two mappings by the default threshold; more is no gain, for blocks may shrink. */
const MOST_SHIFT = 5;
const SLOT_MASK = MAPPING_ENTRIES - 1;
/** Entry of a pointer that the table does not know, or knew and saw freed. */
export const UNKNOWN = -1;
export const FREED = -2;

/** The shift that makes places for mappings of more than `bytes`. */
export function shiftFor(bytes: number, pageSize: number): number {
  return Math.min(MOST_SHIFT, Math.floor(Math.log2(Math.ceil((bytes + 1) / pageSize))));
}

export class MappingTable {
  readonly #m: Int32Array;

  constructor(m: Int32Array) {
    this.#m = m;
  }

  page(entry: number): number {
    return this.#m[entry]! - 1;
  }

  pages(entry: number): number {
    return this.#m[entry + 1]!;
  }

  setPages(entry: number, pages: number): void {
    this.#m[entry + 1] = pages;
  }

  /** The entries of live blocks. */
  live(): number[] {
    const found: number[] = [];
    const first = this.#m[Control.mappings]!;
    for (let entry = first; entry < first + MAPPING_WORDS; entry += 2) {
      if (this.#m[entry] !== 0 && this.pages(entry) !== 0) found.push(entry);
    }
    return found;
  }

  /** Whether one live block has all pages from `first` to below `end`. */
  covers(first: number, end: number): boolean {
    const start = this.#m[Control.mappings]!;
    for (let entry = start; entry < start + MAPPING_WORDS; entry += 2) {
      const page = this.page(entry); // of an entry that was never used -1, with no pages
      if (page <= first && end <= page + this.pages(entry)) return true;
    }
    return false;
  }

  /** The entry of a page, live or freed; -1 when it has none. */
  lookUp(page: number): number {
    const m = this.#m;
    const table = m[Control.mappings]!;
    let slot = (page >>> m[Control.mappingsShift]!) & SLOT_MASK;
    for (let probes = 0; probes < MAPPING_ENTRIES; probes++) {
      const key = m[table + 2 * slot]!;
      if (key === page + 1) return table + 2 * slot;
      if (key === 0) return -1;
      slot = (slot + 1) & SLOT_MASK;
    }
    return -1;
  }

  /** Sets the pages first: the entry is live by them, and found by its page. */
  insert(page: number, pages: number): void {
    const known = this.lookUp(page);
    if (known >= 0) this.setPages(known, pages);
    else if (this.#put(this.#m[Control.mappings]!, page, pages)) {
      this.#m[Control.mappingsUsed] = this.#m[Control.mappingsUsed]! + 1;
    }
  }

  /** Counts the entries that are used, after a death that may have come between an entry and its count. */
  recount(): void {
    const m = this.#m;
    const first = m[Control.mappings]!;
    let used = 0;
    for (let entry = first; entry < first + MAPPING_WORDS; entry += 2) if (m[entry] !== 0) used++;
    m[Control.mappingsUsed] = used;
  }

  /** Whether another entry fits, after dropping freed ones when the table is crowded. */
  hasRoom(): boolean {
    const m = this.#m;
    if (m[Control.mappingsUsed]! < MAX_MAPPINGS) return true;
    if (m[Control.largeCount]! >= MAX_MAPPINGS) return false; // known without a look at each entry
    const live = this.live();
    if (live.length >= MAX_MAPPINGS) return false;
    const table = m[Control.mappings]!;
    const other = table === MAPPINGS ? MAPPINGS + MAPPING_WORDS : MAPPINGS;
    for (let word = other; word < other + MAPPING_WORDS; word++) m[word] = 0;
    for (const entry of live) this.#put(other, this.page(entry), this.pages(entry));
    m[Control.mappings] = other;
    m[Control.mappingsUsed] = live.length;
    return true;
  }

  /** A new entry in the first empty place; whether there was one. */
  #put(table: number, page: number, pages: number): boolean {
    const m = this.#m;
    let slot = (page >>> m[Control.mappingsShift]!) & SLOT_MASK;
    for (let probes = 0; probes < MAPPING_ENTRIES; probes++) {
      const entry = table + 2 * slot;
      if (m[entry] === 0) {
        m[entry + 1] = pages;
        m[entry] = page + 1;
        return true;
      }
      slot = (slot + 1) & SLOT_MASK;
    }
    return false;
  }
}
