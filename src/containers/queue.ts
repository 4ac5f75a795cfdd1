/**
 * Queue: a bounded FIFO of byte records between threads, many to many, in a ring buffer.
 *
 * Owns the layout and the locking. One lock is for writers and one for readers, so writers and readers never wait for each
 * other's lock.
 *
 *     0 kind | 4 capacity, a power of two
 *    64 tail | 68 write lock | 72 signal to readers | 76 closed
 *    80 fresh, f64 | 88 where it goes
 *   128 head | 132 read lock | 136 signal to writers
 *   144 taken, f64 | 152 where it was
 *   192 the ring (ring.ts), in which tail and head are positions
 *
 *   0 <= tail - head <= capacity, both counted modulo 2^32 and multiples of 4
 *
 * One store of `tail` adds a record, after its bytes were written; one store of `head` removes it, after they were read. So
 * a thread may be terminated anywhere: a record that it was adding is not in the queue, one that it was taking still is. A
 * waiter takes over a dead thread's lock.
 *
 * A record longer than the ring lies in a block of its own (long-records.ts), whose address goes through the ring.
 */
import { isUint8Array } from "node:util/types";
import { atomic, calloc, free, NULL, type Pointer, read, write } from "../index.js";
import {
  checkKind,
  checkOpen,
  freedTwice,
  invalidState,
  Kind,
  retireKind,
  wrongRange,
  wrongType,
} from "./header.js";
import { Lock } from "./lock.js";
import { bytesIn, LongRecord } from "./long-records.js";
import { checkedCapacity, LENGTH_BYTES, LONG_TAKES, Ring, takenBy } from "./ring.js";
import { deadlineOf, isOver, NOW, Signal } from "./signal.js";

const CAPACITY = 4;
const TAIL = 64;
const WRITE_LOCK = 68;
const TO_READERS = 72;
const CLOSED = 76;
const FRESH = 80;
const HEAD = 128;
const READ_LOCK = 132;
const TO_WRITERS = 136;
const TAKEN = 144;
const RING = 192;

const MOST_LENGTH = 2 ** 31 - 1;

/**
 * A bounded queue of records between threads: several may add, several may take, each record goes to one of them.
 *
 * A record is bytes, of any length. One that is longer than the ring lies in a block of its own until it is taken; a ring of
 * n bytes limits the number of those to n / 12, but not their length. push() and shift() sleep in the kernel while there is
 * no room or no record, up to their timeout. On the main thread use shiftAsync(): a worker that starts may need the main
 * thread's event loop, which shift() blocks.
 *
 * **Threads**: each opens the queue by `Queue.at(pointer)`. All calls may run in all threads at the same time, except free():
 * call that when no thread uses or waits for the queue any more. If a thread is terminated, the queue stays usable: nobody
 * waits for ever, and no record is lost but the one that it was adding or had just taken. The block of such a record, if it
 * was longer than the ring, is freed by the next push or take, or by free(); it leaks only if the thread ended between two
 * adjacent stores, after malloc() or before free().
 *
 * @example
 * ```ts
 * import { Queue } from "heapwright/containers";
 *
 * const queue = new Queue(64 * 1024);
 * const same = Queue.at(queue.pointer); // in any thread
 * same.push(Buffer.from("first"));
 * same.push(Buffer.from("second"));
 * same.close();
 * console.log(queue.shift()?.toString(), (await queue.shiftAsync())?.toString()); // first second
 * console.log(queue.shift()); // undefined
 * queue.free();
 * ```
 */
export class Queue {
  /** Its address, for `Queue.at` in other threads. */
  readonly pointer: Pointer;
  /** Bytes of the ring. A record takes its length rounded up to a multiple of 4, plus 4. */
  readonly capacity: number;
  readonly #writing: Lock;
  readonly #reading: Lock;
  readonly #toReaders: Signal;
  readonly #toWriters: Signal;
  readonly #ring: Ring;
  readonly #fresh: LongRecord;
  readonly #taken: LongRecord;
  #owns: boolean;
  #isFreed = false;

