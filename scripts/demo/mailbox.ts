/**
 * A mailbox: pointers on their way from one thread to one other, in the order in which they were sent.
 *
 *   word   0   sent     how many pointers were published since the beginning
 *         16   taken    how many of them were taken out
 *         32   slots    doubles, one for each pointer on its way; a power of two of them
 *
 * Owns the ring and its two counts, which lie on different cache lines and are published in groups, so that two
 * processors do not pull at them for each pointer. Waits are bounded: whoever waits too long throws.
 */
import { NULL, type Pointer } from "../../src/index.js";
import { PATIENCE_MS } from "./meeting.js";

const SENT = 0;
const TAKEN = 16;
const SLOTS_AT = 32 * 4;
/** Counts are published after so many pointers. */
const GROUP = 32;

/** Room for `slots` pointers on their way. */
export function newMailbox(slots: number): SharedArrayBuffer {
  return new SharedArrayBuffer(SLOTS_AT + slots * 8);
}

/** One side of a mailbox: a thread either sends or receives. */
export class Mailbox {
  readonly #words: Int32Array;
  readonly #slots: Float64Array;
  readonly #mask: number;
  /** Of this side: pointers sent or taken so far, and how far the other side was when last looked at. */
  #done = 0;
  #seen = 0;
  /** What of `done` the other side was told. */
  #told = 0;

  constructor(shared: SharedArrayBuffer) {
    this.#words = new Int32Array(shared);
    this.#slots = new Float64Array(shared, SLOTS_AT);
    this.#mask = this.#slots.length - 1;
  }

  /** Puts a pointer in; false when there is no room. */
  offer(pointer: Pointer): boolean {
    if (this.#done - this.#seen > this.#mask) {
      this.#publish(SENT);
      // Orders the other side's reads of the slot before it is written again.
      this.#seen = Atomics.load(this.#words, TAKEN);
      if (this.#done - this.#seen > this.#mask) return false;
    }
    this.#slots[this.#done++ & this.#mask] = pointer;
    if (this.#done % GROUP === 0) this.#publish(SENT);
    return true;
  }

  /** Takes a pointer out; NULL when none has come. */
  poll(): Pointer {
    if (this.#done === this.#seen) {
      this.#publish(TAKEN);
      // Orders the slot, and what the pointer leads to, before they are read.
      this.#seen = Atomics.load(this.#words, SENT);
      if (this.#done === this.#seen) return NULL;
    }
    const pointer = this.#slots[this.#done++ & this.#mask] as Pointer;
    if (this.#done % GROUP === 0) this.#publish(TAKEN);
    return pointer;
  }

  /** Waits for room. */
  send(pointer: Pointer): void {
    if (this.offer(pointer)) return;
    const deadline = performance.now() + PATIENCE_MS;
    while (!this.offer(pointer)) this.#await(TAKEN, deadline);
  }

  /** Waits for a pointer. */
  receive(): Pointer {
    let pointer = this.poll();
    if (pointer !== NULL) return pointer;
    const deadline = performance.now() + PATIENCE_MS;
    while (pointer === NULL) {
      this.#await(SENT, deadline);
      pointer = this.poll();
    }
    return pointer;
  }

  /** The last pointers of a row were sent: nobody waits for a group to fill. */
  flush(): void {
    this.#publish(SENT);
  }

  /** Orders all that was written before it, slots and blocks. */
  #publish(word: number): void {
    if (this.#told === this.#done) return;
    this.#told = this.#done;
    Atomics.store(this.#words, word, this.#done);
    Atomics.notify(this.#words, word);
  }

  #await(word: number, deadline: number): void {
    Atomics.wait(this.#words, word, this.#seen, PATIENCE_MS);
    if (performance.now() > deadline)
      throw new Error(`the other thread stands still after ${PATIENCE_MS} ms`);
  }
}
