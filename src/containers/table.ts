/**
 * The hash table of a map: open addressing with linear probing.
 *
 * Owns lookups and changes. After each step of a change, readers find every entry, and a new writer can tell which steps a
 * terminated one did: a block about to be put into the map is noted as `fresh`, one about to leave it as `replaced`.
 *
 *   entries <= used <= 1/2 of the slots: a search soon ends at an empty slot, for each entry on its way is a cache miss
 *   a removed entry's slot becomes empty, instead of REMOVED, if the next one is empty: no search goes past it then
 */
import { calloc, free, malloc, NULL, type Pointer, read, write } from "../index.js";
import { resume, retire } from "./epochs.js";
import type { Keys } from "./key-types.js";
import { BlockWord, EntryWord, fence, link, MapWord, REMOVED, SLOTS, setLink } from "./map-words.js";
import type { Values } from "./values.js";

const SLOT_BYTES = 8;
const LEAST_SLOTS = 16;

export class Table {
  readonly #map: Pointer;
  readonly #keys: Keys;
  readonly #values: Values;

  constructor(map: Pointer, keys: Keys, values: Values) {
    this.#map = map;
    this.#keys = keys;
    this.#values = values;
  }

  /** The entry of a key; NULL when there is none. */
  find(key: unknown, hash: number): Pointer {
    const table = link(this.#map, MapWord.table);
    if (table === NULL) return NULL;
    const mask = read.u32(table, BlockWord.mask);
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = link(table, SLOTS + slot * SLOT_BYTES);
      if (entry === NULL) return NULL;
      if (entry !== REMOVED && read.u32(entry, BlockWord.hash) === hash && this.#keys.equals(entry, key)) {
        return entry;
      }
    }
  }

