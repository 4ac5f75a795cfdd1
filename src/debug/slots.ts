/**
 * Blocks that have pages of their own: a sample of all, so that a wrong access to one of them is caught where it happens, at a
 * cost that a program in use can bear. As GWP-ASan does it (https://llvm.org/docs/GwpAsan.html).
 *
 *   pool  | note | code | -- | slot | -- | slot | -- …        --: a page that nobody may access
 *   slot  | 0xfd … 0xfd | block |      or      | block | 0xfd … 0xfd |
 *
 * A block lies at the end of its slot or at its start, by chance: an access behind it, or before it, is refused by the processor. The
 * rest of its pages is looked at when it is freed. A slot without a block may not be accessed either; the one that has been without for
 * longest is used next. What JavaScript accesses by this library is asked about before (`allows`), and throws.
 *
 * Owns the slots. All threads use the same; states change under the lock. A thread that dies in a change leaves a state that nobody
 * else sees under the lock, and its slot is used again.
 */
import { threadId } from "node:worker_threads";
import { HeapError, hex } from "../errors.js";
import { internals, type Pointer } from "../index.js";
import { distance } from "./guard.js";
import { Sampler } from "./sampler.js";
import { HEADER_BYTES, type Noted, SLOT_BYTES, SlotNote, State } from "./slot-note.js";
import { frameText, type Stack, Stacks } from "./stacks.js";

/** What a program has at a time. */
const SLOTS = 32;
/** All sizes that the fast path of malloc serves fit into a slot. */
const LEAST_SLOT_BYTES = 12 * 1024;
const ZONE_BYTE = 0xfd;
const FRAMES = 8;
const SMALL_LIMIT = 2 ** 31;

const { UNKNOWN, FREED, pageSize } = internals.slots;
const { counting } = internals;
const slotBytes = roundUp(LEAST_SLOT_BYTES, pageSize);
const stride = slotBytes + pageSize;

/** Bytes of the parts of a pool. */
export const noteBytes = roundUp(HEADER_BYTES + SLOTS * SLOT_BYTES, pageSize);
export const codeBytes = pageSize;
export const closedBytes = pageSize + SLOTS * stride;

/** Writes the note of a pool without blocks. */
export function beginNote(pool: Pointer): void {
  const first = pool + noteBytes + codeBytes + pageSize;
  new SlotNote(bytesAt(pool, noteBytes)).begin(
    process.pid,
    process.argv[1] ?? "",
    first,
    stride,
    slotBytes,
    SLOTS,
  );
}

type Os = ReturnType<typeof internals.slots.openPages>;

/** The pool as one thread uses it. */
export class SlotPool {
  readonly pool: Pointer;
  readonly #os: Os;
  /** One block of so many is taken; 0 for none. */
  readonly #every: number;
  /** Due for the smallest blocks as often as they are taken; null where none is. */
  readonly counter: Sampler | null;
  readonly #note: SlotNote;
  readonly #start: number;
  readonly #end: number;
  readonly #bytes = new Uint8Array(internals.buffer);
  readonly #zone = new Uint8Array(slotBytes).fill(ZONE_BYTE);
  readonly #stacks = new Stacks(textOf);

  constructor(pool: Pointer, os: Os, every: number) {
    this.pool = pool;
    this.#os = os;
    this.#every = every;
    this.counter = every === 0 ? null : new Sampler(-counting.LEAST_COUNTED / Math.log(1 - 1 / every));
    this.#note = new SlotNote(bytesAt(pool, noteBytes));
    this.#start = this.#note.start(0) - pageSize;
    this.#end = this.#note.end;
  }

  covers(address: number): boolean {
    return address >= this.#start && address < this.#end;
  }

