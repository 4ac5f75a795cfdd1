/**
 * HashMap: keys to values, for one thread that writes and any number that read.
 *
 * Owns the methods that a program calls, and who the writer is. The table is in table.ts; epochs.ts says when blocks are freed.
 */
import { atomic, free, NULL, offset, type Pointer, read, thread, write } from "../index.js";
import { freeAll, type Reader, readerOf, reclaim } from "./epochs.js";
import {
  checkKind,
  checkOpen,
  freed,
  freedTwice,
  invalidState,
  Kind,
  retireKind,
  wrongElement,
} from "./header.js";
import type { KeyFrom, KeyOf, Keys, KeyType } from "./key-types.js";
import { keysOf } from "./keys.js";
import { MapWord, newMap } from "./map-words.js";
import { Table } from "./table.js";
import { type ValueFrom, type ValueOf, type Values, type ValueType, valuesOf } from "./values.js";

/**
 * A map like JavaScript's Map, but without an order of entries.
 *
 * Keys are numbers, strings, records of a struct, or a fixed number of bytes. Records and bytes are equal if all their bytes
 * are, except padding; bytes of a `char` array after the NUL count. Values are scalars, strings, bytes of any length, or
 * records.
 *
 * **Threads**: each opens the map by `HashMap.at(pointer, key, value)`. Any number of threads may read while one writes,
 * without locks; they find each entry as it was before a set() or as it is after it. The first thread that changes the map
 * is its writer until it calls release() or ends; a change by another thread throws ERR_INVALID_STATE. Call free() when no
 * thread uses the map any more. If a thread is terminated, the map stays usable: the next writer finishes or undoes an
 * interrupted change, and blocks that a terminated reader had pinned can be freed.
 *
 * A replaced or deleted entry is freed when no reader can hold its address (epochs.ts).
 *
 * @example
 * ```ts
 * import { HashMap } from "heapwright/containers";
 *
 * using ages = new HashMap("string", "u32");
 * ages.set("Ada", 36).set("Alan", 41);
 * const same = HashMap.at(ages.pointer, "string", "u32"); // in any thread
 * console.log(same.get("Ada"), same.has("Kurt"), same.size); // 36 false 2
 * ages.delete("Ada");
 * console.log(same.get("Ada")); // undefined
 * ```
 */
export class HashMap<K extends KeyType, V extends ValueType> {
  /** Its address, for `HashMap.at` in other threads. */
  readonly pointer: Pointer;
  readonly #keys: Keys;
  readonly #values: Values;
  readonly #table: Table;
  readonly #reader: Reader;
  #owns: boolean;
  #isFreed = false;

