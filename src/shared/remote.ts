/**
 * Remote frees: freeing a block of another thread's heap by marking it and sending it to its owner. The receiving side is inbox.ts.
 *
 * Owns the marks, the outbox, pushing to the inbox of a heap, and recovering both after a death between two steps. Must not know
 * coalescing or caches.
 *
 *   freeing thread                                       owner
 *   mark the block (compareExchange on its check word)
 *   put it in the outbox, one chain per heap             Rec.inbox: a chain of chains, linked through payloads
 *   send the chain (one compareExchange on Rec.inbox) ->
 *                                                        take all (one compareExchange), then block by block: remove the
 *                                                        mark, and free it like any other
 *
 * Of two threads that free a block at once, one sets the mark; the other gets ERR_DOUBLE_FREE. A chain is sent when it has
 * CHAIN_BLOCKS blocks or CHAIN_UNITS, so that the inbox, a contended cache line, is touched seldom; an outbox holds at most that
 * in each of its OUTBOX_CHAINS chains. Pushing chains and taking all at once is Treiber's stack (1986) without its ABA problem.
 *
 *   chain + 0   destination   the record of the heap that the blocks belong to; 0 while unused
 *         + 1   head          first block, linked by word 2 of each; the last one's link is 0 until it is sent
 *         + 2   tail
 *         + 3   load          units of its blocks, shifted, and their number
 *         + 4   sent          1 from before the compareExchange that sends it until the chain is empty again
 *         + 5   blocks after  what Rec.sentBlocks and Rec.sentUnits will be when it is sent
 *         + 6   units after
 *
 * A made heap may be wiped at any moment, and no outbox may then hold blocks of it, whose memory is reused. So its blocks are
 * only marked, and not sent. The owner finds them by a walk over all headers (heap/gather.ts); Rec.markedUnits tells it when that
 * is worth it.
 *
 * A thread may die between any two stores. Rec.sending says which block it was marking. A chain with `sent` set was sent or was
 * not: hasArrived() looks for it in its owner's inbox.
 *
 * Each block on its own, straight onto the inbox, would need none of the chains, and a free takes 42 ns then instead of 34 even
 * while its owner does nothing: a second exchange for each block.
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
import { indexOf, Kind, kindOf } from "./heaps.js";
import { hasArrived, isMarkedBlock, LINK } from "./inbox.js";

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

/** Sends blocks to other heaps, on behalf of the heap with this record. */
export class Outbox {
  readonly #window: Window;
  readonly #m: Int32Array;
  readonly #record: number;
  readonly #ownMark: number;
  readonly #secret: number;

  constructor(window: Window, record: number, secret: number) {
    this.#window = window;
    this.#m = window.words;
    this.#record = record;
    this.#ownMark = markOf(indexOf(this.#m[record + Rec.entry]!));
    this.#secret = secret;
  }

