/**
 * Freeing a block of another thread's heap: marking it, and sending it to its owner. How the owner takes it back is inbox.ts's.
 *
 * Owns the outbox, pushing to the list of each heap, and what becomes of both when a thread dies between two steps. Must not
 * know joining or caches.
 *
 *   freeing thread                                       owner
 *   mark the block (compareExchange on its check word)
 *   put it in the outbox, one chain per heap             Rec.inbox: a chain of chains, linked through payloads
 *   send the chain (one compareExchange on Rec.inbox) ->
 *                                                        take all (one compareExchange), then block by block: remove the
 *                                                        mark, and free it like any other
 *
 * The mark makes the block the freeing thread's alone: of two threads that free it at once, one is told that it is
 * free already. A chain is sent when it has CHAIN_BLOCKS blocks or CHAIN_UNITS of memory, so that the list, which two
 * processors pull at, is touched seldom; an outbox never holds more than that for each of its OUTBOX_CHAINS places.
 * Pushing chains and taking all at once is Treiber's stack (1986) without its ABA problem.
 *
 *   chain + 0   destination   the record of the heap that the blocks belong to; 0 while unused
 *         + 1   head          first block, linked by word 2 of each; the last one's link is 0 until it is sent
 *         + 2   tail
 *         + 3   load          bytes / 16 of its blocks, shifted, and their number
 *         + 4   sent          1 from before the compareExchange that sends it until the chain is empty again
 *         + 5   blocks after  what Rec.sentBlocks and Rec.sentUnits will be when it is sent
 *         + 6   units after
 *
 * A heap that a program made may be emptied at any moment, and no outbox may then hold blocks of it: its memory is
 * somebody else's soon. Of its blocks only the mark is left, by one exchange; the owner finds them when it looks at all
 * headers (heap/gather.ts), and Rec.leftUnits tells it when that is worth it.
 *
 * A thread may die between any two stores. Rec.sending says which block it was marking; a chain with `sent` set was
 * sent or was not, and settleChain() finds out by looking for it in its owner's list while the owner does not take
 * that apart (Rec.drains is even and stays the same).
 */
import {
  CACHED,
  checksumOf,
  checkWordOf,
  markAt,
  markCached,
  markOf,
  sizeOf,
  unmark,
} from "../block/block.js";
import { Control, ownerOfWord } from "../memory/control.js";
import type { Block, Window } from "../memory/memory.js";
import * as Rec from "../memory/record-words.js";
import type { OsThreads } from "../platform/os-threads.js";
import { indexOf, isAlive, Kind, kindOf } from "./heaps.js";
import { isMarkedBlock, LINK, listContains } from "./inbox.js";

const OUTBOX_CHAINS = 8;
const CHAIN_WORDS = 8;
const CHAIN_BLOCKS = 32;
const CHAIN_UNITS = 512; // 8 KiB
const CHAIN_CHUNK_SHIFT = 18;
const DESTINATION = 0;
const HEAD = 1;
const TAIL = 2;
const LOAD = 3;
const SENT = 4;
const BLOCKS_AFTER = 5;
const UNITS_AFTER = 6;
const COUNT_BITS = 6;
const COUNT_MASK = (1 << COUNT_BITS) - 1;
/** In milliseconds, and how often: an owner takes its list apart in less. */
const WAIT = 1;
const WAITS = 2000;

/** Sends blocks to other heaps, on behalf of the heap with this record. */
export class Outbox {
  readonly #window: Window;
  readonly #m: Int32Array;
  readonly #record: number;
  readonly #mark: number;
  readonly #secret: number;

  constructor(window: Window, record: number, secret: number) {
    this.#window = window;
    this.#m = window.words;
    this.#record = record;
    this.#mark = markOf(indexOf(this.#m[record + Rec.entry]!));
    this.#secret = secret;
  }