  /**
   * Makes an empty map.
   *
   * @param key the type of keys: "string", the name of a number type, a struct, or `["bytes", 16]` for 16 bytes
   * @param value the type of values: the name of a scalar, a struct, "string", or "bytes" for a Uint8Array of any length
   * @throws HeapError ERR_INVALID_ARG for other types; ERR_OUT_OF_MEMORY
   */
  constructor(key: K, value: V);
  /** @internal */
  constructor(key: K, value: V, existing: Pointer);
  constructor(key: K, value: V, existing?: Pointer) {
    this.#keys = keysOf("HashMap", key, () => this.#scratch());
    this.#values = valuesOf("HashMap", value);
    this.#owns = existing === undefined;
    this.pointer = existing ?? create(this.#keys, this.#values);
    this.#table = new Table(this.pointer, this.#keys, this.#values);
    this.#reader = readerOf(this.pointer);
  }

  /**
   * The map at an address, in any thread.
   *
   * @param key the type of keys that it was made for
   * @param value the type of values that it was made for
   * @throws HeapError ERR_INVALID_POINTER when no map starts there; ERR_INVALID_ARG when it was made for other types
   */
  static at<K extends KeyType, V extends ValueType>(pointer: Pointer, key: K, value: V): HashMap<K, V> {
    checkKind("HashMap.at", pointer, Kind.map);
    const isSame =
      read.i32(pointer, MapWord.key) === keysOf("HashMap.at", key).mark &&
      read.i32(pointer, MapWord.value) === valuesOf("HashMap.at", value).mark;
    if (!isSame) throw wrongElement("HashMap.at", pointer);
    return new HashMap(key, value, pointer);
  }

  /** Number of entries; another thread may be changing it. */
  get size(): number {
    this.#checkOpen();
    return read.u32(this.pointer, MapWord.entries);
  }

  /**
   * The value of a key, or undefined. If keys are records, give a record or an object of values for its fields. A string or
   * bytes are copies. A record is the one in the map: only the writer, or a function that read() calls, may get it, and other
   * threads may see writes to it in part.
   *
   * @throws HeapError ERR_INVALID_ARG for a wrong type of key; ERR_INVALID_STATE for a record outside read()
   */
  get(key: KeyFrom<K>): ValueOf<V> | undefined {
    const hash = this.#keys.hash(key);
    if (this.#isWriter()) return this.#find(key, hash); // no pin: only the writer frees entries
    this.#checkOpen();
    if (this.#values.isRecord && this.#reader.depth === 0) throw outsideOfRead();
    this.#reader.enter();
    try {
      return this.#find(key, hash);
    } finally {
      this.#reader.exit();
    }
  }

  /**
   * Whether there is an entry of that key.
   *
   * @throws HeapError ERR_INVALID_ARG for a wrong type of key
   */
  has(key: KeyFrom<K>): boolean {
    this.#checkOpen();
    const hash = this.#keys.hash(key);
    this.#reader.enter();
    try {
      return this.#table.find(key, hash) !== NULL;
    } finally {
      this.#reader.exit();
    }
  }

  /**
   * Calls `work` and returns its result. Until `work` returns, no entry that it got is freed, such as a record from get(). So
   * it should be short. The first await of an async function ends it.
   */
  read<T>(work: () => T): T {
    this.#checkOpen();
    this.#reader.enter();
    try {
      return work();
    } finally {
      this.#reader.exit();
    }
  }

  /**
   * Calls `work` with each value and its key, within read(). Entries changed meanwhile may be left out or included. A key that
   * is a record is the one in the map, and must not be written to.
   */
  forEach(work: (value: ValueOf<V>, key: KeyOf<K>) => void): void {
    this.read(() => {
      this.#table.visit((entry) => work(this.#valueIn(entry), this.#keys.read(entry) as KeyOf<K>));
    });
  }

  /**
   * Sets the value of a key. Makes the calling thread the writer.
   *
   * @throws HeapError ERR_INVALID_ARG for a wrong type of key or value; ERR_INVALID_STATE while another thread is the writer;
   *   ERR_OUT_OF_MEMORY; the map is then unchanged
   */
  set(key: KeyFrom<K>, value: ValueFrom<V>): this {
    this.#becomeWriter(); // before hash(): the writer's scratch memory is in the map
    const hash = this.#keys.hash(key);
    this.#values.bytes(value);
    this.#begin();
    try {
      this.#table.put(key, hash, value);
    } finally {
      this.#table.end();
    }
    return this;
  }

  /**
   * Removes the entry of a key; returns whether there was one. Makes the calling thread the writer.
   *
   * @throws HeapError as set
   */
  delete(key: KeyFrom<K>): boolean {
    this.#becomeWriter();
    const hash = this.#keys.hash(key);
    this.#begin();
    try {
      return this.#table.remove(key, hash);
    } finally {
      this.#table.end();
    }
  }

  /**
   * Removes all entries, one after the other. Makes the calling thread the writer.
   *
   * @throws HeapError as set
   */
  clear(): void {
    this.#becomeWriter();
    const keys: KeyOf<K>[] = [];
    this.#table.visit((entry) => keys.push(this.#keys.read(entry) as KeyOf<K>));
    for (const key of keys) this.delete(key as KeyFrom<K>);
  }

  /** Frees what no reader can hold, and lets another thread become the writer. Does nothing if this thread is not the writer. */
  release(): void {
    this.#checkOpen();
    if (!this.#isWriter()) return;
    this.#begin();
    reclaim(this.pointer);
    this.#table.end();
    // Releases: the next writer sees all that this one did.
    atomic.i32.store(this.pointer, 0, MapWord.writer);
  }

  /** Frees the map if this object made it by `new`: for `using`. */
  [Symbol.dispose](): void {
    if (this.#owns) this.free();
  }

  /**
   * Frees the map and its entries. No thread may use it afterwards: this object throws ERR_DISPOSED, and others do so as long as the
   * memory is not allocated again.
   *
   * @throws HeapError ERR_INVALID_POINTER or ERR_DOUBLE_FREE when it was freed already; ERR_INVALID_STATE while another
   *   thread is the writer
   */
  free(): void {
    if (this.#isFreed) throw freedTwice(Kind.map);
    checkKind("free", this.pointer, Kind.map);
    this.#begin();
    this.#owns = false;
    retireKind(this.pointer, Kind.map);
    write.i32(this.pointer, 0, MapWord.writer);
    this.#isFreed = true;
    this.#table.freeAll();
    freeAll(this.pointer);
    free(this.pointer);
  }

  #checkOpen(): void {
    checkOpen(this.pointer, Kind.map, this.#isFreed);
  }

  /** False also for a map that another object freed. */
  #isWriter(): boolean {
    if (this.#isFreed) throw freed(Kind.map);
    return read.i32(this.pointer, MapWord.writer) === thread.id;
  }

  /** This thread's own memory for a key given as values, to compare it as bytes. */
  #scratch(): Pointer {
    return this.#isWriter() ? offset(this.pointer, MapWord.scratch) : this.#reader.scratch;
  }

  #find(key: KeyFrom<K>, hash: number): ValueOf<V> | undefined {
    const entry = this.#table.find(key, hash);
    return entry === NULL ? undefined : this.#valueIn(entry);
  }

  #valueIn(entry: Pointer): ValueOf<V> {
    return this.#values.read(entry, this.#table.valuePlace(entry)) as ValueOf<V>;
  }

  /** Begins a change of the map, as its writer. */
  #begin(): void {
    this.#becomeWriter();
    this.#table.begin();
  }

  #becomeWriter(): void {
    if (this.#isWriter()) return;
    this.#checkOpen();
    const was = atomic.i32.load(this.pointer, MapWord.writer);
    if (was !== 0 && thread.isAlive(was)) throw anotherWriter(was);
    // Acquires: what the last writer did is seen.
    const now = atomic.i32.compareExchange(this.pointer, was, thread.id, MapWord.writer);
    if (now !== was) throw anotherWriter(now);
  }
}

function create(keys: Keys, values: Values): Pointer {
  const pointer = newMap(keys.mark, values.mark, keys.scratchBytes);
  write.u32(pointer, Kind.map);
  return pointer;
}

function anotherWriter(id: number): Error {
  return invalidState(
    `HashMap: thread ${id} is the writer of this map, and there is one at a time; it must call release() first`,
  );
}

function outsideOfRead(): Error {
  return invalidState(
    "HashMap.get: a record may be freed as soon as another thread replaces it; get it in the function that read() calls",
  );
}
