/**
 * A set of pointers that is filled fast, and of which mostly the newest are taken out again.
 *
 * Owns the choice between a list and a Set. A scope adds every block that it makes; most scopes never look for one again,
 * or for one of the last few. Adding to a list takes 5 ns, to a Set 25. So it is a list until one is asked for that is not
 * among its last, and a Set from then on: no use of it takes quadratic time. Must not know what the pointers mean.
 */
import type { Pointer } from "../core/memory.js";

/** So many of a list's last are looked at. */
const RECENT = 32;

export class Pointers {
  #list: Pointer[] = [];
  /** null while the list is used; the list is empty from then on. */
  #set: Set<Pointer> | null = null;

  /** `pointer` must not be in it. */
  add(pointer: Pointer): void {
    if (this.#set === null) this.#list.push(pointer);
    else this.#set.add(pointer);
  }

  has(pointer: Pointer): boolean {
    return this.#recent(pointer) >= 0 || this.#asSet().has(pointer);
  }

  /** Takes it out; whether it was in. */
  delete(pointer: Pointer): boolean {
    const place = this.#recent(pointer);
    if (place < 0) return this.#asSet().delete(pointer);
    const last = this.#list.pop()!;
    if (place < this.#list.length) this.#list[place] = last;
    return true;
  }

  /** Takes all of them out. */
  clear(): Iterable<Pointer> {
    const all = this.#set ?? this.#list;
    this.#set = null;
    this.#list = [];
    return all;
  }

  /** Where it is in the list, if among the last; else -1. */
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