  /**
   * Makes an empty queue.
   *
   * @param bytes of its ring, rounded up to a power of two: from 64 to 2^30
   * @throws HeapError ERR_INVALID_ARG for another number; ERR_OUT_OF_MEMORY
   */
  constructor(bytes: number);
  /** @internal */
  constructor(bytes: number, existing: Pointer | undefined);
  constructor(bytes: number, existing?: Pointer) {
    this.#owns = existing === undefined;
    this.capacity = existing === undefined ? checkedCapacity(bytes) : read.u32(existing, CAPACITY);
    this.pointer = existing ?? create(this.capacity);
    this.#writing = new Lock(this.pointer, WRITE_LOCK);
    this.#reading = new Lock(this.pointer, READ_LOCK);
    this.#toReaders = new Signal(this.pointer, TO_READERS);
    this.#toWriters = new Signal(this.pointer, TO_WRITERS);
    this.#ring = new Ring(this.pointer, RING, this.capacity);
    this.#fresh = new LongRecord(this.pointer, FRESH);
    this.#taken = new LongRecord(this.pointer, TAKEN);
  }

  /**
   * The queue at an address, in any thread.
   *
   * @throws HeapError ERR_INVALID_POINTER when no queue starts there
   */
  static at(pointer: Pointer): Queue {
    checkKind("Queue.at", pointer, Kind.queue);
    return new Queue(0, pointer);
  }

  /** Bytes of the longest record that lies in the ring; longer ones get a block each. */
  get longestInRing(): number {
    return this.capacity - LENGTH_BYTES;
  }

  /** Bytes of the ring in use; other threads may be changing it. */
  get bytes(): number {
    this.#checkOpen();
    const head = atomic.u32.load(this.pointer, HEAD);
    // Head is the older of the two: others may have taken records since and added more.
    return Math.min(this.capacity, (atomic.u32.load(this.pointer, TAIL) - head) >>> 0);
  }

  /** Whether the queue was closed: nothing more can be added. */
  get closed(): boolean {
    this.#checkOpen();
    return atomic.u32.load(this.pointer, CLOSED) !== 0;
  }