  take(size: number): number {
    if (!this.#isDue(size) || size > this.#note.usable) return 0;
    const stack = this.#stacks.here();
    let pointer = 0;
    internals.slots.locked(() => {
      pointer = this.#take(size, stack);
    });
    return pointer < SMALL_LIMIT ? pointer | 0 : pointer; // a small integer, as all of malloc's: V8 rule 4 in src/README.md
  }

  pass(size: number): void {
    this.#isDue(size);
  }

  /** By bytes large blocks are due more often. Of those that are due so many are taken that size makes no difference. */
  #isDue(size: number): boolean {
    if (this.counter === null) return false;
    const bytes = counting.countedFor(size);
    if (counting.countDown(bytes)) return false;
    counting.wind();
    const isDue = this.counter.takes(bytes);
    counting.wind();
    return isDue && Math.random() * this.#every * this.counter.chanceOf(bytes) < 1;
  }

  sizeOf(pointer: number): number {
    const slot = this.#slotOf(pointer);
    if (slot < 0) return UNKNOWN;
    return this.#note.state(slot) === State.live ? this.#note.size(slot) : FREED;
  }

  free(pointer: number): number {
    const stack = this.#stacks.here();
    let size = UNKNOWN;
    let overrun: HeapError | null = null;
    internals.slots.locked(() => {
      size = this.sizeOf(pointer);
      if (size < 0) return;
      const slot = this.#slotOf(pointer);
      overrun = this.#overrunOf(slot);
      if (overrun === null) this.#free(slot, stack);
    });
    if (overrun !== null) throw overrun;
    return size;
  }

  allows(operation: string, pointer: number, byteOffset: number, bytes: number): void {
    const at = pointer + byteOffset;
    if (bytes === 0 || (!this.covers(pointer) && !this.covers(at))) return;
    const slot = this.#note.slotAt(this.covers(pointer) ? pointer : at);
    const block = slot < 0 ? null : this.#note.noted(slot);
    if (block?.isLive && at >= block.pointer && at + bytes <= block.pointer + block.size) return;
    throw wrong(operation, at, bytes, this.#meant(pointer, at));
  }

  roomAt(address: number): number {
    const slot = this.#note.slotAt(address);
    if (slot < 0 || this.#note.state(slot) !== State.live || address < this.#note.pointer(slot)) return 0;
    return Math.max(0, this.#note.pointer(slot) + this.#note.size(slot) - address);
  }

  storyOf(pointer: number): string {
    const slot = this.#slotOf(pointer);
    const block = slot < 0 ? null : this.#note.noted(slot);
    return block === null ? "" : block.born + block.freed;
  }

  verify(pointer: number): void {
    let overrun: HeapError | null = null;
    internals.slots.locked(() => {
      if (this.sizeOf(pointer) >= 0) overrun = this.#overrunOf(this.#slotOf(pointer));
    });
    if (overrun !== null) throw overrun;
  }

  live(): Array<{ pointer: number; size: number }> {
    const found = [];
    for (let slot = 0; slot < SLOTS; slot++) {
      if (this.#note.state(slot) !== State.live) continue;
      found.push({ pointer: this.#note.pointer(slot), size: this.#note.size(slot) });
    }
    return found;
  }

  /** The slot that has this block, or had it last; -1 for none. */
  #slotOf(pointer: number): number {
    const slot = this.covers(pointer) ? this.#note.slotAt(pointer) : -1;
    const isThere =
      slot >= 0 && this.#note.state(slot) > State.taking && this.#note.pointer(slot) === pointer;
    return isThere ? slot : -1;
  }

  /** The block that a wrong access was meant for. */
  #meant(pointer: number, at: number): Noted | null {
    const slot = this.#slotOf(pointer);
    return slot < 0 ? this.#note.nearest(at) : this.#note.noted(slot);
  }

  /** Under the lock, as all below. */
  #take(size: number, stack: Uint8Array): number {
    const slot = this.#unused();
    if (slot < 0) return 0;
    this.#note.setState(slot, State.taking);
    const start = this.#note.start(slot);
    const room = roundUp(Math.max(size, 1), 16);
    const pointer = Math.random() < 0.5 ? start : start + slotBytes - room;
    const [from, to] = pagesOf(pointer, room);
    const isOpen = this.#os.protect(from, to - from, "write");
    if (isOpen) {
      this.#fill(from, pointer);
      this.#fill(pointer + size, to);
      this.#note.noteBirth(slot, pointer, size, threadId, stack);
    }
    this.#note.setState(slot, isOpen ? State.live : State.unused);
    return isOpen ? pointer : 0;
  }

  #free(slot: number, stack: Uint8Array): void {
    this.#note.setState(slot, State.freeing);
    this.#note.noteDeath(slot, threadId, stack);
    this.#close(slot);
    this.#note.setState(slot, State.freed);
  }

  /** Nobody may access its pages, and their contents are gone. */
  #close(slot: number): void {
    const start = this.#note.start(slot);
    this.#os.protect(start, slotBytes, "none");
    internals.slots.discard(start, slotBytes);
  }

  /** One that had no block yet, else the one whose block was freed longest ago; -1 if all have one. */
  #unused(): number {
    let best = -1;
    let longest = -1;
    for (let slot = 0; slot < SLOTS; slot++) {
      const state = this.#note.state(slot);
      if (state === State.live) continue;
      if (state === State.taking || state === State.freeing) {
        this.#close(slot); // its thread died in the middle
        this.#note.setState(slot, State.unused);
      }
      const age = this.#note.state(slot) === State.unused ? Infinity : this.#note.age(slot);
      if (age > longest) [best, longest] = [slot, age];
    }
    return best;
  }

