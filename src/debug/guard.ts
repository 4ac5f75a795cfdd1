/**
 * The guard: catches wrong accesses while a program is debugged.
 *
 * Owns what lies behind each block and in a freed one, and what is known of both in this thread. Must not know headers, or when it is
 * called: the library does that (shared/hooks.ts), in the middle of updates, so nothing here may use the heap but where it says so.
 *
 *   live    | bytes of the program … | red zone: 0xfd …               | size of the red zone, disguised |
 *           pointer                  + size                           + usable - 4                      + usable
 *   freed   | 0xdd …                                                                                    |
 *
 * A freed block is kept aside until 10,000 others of the thread, or 16 MiB, were freed: until then it is seen when it is written to,
 * and nobody else has its memory.
 */
import { HeapError, hex } from "../errors.js";
import { internals, type Pointer } from "../index.js";
import { frameText, type Stack, Stacks } from "./stacks.js";

/** The least bytes of a red zone. */
export const RED_ZONE = 16;
const ZONE_BYTE = 0xfd;
const FREED_BYTE = 0xdd;
const DISGUISE = 0x5afe_c0de;
const WORD = 4;

const MOST_HELD = 10_000;
const MOST_HELD_BYTES = 16 * 1024 * 1024;
/** Larger blocks are not kept aside. */
const LARGEST_HELD = 1024 * 1024;
/** Freed blocks that are remembered once their memory was given up. */
const MOST_PAST = 10_000;
const FRAMES = 6;

/** A block that was freed. */
interface Freed {
  readonly size: number;
  readonly usable: number;
  readonly born: Stack | undefined;
  readonly freed: Stack;
}

/** One thread's. */
export class Watch {
  readonly #stacks = new Stacks((stack) => stack);
  readonly #born = new Map<number, Stack>();
  readonly #held = new Map<number, Freed>();
  readonly #past = new Map<number, Freed>();
  /** Blocks in the middle of a resize. One that stays was cut off, by a timeout of node:vm: what is noted behind it may be of another size. */
  readonly #resizing = new Set<number>();
  readonly #bytes = new Uint8Array(internals.buffer);
  readonly #data = new DataView(internals.buffer);
  #heldBytes = 0;

  born(pointer: number, usable: number, size: number): void {
    const at = pointer - internals.base;
    const stack = this.#stacks.here();
    this.#past.delete(pointer);
    this.#bytes.fill(ZONE_BYTE, at + size, at + usable - WORD);
    this.#data.setUint32(at + usable - WORD, (usable - size) ^ DISGUISE, true);
    this.#resizing.delete(pointer);
    this.#born.set(pointer, stack); // last: a full stack may have ended this before
  }