  /** Frees a live block of the heap `owner`; false when another thread was faster, or 0 has it: it was vacated meanwhile. */
  put(b: Block, owner: number): boolean {
    const m = this.#m;
    if (owner === 0) return false;
    if (kindOf(m, m[owner + Rec.entry]!) !== Kind.thread) return this.#putMark(b, owner);
    m[this.#record + Rec.sending] = b;
    if (!this.#mark(b)) {
      m[this.#record + Rec.sending] = 0;
      return false;
    }
    const chain = this.#chainFor(ownerOfWord(m, b)); // of now: since it is marked nobody can vacate it
    this.#link(chain, b);
    m[this.#record + Rec.sending] = 0;
    const load = m[chain + LOAD]!;
    if ((load & COUNT_MASK) >= CHAIN_BLOCKS || load >>> COUNT_BITS >= CHAIN_UNITS) this.#send(chain);
    return true;
  }

  /** Marks a block and no more. A thread that dies after the exchange has freed it, and only not counted that. */
  #putMark(b: Block, owner: number): boolean {
    const m = this.#m;
    const size = sizeOf(m, b); // before the owner can have it back
    if (!this.#mark(b, true)) return false;
    this.#window.add(owner + Rec.markedBlocks, 1);
    this.#window.add(owner + Rec.markedUnits, size >>> 4);
    m[this.#record + Rec.sentMarks] = m[this.#record + Rec.sentMarks]! + 1;
    return true;
  }

  /**
   * Marks a live block of any heap: who has done that has the block, and all others see a free one from here on. False when
   * another thread was faster. If the owner freed it by plain stores meanwhile, the mark is removed. Those stores may not be
   * visible yet: then both frees succeed, and the owner overwrites the mark when it allocates the block. In a made heap a mark that is
   * gone is no sign of that: there `mayBeTaken`, by the owner or whoever reclaims, as soon as it is set.
   */
  #mark(b: Block, mayBeTaken = false): boolean {
    const checksum = checksumOf(b, sizeOf(this.#m, b), this.#secret);
    if (!this.#window.compareExchange(checkWordOf(b), checksum, checksum ^ this.#ownMark)) return false;
    if (markAt(this.#m, b, this.#secret) === this.#ownMark) return true;
    const isRemoved = this.#window.compareExchange(checkWordOf(b), checksum ^ this.#ownMark, checksum);
    return mayBeTaken && !isRemoved;
  }

  /**
   * Frees (CACHED) a live block of this heap atomically with respect to other threads that free it; false when one of them was
   * faster. Small blocks are freed without: the exchange would cost more than all the rest of free().
   */
  freeAtomically(b: Block): boolean {
    const m = this.#m;
    if (m[Control.heaps] === 1 && this.#freeAlone(b)) return true;
    m[this.#record + Rec.sending] = b;
    const freed = this.#mark(b);
    if (freed) markCached(m, b);
    m[this.#record + Rec.sending] = 0;
    return freed;
  }

  /**
   * freeAtomically() by plain stores while there is one heap: the exchange takes 6 ns of 37. A new thread enters the table of heaps many
   * system calls before it can free anything, which is far longer than a store takes to become visible. So either it sees this
   * store, or this thread sees its entry: the flag principle with bounded store visibility (Morrison and Afek, 2015). False, with
   * the block live as before, when there is another heap now.
   */
  #freeAlone(b: Block): boolean {
    const m = this.#m;
    m[b] = m[b]! | CACHED; // the checksum stays as it is: a new thread may have marked it already
    if (m[Control.heaps] !== 1) {
      m[b] = m[b]! & ~CACHED;
      return false;
    }
    markCached(m, b);
    return true;
  }

  /** Marks a live block of a thread's heap and no more: it is kept aside, and freed for all others. False when one was faster. */
  hold(b: Block): boolean {
    return this.#mark(b);
  }

  /** Takes the mark off a block that is kept aside, so that it can be freed. */
  letGo(b: Block): void {
    unmark(this.#m, b, this.#secret);
  }

  /** Sends all chains. */
  flush(): void {
    for (let i = 0; i < OUTBOX_CHAINS; i++) this.#send(this.#record + Rec.outbox + i * CHAIN_WORDS);
  }

  /**
   * Completes the free that a dead thread was in, and sends what it left in the outbox. Can be repeated after a death. The caller
   * has claimed the heap.
   */
  recover(threads: OsThreads): void {
    const m = this.#m;
    const b = m[this.#record + Rec.sending]! as Block;
    for (let i = 0; i < OUTBOX_CHAINS; i++) {
      const chain = this.#record + Rec.outbox + i * CHAIN_WORDS;
      if (m[chain + HEAD] === 0 || m[chain + SENT] === 0) m[chain + SENT] = 0;
      else if (
        hasArrived(
          this.#window,
          threads,
          m[chain + DESTINATION]!,
          m[chain + HEAD]! as Block,
          this.#ownMark,
          this.#secret,
        )
      )
        this.#emptied(chain);
      else m[chain + SENT] = 0;
      if (m[chain + HEAD] !== 0) this.#count(chain);
    }
    const owner = b === 0 ? 0 : ownerOfWord(m, b);
    // Without an owner it was not marked: nobody vacates a block that is.
    if (owner !== 0 && markAt(m, b, this.#secret) === this.#ownMark) {
      const chain = this.#chainFor(owner);
      if (m[chain + HEAD] !== b) this.#link(chain, b);
    }
    m[this.#record + Rec.sending] = 0;
    this.flush();
  }

  /** The chain for a heap. If it has blocks of another heap, they are sent first. */
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

  /** The head last: with that store the block is in the chain. */
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

  /** Counts a chain that was sent, and empties it. */
  #emptied(chain: number): void {
    const m = this.#m;
    m[this.#record + Rec.sentBlocks] = m[chain + BLOCKS_AFTER]!;
    m[this.#record + Rec.sentUnits] = m[chain + UNITS_AFTER]!;
    m[chain + LOAD] = 0;
    m[chain + HEAD] = 0;
    m[chain + SENT] = 0;
  }

  /** Recomputes the load from the links, and ends the chain at its tail, or earlier where a link was overwritten. */
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

/** Blocks of other heaps that were freed on this one, sent or not; wraps around. */
export function freedForOthers(m: Int32Array, record: number): { blocks: number; units: number } {
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
