/**
 * The table of large blocks: a hash table in the control block, by the page that a mapping starts on.
 *
 * Owns its layout, search and rebuilding. Callers hold the lock. Must not know what is in a page.
 *
 *   entry + 0   page + 1; 0 for an empty entry, which ends a search
 *         + 1   pages of the mapping; 0: it was freed; negative: it was freed, and the kernel refused to unmap it
 *
 * Open addressing with linear probing. The hash is the page number shifted right, so neighbours in memory are neighbours
 * in the table, and few blocks touch few of its pages. The shift follows from the smallest mapping that the threshold
 * allows: were it too large, many small mappings would share a hash and make long probes. A freed entry keeps its page
 * number until it is used again, so that a second free of an unmapped block can be told from a wild pointer.
 *
 * There are two tables, one of them in use. When freed entries fill it, the live ones are copied into the other, which one
 * store puts into use.
 */
import { Control, MAPPING_ENTRIES, MAPPING_WORDS, MAPPINGS } from "../memory/control.js";

/** Most live mappings. */
export const MAX_MAPPINGS = (MAPPING_ENTRIES * 3) / 4;
/** Right for the default threshold of 32 pages; more is no gain, for blocks may shrink. */
const MOST_SHIFT = 5;
const SLOT_MASK = MAPPING_ENTRIES - 1;
/** Instead of an entry: no large block of the table, or one that was freed. */
export const UNKNOWN = -1;
export const FREED = -2;

/** The shift for mappings of more than `bytes`. */
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
    return this.#mapped().filter((entry) => this.pages(entry) > 0);
  }

  /** The entries of freed blocks that are still mapped. */
  left(): number[] {
    return this.#mapped().filter((entry) => this.pages(entry) < 0);
  }

  #mapped(): number[] {
    const found: number[] = [];
    const first = this.#m[Control.mappings]!;
    for (let entry = first; entry < first + MAPPING_WORDS; entry += 2) {
      if (this.#m[entry] !== 0 && this.pages(entry) !== 0) found.push(entry);
    }
    return found;
  }

  /** The entry of the live block whose mapping contains a page; -1 for none. */
  holding(wanted: number): number {
    const start = this.#m[Control.mappings]!;
    for (let entry = start; entry < start + MAPPING_WORDS; entry += 2) {
      const page = this.page(entry); // -1 for an empty entry, with 0 pages
      if (page <= wanted && wanted < page + this.pages(entry)) return entry;
    }
    return -1;
  }

  /** The entry of a mapping that starts at that page, live or freed; -1 for none. */
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

  /** Adds an entry, or uses the page's freed one again. */
  insert(page: number, pages: number): void {
    const known = this.lookUp(page);
    if (known >= 0) this.setPages(known, pages);
    else if (this.#put(this.#m[Control.mappings]!, page, pages)) {
      this.#m[Control.mappingsUsed] = this.#m[Control.mappingsUsed]! + 1;
    }
  }

  /** Counts the used entries again, after a death that may have been between an entry and its count. */
  recount(): void {
    const m = this.#m;
    const first = m[Control.mappings]!;
    let used = 0;
    for (let entry = first; entry < first + MAPPING_WORDS; entry += 2) if (m[entry] !== 0) used++;
    m[Control.mappingsUsed] = used;
  }

  /** Whether another entry fits; drops the freed ones when the table is full. */
  hasRoom(): boolean {
    const m = this.#m;
    if (m[Control.mappingsUsed]! < MAX_MAPPINGS) return true;
    if (m[Control.largeCount]! >= MAX_MAPPINGS) return false; // saves a look at each entry
    const mapped = this.#mapped();
    if (mapped.length >= MAX_MAPPINGS) return false;
    const table = m[Control.mappings]!;
    const other = table === MAPPINGS ? MAPPINGS + MAPPING_WORDS : MAPPINGS;
    for (let word = other; word < other + MAPPING_WORDS; word++) m[word] = 0;
    for (const entry of mapped) this.#put(other, this.page(entry), this.pages(entry));
    m[Control.mappings] = other;
    m[Control.mappingsUsed] = mapped.length;
    return true;
  }

  /** A new entry, its page last: with that store it exists. False when the table is full. */
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
