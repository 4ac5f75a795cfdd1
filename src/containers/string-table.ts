/**
 * StringTable: interned strings. Each string is stored once and has a number that is the same in all threads.
 *
 * Owns the numbers. From string to number: an entry of a map's table (table.ts). From number to string: a directory of
 * chunks, each twice as large as the one before, which never move. Nothing is ever removed.
 *
 *   table       0 kind | 4 lock | 8 the map | 16 numbers that were given | 24 chunks, an address each
 *   chunk k     64 * 2^k addresses of entries
 *
 * To add a string, under the lock: the count of numbers is raised, the entry is made, then its address is stored in the
 * directory. If the thread is terminated in between, the number stays unused, or the entry is missing in the directory:
 * then the next intern() of that string, which nobody can have the number of before, stores it.
 */
import { calloc, free, NULL, type Pointer, read, write } from "../index.js";
import { freeAll, type Reader, readerOf } from "./epochs.js";
import { checkKind, checkOpen, freedTwice, Kind, retireKind, wrongRange, wrongType } from "./header.js";
import { keysOf, readText } from "./keys.js";
import { Lock } from "./lock.js";
import { EntryWord, fence, link, newMap, setLink } from "./map-words.js";
import { Table } from "./table.js";
import { valuesOf } from "./values.js";

const LOCK = 4;
const MAP = 8;
const NUMBERS = 16;
const CHUNKS = 24;
const CHUNK_COUNT = 26;
const BYTES = CHUNKS + 8 * CHUNK_COUNT;
/** Of the first chunk, 2^6 strings. */
const FIRST_SHIFT = 6;
const MOST = 2 ** 31;

const keys = keysOf("StringTable", "string");
const numbers = valuesOf("StringTable", "u32");

/**
 * Interned strings: intern() gives equal strings the same number, from 1 on, in all threads. So a record can hold a string
 * in four bytes, and two strings are compared by one comparison. 0 is no string. Strings stay until the table is freed.
 *
 * **Threads**: each opens the table by `StringTable.at(pointer)`. All calls may run in all threads at the same time, except
 * free(). Only intern() of a new string takes a lock. If a thread is terminated, the table stays usable; a number may be left
 * unused.
 *
 * @example
 * ```ts
 * import { StringTable } from "heapwright/containers";
 *
 * using names = new StringTable();
 * const ada = names.intern("Ada");
 * console.log(ada, names.intern("Alan"), names.intern("Ada")); // 1 2 1
 * console.log(StringTable.at(names.pointer).get(ada), names.find("Kurt")); // Ada 0
 * ```
 */
export class StringTable {
  /** Its address, for `StringTable.at` in other threads. */
  readonly pointer: Pointer;
  readonly #map: Pointer;
  readonly #table: Table;
  readonly #reader: Reader;
  readonly #lock: Lock;
  #owns: boolean;
  #isFreed = false;

  /**
   * Makes an empty table.
   *
   * @throws HeapError ERR_OUT_OF_MEMORY
   */
  constructor();
  /** @internal */
  constructor(existing: Pointer);
  constructor(existing?: Pointer) {
    this.#owns = existing === undefined;
    this.pointer = existing ?? create();
    this.#map = link(this.pointer, MAP);
    this.#table = new Table(this.#map, keys, numbers);
    this.#reader = readerOf(this.#map);
    this.#lock = new Lock(this.pointer, LOCK);
  }

  /**
   * The table at an address, in any thread.
   *
   * @throws HeapError ERR_INVALID_POINTER when no table starts there
   */
  static at(pointer: Pointer): StringTable {
    checkKind("StringTable.at", pointer, Kind.strings);
    return new StringTable(pointer);
  }

  /** Numbers in use: one per string, plus those that terminated threads left unused. */
  get size(): number {
    this.#checkOpen();
    return read.u32(this.pointer, NUMBERS);
  }

