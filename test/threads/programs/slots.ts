/**
 * Slots that threads share: each holds a pointer or NULL, and what is taken out belongs to whoever took it.
 */
import type { Pointer } from "../../../src/index.js";

export class Slots {
  readonly #slots: BigInt64Array;

  constructor(shared: SharedArrayBuffer) {
    this.#slots = new BigInt64Array(shared);
  }

  static memory(count: number): SharedArrayBuffer {
    return new SharedArrayBuffer(count * 8);
  }

  get length(): number {
    return this.#slots.length;
  }

  /** Puts one pointer in and takes out the other. Orders the contents of the block before its pointer. */
  swap(index: number, pointer: Pointer): Pointer {
    return Number(Atomics.exchange(this.#slots, index, BigInt(pointer))) as Pointer;
  }

  /** What is in it; it stays there. */
  peek(index: number): Pointer {
    return Number(Atomics.load(this.#slots, index)) as Pointer;
  }
}