  /**
   * Adds a record at the end; waits while there is no room.
   *
   * @param record its bytes, which are copied; up to 2^31 - 1
   * @param timeoutMs how long to wait at most, in milliseconds; 0 does not wait
   * @returns whether it was added before the time was up
   * @throws HeapError ERR_INVALID_ARG for another value or a longer one; ERR_INVALID_STATE when the queue is closed;
   *   ERR_OUT_OF_MEMORY for a record longer than the ring
   */
  push(record: Uint8Array, timeoutMs = Number.POSITIVE_INFINITY): boolean {
    this.#checkOpen();
    const needed = this.#bytesFor(record);
    const deadline = deadlineOf("Queue.push", timeoutMs);
    for (;;) {
      const isAdded = this.#tryPush(record, needed, deadline);
      if (isAdded || deadline === NOW) return isAdded;
      const prepared = this.#toWriters.prepare();
      const hasChanged = this.capacity - this.bytes >= needed || this.closed;
      if (hasChanged ? isOver(deadline) : !this.#toWriters.sleep(prepared, deadline)) return false;
    }
  }

  /**
   * Takes the first record; waits while there is none.
   *
   * @param timeoutMs how long to wait at most, in milliseconds; 0 does not wait
   * @returns a copy of its bytes, or undefined when the time was up, or the queue is closed and empty
   * @throws HeapError ERR_INVALID_ARG for an invalid timeout
   */
  shift(timeoutMs = Number.POSITIVE_INFINITY): Buffer | undefined {
    const deadline = deadlineOf("Queue.shift", timeoutMs);
    for (;;) {
      const closed = this.closed; // read first: a record that was added before close() is still taken
      const record = this.#tryShift(deadline);
      if (record !== undefined || closed || deadline === NOW) return record;
      const prepared = this.#toReaders.prepare();
      const hasChanged = this.bytes > 0 || this.closed;
      if (hasChanged ? isOver(deadline) : !this.#toReaders.sleep(prepared, deadline)) return undefined;
    }
  }

  /**
   * shift() as a promise, without blocking the thread.
   *
   * @throws HeapError as shift, and ERR_INVALID_STATE when too many wait, as in atomic.waitAsync
   */
  async shiftAsync(timeoutMs = Number.POSITIVE_INFINITY): Promise<Buffer | undefined> {
    const deadline = deadlineOf("Queue.shiftAsync", timeoutMs);
    for (;;) {
      const closed = this.closed;
      const record = this.#tryShift(Number.POSITIVE_INFINITY);
      if (record !== undefined || closed || deadline === NOW) return record;
      const prepared = this.#toReaders.prepare();
      if (this.bytes > 0 || this.closed) continue;
      if (!(await this.#toReaders.sleepAsync(prepared, deadline))) return undefined;
    }
  }

  /** Closes the queue to push(). shift() still takes what is left, then returns undefined; waiters are woken. Any thread. */
  close(): void {
    this.#checkOpen();
    atomic.u32.store(this.pointer, 1, CLOSED);
    this.#toReaders.wake(Number.POSITIVE_INFINITY);
    this.#toWriters.wake(Number.POSITIVE_INFINITY);
  }

  /** Frees the queue if this object made it by `new`: for `using`. */
  [Symbol.dispose](): void {
    if (this.#owns) this.free();
  }

  /**
   * Frees the queue and the records in it. No thread may use it afterwards: this object throws ERR_DISPOSED, and others do so as long as
   * the memory is not allocated again.
   *
   * @throws HeapError ERR_INVALID_POINTER or ERR_DOUBLE_FREE when it was freed already
   */
  free(): void {
    if (this.#isFreed) throw freedTwice(Kind.queue);
    this.#owns = false;
    retireKind(this.pointer, Kind.queue);
    this.#isFreed = true;
    this.#freeLong();
    free(this.pointer);
  }

  #checkOpen(): void {
    checkOpen(this.pointer, Kind.queue, this.#isFreed);
  }

  /** Bytes of the ring that a record takes. */
  #bytesFor(record: Uint8Array): number {
    if (!isUint8Array(record)) throw wrongType("Queue.push", "a Uint8Array", record);
    if (record.length <= this.longestInRing) return takenBy(record.length);
    if (record.length <= MOST_LENGTH) return LONG_TAKES;
    throw wrongRange("Queue.push", `at most ${MOST_LENGTH} bytes`, record.length);
  }

  #tryPush(record: Uint8Array, needed: number, deadline: number): boolean {
    if (!this.#writing.acquire(deadline)) return false;
    try {
      return this.#add(record, needed);
    } finally {
      this.#writing.release();
    }
  }

  #tryShift(deadline: number): Buffer | undefined {
    if (!this.#reading.acquire(deadline)) return undefined;
    try {
      return this.#take();
    } finally {
      this.#reading.release();
    }
  }

  /** Adds it if there is room. Under the lock. */
  #add(record: Uint8Array, needed: number): boolean {
    if (this.closed) throw invalidState("Queue.push: the queue is closed; nothing can be added any more");
    const tail = read.u32(this.pointer, TAIL); // which changes under this lock alone
    // Acquires: readers have read the bytes that are overwritten now.
    if (this.capacity - ((tail - atomic.u32.load(this.pointer, HEAD)) >>> 0) < needed) return false;
    this.#fresh.settle(tail, false); // recovers a dead writer's block, before tail changes
    const isLong = record.length > this.longestInRing;
    if (isLong) this.#ring.writeLong(tail, this.#fresh.make(record, tail));
    else this.#ring.write(tail, record);
    // The store releases and readers' loads acquire: who sees the new tail sees the record.
    atomic.u32.store(this.pointer, (tail + needed) >>> 0, TAIL);
    if (isLong) this.#fresh.forget();
    this.#toReaders.wake(1);
    return true;
  }

  /** Takes the first record, if there is one. Under the lock. */
  #take(): Buffer | undefined {
    const head = read.u32(this.pointer, HEAD); // which changes under this lock alone
    this.#taken.settle(head, true);
    if (head === atomic.u32.load(this.pointer, TAIL)) return undefined;
    const block = this.#ring.readLong(head);
    if (block !== NULL) return this.#takeLong(block, head);
    const record = this.#ring.read(head);
    // Releases: writers that see the new head overwrite the record, which has been read by then.
    atomic.u32.store(this.pointer, (head + takenBy(record.length)) >>> 0, HEAD);
    this.#toWriters.wake(Number.POSITIVE_INFINITY); // all: one writer's record may fit where another's does not
    return record;
  }

  #takeLong(block: Pointer, head: number): Buffer {
    const record = bytesIn(block);
    this.#taken.note(block, head);
    atomic.u32.store(this.pointer, (head + LONG_TAKES) >>> 0, HEAD);
    this.#taken.freeNoted();
    this.#toWriters.wake(Number.POSITIVE_INFINITY);
    return record;
  }

  /** Frees the blocks of long records. Nobody uses the queue any more. */
  #freeLong(): void {
    const tail = read.u32(this.pointer, TAIL);
    let head = read.u32(this.pointer, HEAD);
    this.#fresh.settle(tail, false);
    this.#taken.settle(head, true);
    for (; head !== tail; head = (head + this.#ring.taken(head)) >>> 0) free(this.#ring.readLong(head));
  }
}

function create(capacity: number): Pointer {
  const pointer = calloc(1, RING + capacity);
  write.u32(pointer, capacity, CAPACITY);
  write.u32(pointer, Kind.queue);
  return pointer;
}