  /**
   * The number of a string; adds the string if the table does not have it.
   *
   * @throws HeapError ERR_INVALID_ARG unless it is a string; ERR_OUT_OF_MEMORY
   */
  intern(text: string): number {
    this.#checkOpen();
    const hash = hashOf("StringTable.intern", text);
    const found = this.#find(text, hash);
    if (found !== 0 && link(this.#chunkOf(found), placeOf(found)) !== NULL) return found;
    this.#lock.acquire(Number.POSITIVE_INFINITY);
    try {
      return this.#add(text, hash);
    } finally {
      this.#lock.release();
    }
  }

  /**
   * The number of a string; 0 if the table does not have it.
   *
   * @throws HeapError ERR_INVALID_ARG unless it is a string
   */
  find(text: string): number {
    this.#checkOpen();
    return this.#find(text, hashOf("StringTable.find", text));
  }

  /**
   * The string of a number; undefined when none has it.
   *
   * @throws HeapError ERR_INVALID_ARG unless it is a whole number from 0 to 2^32 - 1
   */
  get(id: number): string | undefined {
    this.#checkOpen();
    if (typeof id !== "number") throw wrongType("StringTable.get", "a number that intern() returned", id);
    if (id >>> 0 !== id) throw wrongRange("StringTable.get", "a number that intern() returned", id);
    if (id === 0 || id > this.size) return undefined;
    const chunk = this.#chunkOf(id);
    const entry = chunk === NULL ? NULL : link(chunk, placeOf(id));
    return entry === NULL ? undefined : readText(entry, EntryWord.keyLength, EntryWord.key);
  }

  /** Frees the table if this object made it by `new`: for `using`. */
  [Symbol.dispose](): void {
    if (this.#owns) this.free();
  }

  /**
   * Frees the table. No thread may use it afterwards: this object throws ERR_DISPOSED, and others do so as long as the memory is not
   * allocated again.
   *
   * @throws HeapError ERR_INVALID_POINTER or ERR_DOUBLE_FREE when it was freed already
   */
  free(): void {
    if (this.#isFreed) throw freedTwice(Kind.strings);
    checkKind("free", this.pointer, Kind.strings);
    this.#table.recover();
    this.#owns = false;
    retireKind(this.pointer, Kind.strings);
    this.#isFreed = true;
    for (let chunk = 0; chunk < CHUNK_COUNT; chunk++) free(link(this.pointer, CHUNKS + 8 * chunk));
    this.#table.freeAll();
    freeAll(this.#map);
    free(this.#map);
    free(this.pointer);
  }

  #checkOpen(): void {
    checkOpen(this.pointer, Kind.strings, this.#isFreed);
  }

  #find(text: string, hash: number): number {
    this.#reader.enter();
    try {
      const entry = this.#table.find(text, hash);
      return entry === NULL ? 0 : read.u32(entry, this.#table.valuePlace(entry));
    } finally {
      this.#reader.exit();
    }
  }

  /** Under the lock. */
  #add(text: string, hash: number): number {
    this.#table.recover();
    let id = this.#find(text, hash);
    if (id === 0) {
      id = this.size + 1;
      if (id > MOST) throw wrongRange("StringTable", `at most ${MOST} strings`, id);
      this.#makeChunk(id);
      write.u32(this.pointer, id, NUMBERS);
      this.#table.begin();
      this.#table.put(text, hash, id);
      this.#table.end();
    }
    fence(this.#map); // a thread that finds the entry sees all of it
    setLink(this.#chunkOf(id), placeOf(id), this.#table.find(text, hash));
    return id;
  }

  #chunkOf(id: number): Pointer {
    return link(this.pointer, CHUNKS + 8 * chunkIndexOf(id));
  }

  #makeChunk(id: number): void {
    const index = chunkIndexOf(id);
    const place = CHUNKS + 8 * index;
    if (link(this.pointer, place) !== NULL) return;
    setLink(this.pointer, place, calloc(2 ** (FIRST_SHIFT + index), 8));
  }
}

function create(): Pointer {
  const pointer = calloc(1, BYTES);
  setLink(pointer, MAP, newMap(keys.mark, numbers.mark, keys.scratchBytes));
  write.u32(pointer, Kind.strings);
  return pointer;
}

function hashOf(operation: string, text: unknown): number {
  if (typeof text !== "string") throw wrongType(operation, "a string", text);
  return keys.hash(text);
}

/** Chunk k begins at 64 * (2^k - 1). */
function chunkIndexOf(id: number): number {
  return 31 - Math.clz32(((id - 1) >>> FIRST_SHIFT) + 1);
}

function placeOf(id: number): number {
  return 8 * (id - 1 - (2 ** chunkIndexOf(id) - 1) * 2 ** FIRST_SHIFT);
}
