/**
 * When the writer may free a block that readers may hold: epoch-based reclamation (K. Fraser, Practical lock-freedom, 2004,
 * section 5.2.3), with one writer.
 *
 * A reader pins the current epoch before it follows the first address, and unpins it when it holds none any more. The writer
 * makes a block unreachable, then retires it with the current epoch. Later it begins a new epoch and reads all pins: a
 * reader with a later pin began after the block was unreachable, so the block can be freed once all pins are later than
 * its epoch. Pins of ended threads do not count.
 *
 * Why a reader loads the epoch twice: between its load and its store of the pin, the writer may begin a new epoch and read
 * the pins. Both sides store their own word and then load the other's, atomically, so one of them sees the other.
 *
 * Owns the readers' words, the list of retired blocks, and an order of steps in which the writer may be terminated anywhere.
 */
import {
  alignedAlloc,
  atomic,
  fill,
  free,
  NULL,
  type Pointer,
  read,
  thread,
  usableSize,
  write,
} from "../index.js";
import { Lock } from "./lock.js";
import { BlockWord, fence, link, MapWord, ReaderWord, setLink } from "./map-words.js";
import { type Held, watch } from "./turn.js";

const LINE_BYTES = 64;
/** Retired cost that starts a reclaim(): dozens of small blocks, or a few large ones. */
const LEAST_PATIENCE = 64;
const BYTES_PER_COST = 1024;

/** This thread as a reader of one map. Sections may be nested. */
export class Reader implements Held {
  watched = false;
  /** Number of open sections. */
  depth = 0;
  readonly #map: Pointer;
  #words: Pointer = NULL;

  constructor(map: Pointer) {
    this.#map = map;
  }

