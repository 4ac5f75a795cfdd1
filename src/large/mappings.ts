/**
 * The table of large blocks: their mappings, ascending, in the control block.
 *
 * Owns its layout, search and tidying. Callers hold the lock. Must not know what is in a page.
 *
 *   entry + 0   page + 1, from the window's base; 0 behind the last entry
 *         + 1   pages of the mapping; 0: it was freed; negative: it was freed, and the kernel refused to unmap it
 *
 * A freed entry keeps its place until a mapping beside it needs one, so that a second free of an unmapped block can be told
 * from a wild pointer; and then a block that is freed and mapped again moves no other entry. A new entry between two live
 * ones moves all above it, 8 bytes each.
 *
 * There are two tables, one of them in use. When freed entries fill it, the live ones are copied into the other, which one
 * store puts into use. The same repairs the table after a death in the middle of an insertion: an entry is there twice then.
 *
 * Why no map of pages that is rebuilt from headers, as small blocks have it: the window has up to 2^28 pages; what lies in a
 * block's page, its user may have overwritten, and unmapping by a wrong number of pages would unmap the memory of others; and
 * an address that mmap returned to a thread that died is in no header yet, so the note of pending changes must stay
 * (large-changes.ts). Below 2 GiB the table of mapped pages does not serve: a guard empties it.
 */
import { Control, MAPPING_ENTRIES, MAPPING_WORDS, MAPPINGS } from "../memory/control.js";
import { type Window, WORD_BYTES } from "../memory/memory.js";

/** Instead of an entry: no large block of the table, or one that was freed. */
export const UNKNOWN = -1;
export const FREED = -2;

export class MappingTable {
  readonly #window: Window;
  readonly #m: Int32Array;

  constructor(window: Window) {
    this.#window = window;
    this.#m = window.words;
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

  /** The entries of live blocks, ascending. */
  live(): number[] {
    return this.#mapped().filter((entry) => this.pages(entry) > 0);
  }

  /** The entries of freed blocks that are still mapped. */
  left(): number[] {
    return this.#mapped().filter((entry) => this.pages(entry) < 0);
  }

  #mapped(): number[] {
    const found: number[] = [];
    const end = this.#end();
    for (let entry = this.#first(); entry < end; entry += 2) if (this.pages(entry) !== 0) found.push(entry);
    return found;
  }

  /** The entry of the live block whose mapping contains a page; -1 for none. */
  holding(page: number): number {
    const first = this.#first();
    let entry = this.#lowerBound(page + 1) - 2;
    while (entry >= first && this.pages(entry) === 0) entry -= 2; // freed, perhaps below the page where a larger one begins now
    return entry >= first && page < this.page(entry) + this.pages(entry) ? entry : -1;
  }

  /** The entry of a mapping that starts at that page, live or freed; -1 for none. */
  lookUp(page: number): number {
    const entry = this.#lowerBound(page);
    return entry < this.#end() && this.page(entry) === page ? entry : -1;
  }

  /** Adds an entry, in place of the page's own or a freed neighbour if there is one. Else hasRoom() was asked before. */
  insert(page: number, pages: number): void {
    const m = this.#m;
    let entry = this.#lowerBound(page);
    const isKnown = m[entry] === page + 1;
    if (!isKnown && !this.#isFreed(entry)) {
      if (this.#isFreed(entry - 2)) entry -= 2;
      else this.#double(entry);
    }
    m[entry] = page + 1; // first: with the pages of another it is a mapping that is pending, and its size is noted there
    m[entry + 1] = pages;
  }

  /** For check(): whether each entry's page is above the one before; empty ones may be at the end (see tidy()). */
  isOrdered(): boolean {
    const end = this.#end();
    for (let entry = this.#first() + 2; entry < end; entry += 2)
      if (this.page(entry) >= 0 && this.page(entry) <= this.page(entry - 2)) return false;
    return true;
  }

  /** Whether another entry fits; drops the freed ones when the table is full. */
  hasRoom(): boolean {
    const m = this.#m;
    if (m[Control.mappingsUsed]! < MAPPING_ENTRIES) return true;
    if (m[Control.largeCount]! >= MAPPING_ENTRIES) return false; // saves a look at each entry
    this.tidy();
    return m[Control.mappingsUsed]! < MAPPING_ENTRIES;
  }

  /** Drops freed entries, and one of two that are the same after a death in insert(). Can be repeated after a death. */
  tidy(): void {
    const m = this.#m;
    const first = this.#first();
    const other = first === MAPPINGS ? MAPPINGS + MAPPING_WORDS : MAPPINGS;
    this.#clear(other);
    let to = other;
    for (const entry of this.#mapped()) {
      if (to > other && m[to - 2] === m[entry]) continue;
      m[to + 1] = m[entry + 1]!;
      m[to] = m[entry]!;
      to += 2;
    }
    m[Control.mappings] = other;
    m[Control.mappingsUsed] = (to - other) / 2; // too many before this store: empty entries are at the end then
  }

  #first(): number {
    return this.#m[Control.mappings]!;
  }

  #end(): number {
    return this.#first() + 2 * this.#m[Control.mappingsUsed]!;
  }

  #isFreed(entry: number): boolean {
    return entry >= this.#first() && entry < this.#end() && this.pages(entry) === 0;
  }

  /** The first entry at that page or above; the end for none. */
  #lowerBound(page: number): number {
    const m = this.#m;
    let from = this.#first();
    let to = this.#end();
    while (from < to) {
      const middle = from + (((to - from) >>> 2) << 1);
      if (m[middle]! !== 0 && m[middle]! <= page) from = middle + 2;
      else to = middle;
    }
    return from;
  }

  /** Has an entry twice, by moving up all from it on. Counted first: what is behind the end is empty. */
  #double(entry: number): void {
    const m = this.#m;
    const end = this.#end();
    m[Control.mappingsUsed] = m[Control.mappingsUsed]! + 1;
    if (entry === end) return;
    this.#window.copy(
      this.#window.addressOf(entry + 2),
      this.#window.addressOf(entry),
      (end - entry) * WORD_BYTES,
    );
  }

  /** Empties the table that is not in use, from the end on: what is behind an empty entry is empty. */
  #clear(table: number): void {
    const m = this.#m;
    let end = table;
    while (end < table + MAPPING_WORDS && m[end] !== 0) end += 2;
    for (let entry = end - 2; entry >= table; entry -= 2) {
      m[entry + 1] = 0;
      m[entry] = 0;
    }
  }
}