  sizeOf(pointer: number, usable: number): number {
    const size = this.#noted(pointer, usable);
    const at = pointer - internals.base;
    const end = at + usable - WORD;
    let first = size < 0 ? end : at + size;
    if (size >= 0) while (first < end && this.#bytes[first] === ZONE_BYTE) first++;
    if (size >= 0 && first === end) {
      this.#resizing.delete(pointer);
      return size;
    }
    if (this.#resizing.delete(pointer)) return this.#noteAgain(pointer, usable);
    const where = size < 0 ? "behind its end" : `at its byte ${first - at}`;
    throw this.#corrupt(pointer, size, `was overrun: something wrote ${where}`);
  }

  resizes(pointer: number): void {
    this.#resizing.add(pointer);
  }

  dies(pointer: number, usable: number, mayHold: boolean): boolean {
    this.sizeOf(pointer, usable);
    const holds = mayHold && usable <= LARGEST_HELD;
    if (!holds) this.#forget(pointer, usable);
    return holds;
  }

  held(pointer: number, usable: number): void {
    const freed = this.#freedHere(pointer, usable);
    const at = pointer - internals.base;
    this.#bytes.fill(FREED_BYTE, at, at + usable);
    this.#held.set(pointer, freed); // once it is filled: a timeout of node:vm may end this before
    this.#born.delete(pointer);
    this.#heldBytes += usable;
  }

  ends(blocks: Iterable<readonly [pointer: number, usable: number]>): void {
    const here = this.#stacks.here(); // once: it takes longer than all else
    for (const [pointer, usable] of blocks) {
      this.#resizing.delete(pointer);
      this.#forget(pointer, usable, here);
    }
  }

  allows(operation: string, pointer: number, byteOffset: number, bytes: number): void {
    if (bytes === 0) return;
    const at = pointer + byteOffset;
    const meant = internals.blockAround(pointer);
    const isOf = meant !== null && pointer >= meant.pointer && pointer <= meant.pointer + meant.usable;
    if (isOf && meant.isLive && this.#contains(meant.pointer, meant.usable, at, bytes)) return;
    const around = isOf ? meant : internals.blockAround(at);
    if (!isOf && around?.isLive && this.#contains(around.pointer, around.usable, at, bytes)) return;
    throw this.#wrong(operation, at, bytes, around);
  }

  freedAt(operation: string, address: number, bytes: number): HeapError | null {
    const past = this.#pastAt(address);
    return past === undefined ? null : usedAfter(whatBytes(operation, address, bytes), past);
  }

  roomAt(address: number): number {
    const around = internals.blockAround(address);
    if (around === null || !around.isLive) return 0;
    const { pointer, usable } = around;
    const size = this.#noted(pointer, usable);
    return Math.max(0, pointer + (size < 0 ? usable - RED_ZONE : size) - address);
  }

  storyOf(pointer: number): string {
    const freed = this.#held.get(pointer) ?? this.#past.get(pointer);
    return freed === undefined ? story("allocated", this.#born.get(pointer)) : storyOfFreed(freed);
  }

  /** Outside of updates. */
  verify(): void {
    for (const pointer of this.#born.keys()) {
      const usable = internals.liveBytes(pointer);
      if (usable < 0)
        this.#born.delete(pointer); // another thread freed it
      else this.sizeOf(pointer, usable);
    }
    for (const [pointer, freed] of this.#held) this.#verifyFreed(pointer, freed);
  }

  /** Gives up the memory of what was freed longest ago, when it is too much. At the end of calls, when the heap may be used. */
  giveUp(): void {
    while (this.#held.size > MOST_HELD || this.#heldBytes > MOST_HELD_BYTES) {
      const [pointer, freed] = this.#held.entries().next().value!;
      this.#held.delete(pointer);
      this.#heldBytes -= freed.usable;
      this.#remember(pointer, freed);
      try {
        this.#verifyFreed(pointer, freed);
      } finally {
        internals.freeHeld(pointer as Pointer);
      }
    }
  }

  /** Takes all that a block has as what the program asked for. */
  #noteAgain(pointer: number, usable: number): number {
    const [at, size] = [pointer - internals.base, usable - RED_ZONE];
    this.#bytes.fill(ZONE_BYTE, at + size, at + usable - WORD);
    this.#data.setUint32(at + usable - WORD, RED_ZONE ^ DISGUISE, true);
    return size;
  }

  /** The size that born() noted behind a block; -1 when that was overwritten. */
  #noted(pointer: number, usable: number): number {
    const zone = (this.#data.getUint32(pointer - internals.base + usable - WORD, true) ^ DISGUISE) >>> 0;
    return zone >= RED_ZONE && zone <= usable ? usable - zone : -1;
  }

  #contains(pointer: number, usable: number, at: number, bytes: number): boolean {
    const size = this.#noted(pointer, usable);
    return at >= pointer && at + bytes <= pointer + (size < 0 ? usable - RED_ZONE : size);
  }

  #verifyFreed(pointer: number, freed: Freed): void {
    const at = pointer - internals.base;
    for (let i = 0; i < freed.usable; i++) {
      if (this.#bytes[at + i] === FREED_BYTE) continue;
      this.#bytes.fill(FREED_BYTE, at, at + freed.usable); // it is told once
      throw new HeapError(
        "ERR_USE_AFTER_FREE",
        `the block of ${freed.size} bytes at ${hex(pointer)} was written to after it was freed, at its byte ${i}${storyOfFreed(freed)}`,
      );
    }
  }

  #freedHere(pointer: number, usable: number, freed = this.#stacks.here()): Freed {
    const size = Math.max(0, this.#noted(pointer, usable));
    return { size, usable, born: this.#born.get(pointer), freed };
  }

  #forget(pointer: number, usable: number, here?: Stack): void {
    this.#remember(pointer, this.#freedHere(pointer, usable, here));
    this.#born.delete(pointer);
  }

  #remember(pointer: number, freed: Freed): void {
    this.#past.set(pointer, freed);
    if (this.#past.size > MOST_PAST) this.#past.delete(this.#past.keys().next().value!);
  }

  /** The block that was last freed of those that had a byte; memory may have been another's since. */
  #pastAt(address: number): Freed | undefined {
    let found = this.#past.get(address);
    if (found !== undefined) return found;
    for (const [pointer, freed] of this.#past) {
      if (pointer < address && address < pointer + freed.usable) found = freed;
    }
    return found;
  }

  #corrupt(pointer: number, size: number, what: string): HeapError {
    const which = size < 0 ? "the block" : `the block of ${size} bytes`;
    return new HeapError("ERR_HEAP_CORRUPT", `${which} at ${hex(pointer)} ${what}${this.storyOf(pointer)}`);
  }

  #wrong(operation: string, at: number, bytes: number, around: Around | null): HeapError {
    const what = whatBytes(operation, at, bytes);
    if (around === null)
      return (
        this.freedAt(operation, at, bytes) ?? inDestroyed(what, at) ?? outside(`${what}: no block lies there`)
      );
    const { pointer, usable, isLive } = around;
    const freed = isLive ? undefined : this.#held.get(pointer);
    // What no block has now, the one below least of all.
    const past = at < pointer + usable ? this.#past.get(at) : this.#pastAt(at);
    if (freed !== undefined && at < pointer + usable) {
      const which = `the block of ${freed.size} bytes at ${hex(pointer)}, which was freed`;
      return new HeapError("ERR_USE_AFTER_FREE", `${what}: in ${which}${storyOfFreed(freed)}`);
    }
    if (past !== undefined) return usedAfter(what, past);
    if (!isLive && at < pointer + usable)
      return new HeapError("ERR_USE_AFTER_FREE", `${what}: it was freed, or was never a block's`);
    const ended = at < pointer + usable ? null : inDestroyed(what, at);
    if (ended !== null) return ended;
    const size = isLive ? Math.max(0, this.#noted(pointer, usable)) : usable;
    return outside(
      `${what} ${distance(at - pointer, bytes, size)} at ${hex(pointer)}${this.storyOf(pointer)}`,
    );
  }
}

type Around = NonNullable<ReturnType<typeof internals.blockAround>>;

function whatBytes(operation: string, at: number, bytes: number): string {
  return `${operation}: ${bytes === 1 ? "1 byte" : `${bytes} bytes`} at ${hex(at)}`;
}

function usedAfter(what: string, past: Freed): HeapError {
  return new HeapError("ERR_USE_AFTER_FREE", `${what}: the block there was freed${storyOfFreed(past)}`);
}

/** The error for what lies in a Heap that was destroyed, where no block of it is remembered; else null. */
function inDestroyed(what: string, at: number): HeapError | null {
  if (!internals.wasDestroyed(at)) return null;
  return new HeapError("ERR_USE_AFTER_FREE", `${what}: it lies in a Heap that was destroyed`);
}

function outside(what: string): HeapError {
  return new HeapError("ERR_OUT_OF_BOUNDS", what);
}

/** How far an access is from a block; `from` is relative to where that begins. */
export function distance(from: number, bytes: number, size: number): string {
  const block = `the block of ${size} bytes`;
  if (from < 0) return `begin ${-from} bytes before ${block}`;
  if (from < size) return `end ${from + bytes - size} bytes past the end of ${block}`;
  return `begin ${from - size} bytes past the end of ${block}`;
}

function storyOfFreed({ born, freed }: Freed): string {
  return story("allocated", born) + story("freed", freed);
}

function story(what: string, stack: Stack | undefined): string {
  if (stack === undefined) return "";
  const frames = stack.frames.slice(0, FRAMES).map((frame) => `\n      ${frameText(frame)}`);
  return `\n    ${what} by ${stack.via || "unknown"}${frames.join("")}`;
}