  /** This thread's memory for a key given as values, to compare it as bytes. */
  get scratch(): Pointer {
    if (this.#words === NULL) this.#words = claimWords(this.#map);
    return (this.#words + ReaderWord.scratch) as Pointer;
  }

  /** Opens a section: until it ends, no block that it can reach is freed. */
  enter(): void {
    watch(this);
    if (this.#words === NULL) this.#words = claimWords(this.#map);
    if (this.depth++ > 0) return;
    let epoch = read.u32(this.#map, MapWord.epoch);
    for (let pinned = 0; pinned !== epoch; ) {
      pinned = epoch;
      atomic.u32.store(this.#words, pinned, ReaderWord.pin);
      epoch = atomic.u32.load(this.#map, MapWord.epoch);
    }
  }

  exit(): void {
    // Releases: all reads of the section come before.
    if (--this.depth === 0) atomic.u32.store(this.#words, 0, ReaderWord.pin);
  }

  /** Unpins after an interruption: no section is open when the stack is empty (turn.ts). */
  letGo(): void {
    if (this.depth === 0) return;
    this.depth = 0;
    atomic.u32.store(this.#words, 0, ReaderWord.pin);
  }
}

/** This thread's reader of each map by address, with the map's identity: another map may lie there later. */
const readers = new Map<Pointer, { reader: Reader; maker: number; serial: number }>();

/** This thread's reader of a map: one object per thread and map. */
export function readerOf(map: Pointer): Reader {
  const maker = read.u32(map, MapWord.maker);
  const serial = read.u32(map, MapWord.serial);
  const known = readers.get(map);
  if (known !== undefined && known.maker === maker && known.serial === serial) return known.reader;
  const reader = new Reader(map);
  readers.set(map, { reader, maker, serial });
  return reader;
}

/** A reader's words: those of a thread that ended, or new ones. */
function claimWords(map: Pointer): Pointer {
  const lock = new Lock(map, MapWord.readersLock);
  lock.acquire(Number.POSITIVE_INFINITY);
  try {
    for (let words = link(map, MapWord.readers); words !== NULL; words = link(words, ReaderWord.next)) {
      if (thread.isAlive(atomic.i32.load(words, ReaderWord.thread))) continue;
      atomic.u32.store(words, 0, ReaderWord.pin);
      atomic.i32.store(words, thread.id, ReaderWord.thread);
      return words;
    }
    const bytes = ReaderWord.scratch + read.u32(map, MapWord.scratchBytes);
    const words = alignedAlloc(LINE_BYTES, bytes);
    fill(words, 0, bytes);
    write.i32(words, thread.id, ReaderWord.thread);
    setLink(words, ReaderWord.next, link(map, MapWord.readers));
    fence(map); // the writer takes no lock: it must see the words complete
    setLink(map, MapWord.readers, words);
    return words;
  } finally {
    lock.release();
  }
}

/** Frees a block that was just made unreachable: now, or when no reader can hold it. For the writer only. */
export function retire(map: Pointer, block: Pointer): void {
  fence(map); // a new reader does not find the block, or is seen here
  if (link(map, MapWord.readers) === NULL) {
    setLink(map, MapWord.replaced, NULL); // first: a leak is better than a double free
    free(block);
    return;
  }
  write.u32(block, read.u32(map, MapWord.epoch), BlockWord.epoch);
  setLink(block, BlockWord.next, link(map, MapWord.retired));
  setLink(map, MapWord.retired, block);
  setLink(map, MapWord.replaced, NULL);
  const cost = read.u32(map, MapWord.retiredCost) + 1 + Math.floor(usableSize(block) / BYTES_PER_COST);
  write.u32(map, cost, MapWord.retiredCost);
  if (cost > Math.max(LEAST_PATIENCE, read.u32(map, MapWord.patience))) reclaim(map);
}

/** Frees the retired blocks that no reader can hold. For the writer only. */
export function reclaim(map: Pointer): void {
  const epoch = nextEpoch(read.u32(map, MapWord.epoch));
  atomic.u32.store(map, epoch, MapWord.epoch);
  const oldest = oldestPin(map, atomic.u32.load(map, MapWord.epoch));
  let kept = 0;
  let last: Pointer = NULL;
  let block = link(map, MapWord.retired); // the latest first
  while (block !== NULL && !isBefore(read.u32(block, BlockWord.epoch), oldest)) {
    kept++;
    last = block;
    block = link(block, BlockWord.next);
  }
  setLink(map, MapWord.freeing, block); // if terminated here, the block is in both lists: see resume()
  cutOff(map, last);
  write.u32(map, kept, MapWord.retiredCost);
  write.u32(map, 2 * kept, MapWord.patience); // so that what cannot be freed is not looked through each time
  freeList(map, MapWord.freeing);
}

/** Ends the list of retired blocks after `last`. */
function cutOff(map: Pointer, last: Pointer): void {
  if (last === NULL) setLink(map, MapWord.retired, NULL);
  else setLink(last, BlockWord.next, NULL);
}

/** Finishes a reclaim() in which a writer was terminated. */
export function resume(map: Pointer): void {
  const freeing = link(map, MapWord.freeing);
  if (freeing === NULL) return;
  let last: Pointer = NULL;
  let block = link(map, MapWord.retired);
  while (block !== NULL && block !== freeing) {
    last = block;
    block = link(block, BlockWord.next);
  }
  if (block === freeing) cutOff(map, last);
  freeList(map, MapWord.freeing);
}

/** Takes each block out of a list before it frees it: a thread that is terminated in between leaks one. */
function freeList(map: Pointer, word: number): void {
  for (let block = link(map, word); block !== NULL; block = link(map, word)) {
    setLink(map, word, link(block, BlockWord.next));
    free(block);
  }
}

/** The earliest epoch that a living reader has pinned; `none` when there is no such reader. */
function oldestPin(map: Pointer, none: number): number {
  let oldest = none;
  for (let words = link(map, MapWord.readers); words !== NULL; words = link(words, ReaderWord.next)) {
    const pin = atomic.u32.load(words, ReaderWord.pin);
    // The pin is loaded first: if a new thread has just taken over the words and pinned, its number is loaded next.
    if (pin === 0 || !isBefore(pin, oldest)) continue;
    if (thread.isAlive(atomic.i32.load(words, ReaderWord.thread))) oldest = pin;
  }
  return oldest;
}

/** Frees the lists, for a map that no thread uses any more. */
export function freeAll(map: Pointer): void {
  resume(map);
  freeList(map, MapWord.retired);
  for (let words = link(map, MapWord.readers); words !== NULL; ) {
    const next = link(words, ReaderWord.next);
    free(words);
    words = next;
  }
  readers.delete(map);
}

/** Skips 0, which means no pin. */
function nextEpoch(epoch: number): number {
  return (epoch + 1) >>> 0 || 1;
}

/** Whether an epoch is before another; they wrap around at 2^32. */
function isBefore(epoch: number, other: number): boolean {
  return ((epoch - other) | 0) < 0;
}