  #fill(from: number, to: number): void {
    this.#bytes.fill(ZONE_BYTE, from - internals.base, to - internals.base);
  }

  /** The error for what was written around a live block, in its pages; null if nothing was. */
  #overrunOf(slot: number): HeapError | null {
    const [pointer, size] = [this.#note.pointer(slot), this.#note.size(slot)];
    const [from, to] = pagesOf(pointer, roundUp(Math.max(size, 1), 16));
    const before = this.#strange(from, pointer);
    const at = before < 0 ? this.#strange(pointer + size, to) : before;
    if (at < 0) return null;
    const where = at < pointer ? `${pointer - at} bytes before it` : `at its byte ${at - pointer}`;
    const { born } = this.#note.noted(slot)!;
    return new HeapError(
      "ERR_HEAP_CORRUPT",
      `the block of ${size} bytes at ${hex(pointer)} was overrun: something wrote ${where}${born}`,
    );
  }

  /** The first address of a range that is not as it was filled; -1 for none. */
  #strange(from: number, to: number): number {
    const at = from - internals.base;
    const is = Buffer.from(internals.buffer, at, to - from);
    if (is.equals(this.#zone.subarray(0, to - from))) return -1;
    return from + is.findIndex((byte) => byte !== ZONE_BYTE);
  }
}

function wrong(operation: string, at: number, bytes: number, block: Noted | null): HeapError {
  const what = `${operation}: ${bytes === 1 ? "1 byte" : `${bytes} bytes`} at ${hex(at)}`;
  if (block === null) return new HeapError("ERR_OUT_OF_BOUNDS", `${what}: no block lies there`);
  const { pointer, size, isLive, born, freed } = block;
  if (!isLive) {
    const which = `the block of ${size} bytes at ${hex(pointer)}, which was freed`;
    return new HeapError("ERR_USE_AFTER_FREE", `${what}: in ${which}${born}${freed}`);
  }
  return new HeapError(
    "ERR_OUT_OF_BOUNDS",
    `${what}: ${distance(at - pointer, bytes, size)} at ${hex(pointer)}${born}`,
  );
}

/** The pages that a block lies in. */
function pagesOf(pointer: number, room: number): [number, number] {
  return [pointer - (pointer % pageSize), roundUp(pointer + room, pageSize)];
}

function textOf({ via, frames }: Stack): Uint8Array {
  return Buffer.from([via, ...frames.slice(0, FRAMES).map(frameText)].join("\n"));
}

export function bytesAt(address: number, bytes: number): Uint8Array {
  return new Uint8Array(internals.buffer, address - internals.base, bytes);
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}
