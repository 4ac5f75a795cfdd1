/**
 * What happens to the mapping of a large block, so that a thread may die in the middle of it.
 *
 * Owns the pending note of a mapping that is made, moved or given back, and the steps that enter it in the table: the
 * thread that makes the change takes them, or its successor at the lock, which undoes a new mapping, completes a
 * removal, and enters a move (repair). Its callers hold the lock. Must not know counts of what was done, limits or
 * thresholds.
 *
 * A note is written before a system call and changed by the store that follows the call: no thread can be stopped
 * between those two, for worker.terminate() stops JavaScript at function entries and loops only.
 */
import { Control, Pending } from "./control.js";
import type { LargeAtlas } from "./large-atlas.js";
import { LargePlaces } from "./large-places.js";
import type { Window } from "./memory.js";
import type { Os } from "./os.js";

export class LargeChanges {
  readonly #window: Window;
  readonly #m: Int32Array;
  readonly #os: Os;
  readonly #pageSize: number;
  readonly #atlas: LargeAtlas;
  readonly #places: LargePlaces;

  constructor(window: Window, os: Os, atlas: LargeAtlas) {
    this.#window = window;
    this.#m = window.words;
    this.#os = os;
    this.#pageSize = this.#m[Control.pageSize]!;
    this.#atlas = atlas;
    this.#places = new LargePlaces(window, os);
  }

  /** A new mapping in the table, pending as mapped, with the header in front of `inFront` bytes; its start, or -1. */
  map(pages: number, alignment: number, inFront: number): number {
    const start = this.#places.map(pages * this.#pageSize, alignment);
    if (start < 0) return -1;
    this.#atlas.writeHeader(start + inFront, pages);
    this.#atlas.table.insert(this.#atlas.pageOf(start), pages);
    return start;
  }

  /** Gives the mapping back and takes it out of the table, pending as unmapped. */
  unmap(start: number, pages: number): void {
    const m = this.#m;
    m[Control.pendingPage] = this.#atlas.pageOf(start);
    m[Control.pendingPages] = pages;
    m[Control.pending] = Pending.unmapping;
    this.#finishUnmap();
  }

  /** Another size for the mapping, pending as remapped, its header `inFront` bytes in; its start, or -1 and nothing done. */
  remap(start: number, oldPages: number, pages: number, inFront: number, mayMove: boolean): number {
    const m = this.#m;
    m[Control.pendingPage] = this.#atlas.pageOf(start);
    m[Control.pendingPages] = oldPages;
    m[Control.pendingFront] = inFront;
    const moved = this.#movePages(start, oldPages, pages, mayMove);
    if (moved >= 0) this.#finishRemap();
    return moved;
  }

  /** The change is counted, too: nothing is left for a successor. */
  settle(): void {
    this.#m[Control.pending] = Pending.nothing;
  }

  /** Puts right what a dead holder of the lock left half done. */
  repair(): void {
    const m = this.#m;
    switch (m[Control.pending]) {
      case Pending.mapped:
        this.#undoMap();
        break;
      case Pending.unmapping:
        this.#finishUnmap();
        break;
      case Pending.unmapped:
        this.#forget();
        break;
      case Pending.remapped:
        this.#finishRemap();
        break;
      default:
        return;
    }
    this.#recount();
  }

  /** Removes the pending mapping: once only, for afterwards its pages may become somebody else's. */
  #finishUnmap(): void {
    const m = this.#m;
    this.#giveBack(
      this.#window.base + m[Control.pendingPage]! * this.#pageSize,
      m[Control.pendingPages]! * this.#pageSize,
    );
    m[Control.pending] = Pending.unmapped;
    this.#forget();
  }

  /**
   * Where the kernel has as many mappings as it allows (vm.max_map_count), it refuses to unmap the middle of one: that
   * would make two of it. The memory goes back all the same, and only its addresses are lost.
   */
  #giveBack(start: number, bytes: number): void {
    if (!this.#os.unmap(start, bytes)) this.#os.discard(start, bytes);
  }

  /** The pending mapping is gone. */
  #forget(): void {
    const m = this.#m;
    const page = m[Control.pendingPage]!;
    const entry = this.#atlas.table.lookUp(page);
    if (entry >= 0) this.#atlas.table.setPages(entry, 0);
    this.#places.retreat(page, m[Control.pendingPages]!);
  }

  /** Removes a mapping that was made and whose pointer nobody ever got. */
  #undoMap(): void {
    const m = this.#m;
    const page = m[Control.pendingNewPage]!;
    const pages = m[Control.pendingNewPages]!;
    const start = this.#window.base + page * this.#pageSize;
    const entry = this.#atlas.table.lookUp(page);
    if (entry >= 0 && this.#atlas.table.pages(entry) > 0) {
      this.unmap(start, pages);
    } else {
      this.#giveBack(start, pages * this.#pageSize);
      m[Control.pending] = Pending.nothing;
    }
  }

  /** The new start of the mapping, pending as remapped; or -1. */
  #movePages(start: number, oldPages: number, pages: number, mayMove: boolean): number {
    const m = this.#m;
    const oldBytes = oldPages * this.#pageSize;
    const bytes = pages * this.#pageSize;
    const page = this.#atlas.pageOf(start);
    m[Control.pendingNewPage] = page;
    m[Control.pendingNewPages] = pages;
    const fits = page + pages <= m[Control.largeLimit]!;
    if (fits && this.#os.resizeInPlace(start, oldBytes, bytes)) {
      m[Control.pending] = Pending.remapped;
      if (page + oldPages === m[Control.largeNext]) m[Control.largeNext] = page + pages;
      return start;
    }
    if (!mayMove || pages < oldPages) return -1;
    const target = this.#places.map(bytes, 0);
    if (target < 0) return -1;
    if (this.#os.move(start, oldBytes, bytes, target)) {
      m[Control.pending] = Pending.remapped;
      this.#places.retreat(page, oldPages);
      return target;
    }
    this.#giveBack(target, bytes);
    m[Control.pending] = Pending.nothing;
    return -1;
  }

  /** Enters the new place and size of the block whose pages were moved. */
  #finishRemap(): void {
    const m = this.#m;
    const page = m[Control.pendingPage]!;
    const newPage = m[Control.pendingNewPage]!;
    const pages = m[Control.pendingNewPages]!;
    this.#atlas.table.insert(newPage, pages);
    const old = this.#atlas.table.lookUp(page); // found now: making room may have rebuilt the table
    if (newPage !== page && old >= 0) this.#atlas.table.setPages(old, 0);
    this.#atlas.writeHeader(this.#window.base + newPage * this.#pageSize + m[Control.pendingFront]!, pages);
  }

  /** After a death in the middle: the counts as the table has them. */
  #recount(): void {
    const m = this.#m;
    const { blocks, pages, front } = this.#atlas.census();
    this.#atlas.table.recount();
    m[Control.largeCount] = blocks;
    m[Control.largePages] = pages;
    m[Control.largeFront] = front;
    m[Control.pending] = Pending.nothing;
  }
}