  /** The offset of the value in an entry. */
  valuePlace(entry: Pointer): number {
    return valuePlaceOf(this.#keys.storedBytes(entry));
  }

  /** Sets the value of a key, by a new entry or in place. For the writer only. */
  put(key: unknown, hash: number, value: unknown): void {
    const table = link(this.#map, MapWord.table);
    let slot = table === NULL ? NULL : this.#slotFor(key, hash);
    let old = slot === NULL ? NULL : link(slot, 0);
    const isNew = old === NULL || old === REMOVED;
    if (!isNew && this.#values.inPlace) {
      this.#values.write(old, this.valuePlace(old), value);
      return;
    }
    if (isNew && this.#makeRoom()) {
      slot = this.#slotFor(key, hash);
      old = NULL;
    }
    const entry = this.#newEntry(key, hash, value);
    if (!isNew) setLink(this.#map, MapWord.replaced, old);
    fence(this.#map); // readers that find the entry see all of it
    setLink(slot, 0, entry);
    setLink(this.#map, MapWord.fresh, NULL);
    if (!isNew) {
      retire(this.#map, old);
      return;
    }
    this.#count(MapWord.entries, 1);
    if (old === NULL) this.#count(MapWord.used, 1);
  }

  /** Removes the entry of a key; returns whether there was one. For the writer only. */
  remove(key: unknown, hash: number): boolean {
    if (this.find(key, hash) === NULL) return false;
    const slot = this.#slotFor(key, hash);
    const entry = link(slot, 0);
    const isLast = link(this.#slotAfter(slot), 0) === NULL;
    setLink(this.#map, MapWord.replaced, entry);
    setLink(slot, 0, isLast ? NULL : REMOVED);
    this.#count(MapWord.entries, -1);
    if (isLast) this.#count(MapWord.used, -1);
    retire(this.#map, entry);
    return true;
  }

  /** Calls `work` with each entry, as the slots are at the moment they are read. */
  visit(work: (entry: Pointer) => void): void {
    const table = link(this.#map, MapWord.table);
    if (table === NULL) return;
    const slots = read.u32(table, BlockWord.mask) + 1;
    for (let slot = 0; slot < slots; slot++) {
      const entry = link(table, SLOTS + slot * SLOT_BYTES);
      if (entry !== NULL && entry !== REMOVED) work(entry);
    }
  }

  /** Begins a change, after recovering an interrupted one. For the writer only. */
  begin(): void {
    this.recover();
    write.u32(this.#map, 1, MapWord.changing);
  }

  /** Ends a change. One that was interrupted, for example by a full stack, stays open and is recovered by the next begin(). */
  end(): void {
    if (this.#isSettled()) write.u32(this.#map, 0, MapWord.changing);
  }

  /** Recovers a change in which a writer was terminated or interrupted. For the writer only. */
  recover(): void {
    if (read.u32(this.#map, MapWord.changing) === 0) return;
    this.#finish();
    write.u32(this.#map, 0, MapWord.changing);
  }

  /** Whether the change is complete. */
  #isSettled(): boolean {
    const map = this.#map;
    return (
      link(map, MapWord.fresh) === NULL &&
      link(map, MapWord.replaced) === NULL &&
      link(map, MapWord.freeing) === NULL
    );
  }

  /** Finishes or undoes an interrupted change, by whether its blocks are in the table. */
  #finish(): void {
    const map = this.#map;
    const table = link(map, MapWord.table);
    const [fresh, replaced] = [link(map, MapWord.fresh), link(map, MapWord.replaced)];
    const there = new Set([table]);
    let used = 0;
    let entries = 0;
    const slots = table === NULL ? 0 : read.u32(table, BlockWord.mask) + 1;
    for (let slot = 0; slot < slots; slot++) {
      const entry = link(table, SLOTS + slot * SLOT_BYTES);
      if (entry !== NULL) used++;
      if (entry === NULL || entry === REMOVED) continue;
      entries++;
      if (entry === fresh || entry === replaced) there.add(entry);
    }
    write.u32(map, entries, MapWord.entries);
    write.u32(map, used, MapWord.used);
    resume(map);
    setLink(map, MapWord.fresh, NULL); // first, as in retire()
    if (fresh !== NULL && !there.has(fresh)) free(fresh);
    if (replaced === NULL || there.has(replaced) || link(map, MapWord.retired) === replaced) {
      setLink(map, MapWord.replaced, NULL);
    } else retire(map, replaced);
  }

  /** Frees all entries and the table, for a map that no thread uses any more. */
  freeAll(): void {
    this.visit(free);
    free(link(this.#map, MapWord.table));
  }

  #newEntry(key: unknown, hash: number, value: unknown): Pointer {
    const keyBytes = this.#keys.bytes(key);
    const place = valuePlaceOf(keyBytes);
    const entry = malloc(place + this.#values.bytes(value));
    setLink(this.#map, MapWord.fresh, entry);
    try {
      write.u32(entry, hash, BlockWord.hash);
      this.#keys.write(entry, key);
      this.#values.write(entry, place, value);
    } catch (error) {
      setLink(this.#map, MapWord.fresh, NULL);
      free(entry);
      throw error;
    }
    return entry;
  }

  /** The address of the slot with the entry of a key, or of the first slot for a new entry. */
  #slotFor(key: unknown, hash: number): Pointer {
    const table = link(this.#map, MapWord.table);
    const mask = read.u32(table, BlockWord.mask);
    let free: Pointer = NULL;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const place = (table + SLOTS + slot * SLOT_BYTES) as Pointer;
      const entry = link(place, 0);
      if (entry === NULL) return free === NULL ? place : free;
      if (entry === REMOVED) {
        if (free === NULL) free = place;
      } else if (read.u32(entry, BlockWord.hash) === hash && this.#keys.equals(entry, key)) return place;
    }
  }

  #slotAfter(slot: Pointer): Pointer {
    const table = link(this.#map, MapWord.table);
    const bytes = (read.u32(table, BlockWord.mask) + 1) * SLOT_BYTES;
    return (table + SLOTS + ((slot - table - SLOTS + SLOT_BYTES) % bytes)) as Pointer;
  }

  /** If a new entry needs it, rehashes into a table twice as large, or as large without REMOVED slots; whether it did. */
  #makeRoom(): boolean {
    const map = this.#map;
    const old = link(map, MapWord.table);
    const slots = old === NULL ? 0 : read.u32(old, BlockWord.mask) + 1;
    if ((read.u32(map, MapWord.used) + 1) * 2 <= slots) return false;
    const entries = read.u32(map, MapWord.entries);
    const wanted = Math.max(LEAST_SLOTS, (entries + 1) * 4 > slots ? slots * 2 : slots);
    const table = calloc(1, SLOTS + wanted * SLOT_BYTES);
    setLink(map, MapWord.fresh, table);
    write.u32(table, wanted - 1, BlockWord.mask);
    this.visit((entry) => {
      let slot = read.u32(entry, BlockWord.hash) & (wanted - 1);
      while (link(table, SLOTS + slot * SLOT_BYTES) !== NULL) slot = (slot + 1) & (wanted - 1);
      setLink(table, SLOTS + slot * SLOT_BYTES, entry);
    });
    setLink(map, MapWord.replaced, old);
    fence(map);
    setLink(map, MapWord.table, table);
    setLink(map, MapWord.fresh, NULL);
    write.u32(map, entries, MapWord.used);
    if (old !== NULL) retire(map, old);
    return true;
  }

  #count(word: number, change: number): void {
    write.u32(this.#map, read.u32(this.#map, word) + change, word);
  }
}

function valuePlaceOf(keyBytes: number): number {
  return EntryWord.key + Math.ceil(keyBytes / 8) * 8;
}
