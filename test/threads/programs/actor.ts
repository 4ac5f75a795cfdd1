/**
 * A thread that holds blocks, over the core alone: in slots, so that others can look at them after its end.
 */

import type { ThreadHeap } from "../../../src/heap/heap.js";
import { ownerOfWord } from "../../../src/memory/control.js";
import { NULL, type Pointer, type Window } from "../../../src/memory/memory.js";
import { Random } from "../../support/seed.js";
import type { Part } from "./parked-part.js";
import { Slots } from "./slots.js";
import { type Memory, Stamps } from "./stamps.js";

/** More of a block is not stamped: it takes time. */
const STAMPED = 2000;

export class Actor {
  readonly heap: ThreadHeap;
  readonly passed: Slots;
  readonly #held: Slots;
  readonly #stamps: Stamps;
  readonly #random: Random;
  #used = 0;

  constructor(heap: ThreadHeap, part: Part) {
    this.heap = heap;
    this.passed = new Slots(part.passed);
    this.#held = new Slots(part.held);
    this.#stamps = new Stamps(memoryOf(heap.window), part.seed);
    this.#random = new Random(part.seed);
  }

  /** A block that is held from now on. */
  take(size: number): Pointer {
    const pointer = this.heap.allocate(size);
    if (pointer === NULL) throw new Error(`no room for ${size} bytes`);
    return this.hold(pointer, size);
  }

  hold(pointer: Pointer, size: number): Pointer {
    this.#stamps.write(pointer, Math.min(size, STAMPED), this.#random);
    this.#held.swap(this.#used++, pointer);
    return pointer;
  }

  /** The operation works on these: nobody holds them meanwhile. */
  letGo(...pointers: Pointer[]): Pointer[] {
    for (let i = 0; i < this.#used; i++) {
      if (pointers.includes(this.#held.peek(i))) this.#held.swap(i, NULL);
    }
    return pointers;
  }

  give(...pointers: Pointer[]): void {
    this.letGo(...pointers);
    for (const pointer of pointers) giveBack(this.heap, pointer);
  }

  /** Blocks of the main thread's, which lie in the slots between. */
  fromOthers(count: number): Pointer[] {
    return Array.from({ length: count }, (_, i) => this.passed.swap(i, NULL));
  }

  row(size: number, count: number): Pointer[] {
    return Array.from({ length: count }, () => this.take(size));
  }
}

/** Frees as free() does. */
export function giveBack(heap: ThreadHeap, pointer: Pointer): void {
  if (heap.freeSmall(pointer)) return;
  const own = heap.liveBlock(pointer);
  const b = own === 0 ? heap.liveBlockOfAny(pointer) : own;
  const taken = own !== 0 ? heap : b === 0 ? null : heap.others!.heapOf(b);
  if (taken !== null) taken.freeBlock(b);
  else if (b !== 0) heap.outbox.put(b, ownerOfWord(heap.words, b));
  else if (heap.large.free(pointer) < 0) throw new Error(`${pointer} is no block`);
}

function memoryOf(window: Window): Memory {
  const { base, data, bytes } = window;
  return {
    read: { u32: (pointer, at = 0) => data.getUint32(pointer - base + at, true) },
    write: { u32: (pointer, value, at = 0) => data.setUint32(pointer - base + at, value, true) },
    view: (pointer, length) => bytes.subarray(pointer - base, pointer - base + length!),
  };
}
