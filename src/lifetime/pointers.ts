/**
 * A set of pointers, fast to add to.
 *
 * A scope adds every block that it allocates, and looks for few of them again, mostly the last ones. Adding to an array
 * takes 5 ns, to a Set 25. So it is an array until a pointer is looked for that is not among the last, and a Set from then
 * on: no use takes quadratic time.
 */
import type { Pointer } from "../memory/memory.js";

/** Pointers at the array's end that are compared. */
const RECENT = 32;

export class Pointers {
  #list: Pointer[] = [];
  /** null while the array is used, which is empty afterwards. */
  #set: Set<Pointer> | null = null;

  get size(): number {
    return this.#set === null ? this.#list.length : this.#set.size;
  }

  [Symbol.iterator](): Iterator<Pointer> {
    return (this.#set ?? this.#list).values();
  }

  /** `pointer` must not be in the set. */
  add(pointer: Pointer): void {
    if (this.#set === null) this.#list.push(pointer);
    else this.#set.add(pointer);
  }

  has(pointer: Pointer): boolean {
    return this.#recent(pointer) >= 0 || this.#asSet().has(pointer);
  }

  /** Returns whether it was in the set. */
  delete(pointer: Pointer): boolean {
    const index = this.#recent(pointer);
    if (index < 0) return this.#asSet().delete(pointer);
    const last = this.#list.pop()!;
    if (index < this.#list.length) this.#list[index] = last;
    return true;
  }

  /** Empties the set; returns what was in it. */
  clear(): Iterable<Pointer> {
    const all = this.#set ?? this.#list;
    this.#set = null;
    this.#list = [];
    return all;
  }

  /** Its index in the array, if it is among the last; else -1. */
  #recent(pointer: Pointer): number {
    const list = this.#list;
    const end = Math.max(0, list.length - RECENT);
    for (let i = list.length - 1; i >= end; i--) if (list[i] === pointer) return i;
    return -1;
  }

  #asSet(): Set<Pointer> {
    if (this.#set === null) {
      this.#set = new Set(this.#list);
      this.#list = [];
    }
    return this.#set;
  }
}