  /** Frees a block of the heap `owner`, seen to be live; false when another thread was faster. */
  put(b: Block, owner: number): boolean {
    const m = this.#m;
    if (kindOf(m, m[owner + Rec.entry]!) !== Kind.thread) return this.#leave(b, owner);
    const checksum = checksumOf(b, sizeOf(m, b), this.#secret);
    m[this.#record + Rec.sending] = b;
    // Whoever changes the checksum has the block; all others see a free one from here on.
    const marked = this.#window.compareExchange(checkWordOf(b), checksum, checksum ^ this.#mark);
    if (!marked || !this.#isStillLive(b, checksum)) {
      m[this.#record + Rec.sending] = 0;
      return false;
    }
    const chain = this.#chainFor(owner);
    this.#link(chain, b);
    m[this.#record + Rec.sending] = 0;
    const load = m[chain + LOAD]!;
    if ((load & COUNT_MASK) >= CHAIN_BLOCKS || load >>> COUNT_BITS >= CHAIN_UNITS) this.#send(chain);
    return true;
  }

  /** Marks a block and no more. A thread that dies after the exchange has freed it, and only not counted that. */
  #leave(b: Block, owner: number): boolean {
    const m = this.#m;
    const size = sizeOf(m, b); // before the owner can have it back
    const checksum = checksumOf(b, size, this.#secret);
    const marked = this.#window.compareExchange(checkWordOf(b), checksum, checksum ^ this.#mark);
    if (!marked || !this.#isStillLive(b, checksum)) return false;
    this.#window.add(owner + Rec.leftBlocks, 1);
    this.#window.add(owner + Rec.leftUnits, size >>> 4);
    m[this.#record + Rec.leftElsewhere] = m[this.#record + Rec.leftElsewhere]! + 1;
    return true;
  }

  /**
   * Whether the owner did not free the block while it was being marked; else the mark is taken off again. The owner's
   * store may not be visible yet: then both frees succeed, and the mark goes when the owner hands the block out.
   */
  #isStillLive(b: Block, checksum: number): boolean {
    const live = markAt(this.#m, b, this.#secret) === this.#mark;
    if (!live) this.#window.compareExchange(checkWordOf(b), checksum ^ this.#mark, checksum);
    return live;
  }

  /**
   * Makes a live block of this very heap freed (CACHED), against other threads that free it at this moment; false when
   * one of them was faster. Blocks that go to the cache do without: there it would cost more than all the rest.
   */
  claim(b: Block): boolean {
    const m = this.#m;
    if (m[Control.heaps] === 1 && this.#claimAlone(b)) return true;
    const checksum = checksumOf(b, sizeOf(m, b), this.#secret);
    m[this.#record + Rec.sending] = b;
    const claimed = this.#window.compareExchange(checkWordOf(b), checksum, checksum ^ this.#mark);
    if (claimed) markCached(m, b);
    m[this.#record + Rec.sending] = 0;
    return claimed;
  }

  /**
   * claim() by plain stores while there is one heap: the exchange takes 10 ns of 60. A thread that comes is in the table
   * of heaps many system calls before it can free anything, far longer than a store takes to be seen by others, so that
   * either it sees this store or this thread sees the table: a flag principle on a machine whose stores wait for a bounded
   * time (Morrison and Afek, 2015). False, with the block live as before, when one has come.
   */
  #claimAlone(b: Block): boolean {
    const m = this.#m;
    m[b] = m[b]! | CACHED; // the checksum stays as it is: the thread that came may have marked it already
    if (m[Control.heaps] !== 1) {
      m[b] = m[b]! & ~CACHED;
      return false;
    }
    markCached(m, b);
    return true;
  }

  /** Marks a live block of a thread's heap and no more: it is kept aside, and freed for all others. False when one was faster. */
  hold(b: Block): boolean {
    const checksum = checksumOf(b, sizeOf(this.#m, b), this.#secret);
    return this.#window.compareExchange(checkWordOf(b), checksum, checksum ^ this.#mark);
  }

  /** Takes the mark off a block that is kept aside, so that it can be freed. */
  letGo(b: Block): void {
    unmark(this.#m, b, this.#secret);
  }

  /** Sends everything. */
  flush(): void {
    for (let i = 0; i < OUTBOX_CHAINS; i++) this.#send(this.#record + Rec.outbox + i * CHAIN_WORDS);
  }

  /**
   * Sends what a dead thread left in the outbox, and finishes what it was doing. May itself be interrupted by a death and
   * done again. The caller has claimed the heap.
   */
  recover(threads: OsThreads): void {
    const m = this.#m;
    const b = m[this.#record + Rec.sending]! as Block;
    for (let i = 0; i < OUTBOX_CHAINS; i++) {
      const chain = this.#record + Rec.outbox + i * CHAIN_WORDS;
      if (m[chain + HEAD] === 0 || m[chain + SENT] === 0) m[chain + SENT] = 0;
      else if (settleChain(this.#window, threads, chain, this.#mark, this.#secret)) this.#emptied(chain);
      else m[chain + SENT] = 0;
      if (m[chain + HEAD] !== 0) this.#count(chain);
    }
    if (b !== 0 && markAt(m, b, this.#secret) === this.#mark) {
      const owner = ownerOfWord(m, b);
      const chain = this.#chainFor(owner);
      if (m[chain + HEAD] !== b) this.#link(chain, b);
    }
    m[this.#record + Rec.sending] = 0;
    this.flush();
  }

  /** The chain for a heap; what is in its place for another is sent first. */
  #chainFor(owner: number): number {
    const m = this.#m;
    const place = (owner >>> CHAIN_CHUNK_SHIFT) & (OUTBOX_CHAINS - 1);
    const chain = this.#record + Rec.outbox + place * CHAIN_WORDS;
    if (m[chain + DESTINATION] !== owner) {
      this.#send(chain);
      m[chain + DESTINATION] = owner;
    }
    return chain;
  }

  /** The head last: by it the block is in the chain. */
  #link(chain: number, b: Block): void {
    const m = this.#m;
    const head = m[chain + HEAD]!;
    m[b + LINK] = head;
    if (head === 0) m[chain + TAIL] = b;
    m[chain + HEAD] = b;
    m[chain + LOAD] = m[chain + LOAD]! + loadOf(m, b);
  }

  #send(chain: number): void {
    const m = this.#m;
    const head = m[chain + HEAD]!;
    if (head === 0) return;
    const load = m[chain + LOAD]!;
    m[chain + BLOCKS_AFTER] = m[this.#record + Rec.sentBlocks]! + (load & COUNT_MASK);
    m[chain + UNITS_AFTER] = m[this.#record + Rec.sentUnits]! + (load >>> COUNT_BITS);
    m[chain + SENT] = 1;
    const list = m[chain + DESTINATION]! + Rec.inbox;
    const tail = m[chain + TAIL]!;
    for (;;) {
      const first = this.#window.atomicLoad(list);
      m[tail + LINK] = first;
      // Orders the links before the list that leads to them.
      if (this.#window.compareExchange(list, first, head)) break;
    }
    this.#emptied(chain);
  }

  /** The chain was sent: it counts now, and is empty. */
  #emptied(chain: number): void {
    const m = this.#m;
    m[this.#record + Rec.sentBlocks] = m[chain + BLOCKS_AFTER]!;
    m[this.#record + Rec.sentUnits] = m[chain + UNITS_AFTER]!;
    m[chain + LOAD] = 0;
    m[chain + HEAD] = 0;
    m[chain + SENT] = 0;
  }

  /** Makes the load again from the links, and ends the chain at its tail: before, or where a link was overwritten. */
  #count(chain: number): void {
    const m = this.#m;
    const owner = m[chain + DESTINATION]!;
    const tail = m[chain + TAIL]!;
    let last = m[chain + HEAD]! as Block;
    let load = loadOf(m, last);
    while (last !== tail && isMarkedBlock(m, m[last + LINK]!, owner, this.#secret)) {
      last = m[last + LINK]! as Block;
      load += loadOf(m, last);
    }
    m[last + LINK] = 0;
    m[chain + TAIL] = last;
    m[chain + LOAD] = load;
  }
}

/** What a block adds to the load of its chain. */
function loadOf(m: Int32Array, b: Block): number {
  return ((sizeOf(m, b) >>> 4) << COUNT_BITS) + 1;
}

/** Whether the chain of a dead thread was sent. */
function settleChain(
  window: Window,
  threads: OsThreads,
  chain: number,
  mark: number,
  secret: number,
): boolean {
  const m = window.words;
  const record = m[chain + DESTINATION]!;
  const head = m[chain + HEAD]! as Block;
  for (let waits = 0; waits < WAITS; waits++) {
    const drains = window.atomicLoad(record + Rec.drains);
    if ((drains & 1) === 0) {
      const found = listContains(window, record, head, secret) || markAt(m, head, secret) !== mark;
      // An exchange for the number that is there: on arm64 the reads above might be made after a mere load.
      if (window.compareExchange(record + Rec.drains, drains, drains)) return found;
    } else if (!isAlive(window, threads, m[record + Rec.entry]!)) {
      return deadOwnerHas(window, record, head, mark, secret);
    } else {
      threads.waitOn(window.addressOf(record + Rec.drains), drains, WAIT);
    }
  }
  return true; // an owner that stands still in the middle: rather lose a chain than hand it out twice
}

/** Whether the chain was sent to an owner that died while it took its inbox apart. */
function deadOwnerHas(window: Window, record: number, head: Block, mark: number, secret: number): boolean {
  const m = window.words;
  return (
    markAt(m, head, secret) !== mark ||
    m[record + Rec.receiving] === head ||
    listContains(window, record, head, secret)
  );
}

/** Blocks of other heaps that were freed on this one, sent or not; wraps around. */
export function freedElsewhere(m: Int32Array, record: number): { blocks: number; units: number } {
  let blocks = m[record + Rec.sentBlocks]!;
  let units = m[record + Rec.sentUnits]!;
  for (let i = 0; i < OUTBOX_CHAINS; i++) {
    const load = m[record + Rec.outbox + i * CHAIN_WORDS + LOAD]!;
    blocks += load & COUNT_MASK;
    units += load >>> COUNT_BITS;
  }
  return { blocks: blocks | 0, units: units | 0 };
}

if (Rec.outbox + OUTBOX_CHAINS * CHAIN_WORDS > Rec.cache)
  throw new Error("remote: the outbox reaches into the cache");
if (CHAIN_BLOCKS > COUNT_MASK) throw new Error("remote: the number of blocks of a chain does not fit");
