/**
 * The layout of a map in memory, for all files of HashMap.
 *
 *   map      0 kind | 4 mark of the key | 8 mark of the value
 *           12 writer: the number of the thread that may change the map; 0 when none does
 *           16 changing: 1 while it is within a change
 *           20 epoch | 24 cost of what is retired | 28 cost at which it is looked through
 *           32 table | 40 retired: a list | 48 freeing: a list | 56 fresh | 64 replaced
 *           72 entries | 76 slots in use, removed entries included
 *           80 readers: a list | 88 a lock for that list | 92 for fence()
 *           96 maker | 100 serial: which map it is, of all that ever lay here
 *          104 bytes of scratch memory | 128 the writer's: where it writes a key that is given as values
 *
 *   block   what readers may be looking at, an entry or a table:
 *            0 hash of the entry, or mask of the table | 4 epoch when it was retired | 8 next in its list
 *   entry   16 length of the key | 20 length of the value | 24 key | value, at the next multiple of 8
 *   table   16 slots: 0, 1 where an entry was removed, or the address of an entry
 *
 *   reader   0 thread, or 0 | 4 pin: the epoch since when it has been reading, or 0 | 8 next | 64 its scratch memory
 *
 * Addresses are doubles here: one load or store of 8 bytes, which no thread sees in part.
 */
import { atomic, calloc, type Pointer, read, thread, write } from "../index.js";

export const MapWord = {
  key: 4,
  value: 8,
  writer: 12,
  changing: 16,
  epoch: 20,
  retiredCost: 24,
  patience: 28,
  table: 32,
  retired: 40,
  freeing: 48,
  fresh: 56,
  replaced: 64,
  entries: 72,
  used: 76,
  readers: 80,
  readersLock: 88,
  fence: 92,
  maker: 96,
  serial: 100,
  scratchBytes: 104,
  scratch: 128,
} as const;

export const BlockWord = { hash: 0, mask: 0, epoch: 4, next: 8 } as const;
export const EntryWord = { keyLength: 16, valueLength: 20, key: 24 } as const;
export const SLOTS = 16;
export const REMOVED = 1;

/** Each reader's words have cache lines of their own. */
export const ReaderWord = { thread: 0, pin: 4, next: 8, scratch: 64 } as const;

/** Loads an address that readers may follow. */
export function link(pointer: Pointer, byteOffset: number): Pointer {
  return read.f64(pointer, byteOffset) as Pointer;
}

export function setLink(pointer: Pointer, byteOffset: number, target: number): void {
  write.f64(pointer, target, byteOffset);
}

/**
 * A full memory fence: other threads see this thread's earlier stores before its later ones, and the earlier stores come
 * before its later loads. Made of a sequentially consistent store and load.
 */
export function fence(map: Pointer): void {
  atomic.u32.store(map, 0, MapWord.fence);
  atomic.u32.load(map, MapWord.fence);
}

/** Number of maps made by this thread; with the thread's number it identifies a map among all at one address. */
let made = 0;

/** Makes an empty map, without its kind. */
export function newMap(keyMark: number, valueMark: number, scratchBytes: number): Pointer {
  const map = calloc(1, MapWord.scratch + scratchBytes);
  write.u32(map, scratchBytes, MapWord.scratchBytes);
  write.i32(map, keyMark, MapWord.key);
  write.i32(map, valueMark, MapWord.value);
  write.u32(map, 1, MapWord.epoch);
  write.i32(map, thread.id, MapWord.maker);
  write.u32(map, ++made, MapWord.serial);
  return map;
}
