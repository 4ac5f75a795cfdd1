/**
 * Large blocks: each its own mapping, taken with mmap and given back with munmap when it is freed.
 *
 * Owns when a mapping is made, moved and given back, and the lock around it. Must not know
 * bins or segments' insides.
 *
 * Large blocks belong to the process and not to a heap: any thread frees and resizes them. All of it is under the lock,
 * for a system call is many times dearer. What a thread does that dies with the lock is noted as pending; its
 * successor undoes a new mapping, completes a removal, and enters a move (repair). A note is written before a system
 * call and changed by the store that follows the call: no thread can be stopped between those two, for worker.terminate()
 * stops JavaScript at function entries and loops only.
 */

import { chargedPages, notePeak } from "./account.js";
import { Control, Pending } from "./control.js";
import type { Hooks } from "./hooks.js";
import { LargeAtlas, type LargeCounts } from "./large-atlas.js";
import { LargePlaces } from "./large-places.js";
import type { Lock } from "./lock.js";
import { HEADER_BYTES, type Pointer, roundUp, type Window } from "./memory.js";
import type { Os } from "./os.js";

/** "dynamic" raises the threshold up to here, as glibc does on 64-bit. */
const DYNAMIC_MAX = 32 * 1024 * 1024;

export class LargeBlocks {
  readonly #window: Window;
  readonly #m: Int32Array;
  readonly #os: Os;
  readonly #lock: Lock;
  readonly #hooks: Hooks;
  readonly #pageSize: number;
  readonly #atlas: LargeAtlas;
  readonly #places: LargePlaces;

  constructor(window: Window, os: Os, hooks: Hooks, lock: Lock) {
    this.#window = window;
    this.#m = window.words;
    this.#os = os;
    this.#lock = lock;
    this.#hooks = hooks;
    this.#pageSize = this.#m[Control.pageSize]!;
    this.#atlas = new LargeAtlas(window);
    this.#places = new LargePlaces(window, os);
  }

  /** A block of zeroes of at least `size` bytes at a multiple of `alignment` (>= 16); 0 when there is no room. */
  allocate(size: number, alignment: number): Pointer {
    const lead = Math.max(alignment, 2 * HEADER_BYTES);
    const inFront = Math.min(lead, this.#pageSize);
    // Something of the payload lies in the mapping even when it is empty: its pointer is found by the page that it lies in.
    const pages = roundUp(inFront + Math.max(size, 2 * HEADER_BYTES), this.#pageSize) / this.#pageSize;
    this.#lock.acquire();
    const start = this.#allocate(pages, lead >= this.#pageSize ? alignment : 0, inFront);
    this.#lock.release();
    return (start < 0 ? 0 : start + inFront) as Pointer;
  }

  /** Usable bytes of the block at `pointer`; UNKNOWN or FREED when it is not a live large block's. */
  sizeOf(pointer: number): number {
    this.#lock.acquire();
    const entry = this.#atlas.find(pointer);
    const size = entry < 0 ? entry : this.#atlas.usable(entry, pointer);
    this.#lock.release();
    return size;
  }

  /** Frees the block at `pointer`; UNKNOWN or FREED, with nothing changed, when it is not a live large block's. */
  free(pointer: number): number {
    this.#lock.acquire();
    const entry = this.#atlas.find(pointer);
    if (entry >= 0) this.#free(entry, pointer);
    this.#lock.release();
    return entry;
  }

  /**
   * Resizes the block at `pointer` in place or, where it may, by moving page tables, never bytes; the new pointer, or 0
   * with the block untouched when that cannot be done. One that shrinks stays where it is. UNKNOWN or FREED when it is
   * not a live large block's.
   */
  resize(pointer: number, size: number, mayMove = true): number {
    this.#lock.acquire();
    const entry = this.#atlas.find(pointer);
    const target = entry < 0 ? entry : this.#resize(entry, pointer, size, mayMove);
    this.#lock.release();
    return target;
  }

  /** The mappings of all live blocks, as [address, bytes], in the order of memory. */
  mappings(): Array<readonly [number, number]> {
    this.#lock.acquire();
    const entries = this.#atlas.table.live();
    const found = entries.map(
      (at) => [this.#atlas.start(at), this.#atlas.table.pages(at) * this.#pageSize] as const,
    );
    this.#lock.release();
    return found.sort((one, other) => one[0] - other[0]);
  }

  /** The payload in a mapping of the table, found by its sealed header; or 0. */
  payloadIn(start: number, bytes: number): Pointer {
    this.#lock.acquire();
    const pointer = this.#atlas.payloadIn(start, bytes);
    this.#lock.release();
    return pointer;
  }

  /** What the table holds, what is noted of it, and a mapping whose header was overwritten; 0 when there is none. */
  audit(): { counted: LargeCounts; noted: LargeCounts; unsealed: number } {
    const m = this.#m;
    this.#lock.acquire();
    const noted = {
      blocks: m[Control.largeCount]!,
      pages: m[Control.largePages]!,
      front: m[Control.largeFront]!,
    };
    const { unsealed, ...counted } = this.#atlas.census();
    this.#lock.release();
    return { counted, noted, unsealed };
  }

  /** Puts right what a dead holder of the lock left half done. */
  repair(): void {
    const m = this.#m;
    switch (m[Control.pending]) {
      case Pending.mapped:
        this.#undoMap();
        break;
      case Pending.unmapping:
        this.#finishFree();
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

  #allocate(pages: number, alignment: number, inFront: number): number {
    const m = this.#m;
    if (!this.#atlas.table.hasRoom() || !this.#affords(pages)) return -1;
    const start = this.#places.map(pages * this.#pageSize, alignment);
    if (start < 0) return -1;
    this.#atlas.writeHeader(start + inFront, pages);
    this.#atlas.table.insert(this.#atlas.pageOf(start), pages);
    m[Control.mmaps] = m[Control.mmaps]! + 1;
    m[Control.largeFront] = m[Control.largeFront]! + inFront / 16;
    m[Control.largeCount] = m[Control.largeCount]! + 1;
    m[Control.largePages] = m[Control.largePages]! + pages;
    m[Control.pending] = Pending.nothing;
    this.#hooks.trace?.("mmap", start, pages * this.#pageSize);
    return start;
  }

  #free(entry: number, pointer: number): void {
    const m = this.#m;
    const start = this.#atlas.start(entry);
    const pages = this.#atlas.table.pages(entry);
    notePeak(this.#window);
    m[Control.pendingPage] = this.#atlas.pageOf(start);
    m[Control.pendingPages] = pages;
    m[Control.pending] = Pending.unmapping;
    this.#finishFree();
    m[Control.largeFront] = m[Control.largeFront]! - (pointer - start) / 16;
    m[Control.largeCount] = m[Control.largeCount]! - 1;
    m[Control.largePages] = m[Control.largePages]! - pages;
    m[Control.munmaps] = m[Control.munmaps]! + 1;
    m[Control.pending] = Pending.nothing;
    this.#letRise(pages);
    this.#hooks.trace?.("munmap", start, pages * this.#pageSize);
  }

  /** Removes the pending mapping: once only, for afterwards its pages may become somebody else's. */
  #finishFree(): void {
    const m = this.#m;
    this.#os.unmap(
      this.#window.base + m[Control.pendingPage]! * this.#pageSize,
      m[Control.pendingPages]! * this.#pageSize,
    );
    m[Control.pending] = Pending.unmapped;
    this.#forget();
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
    const entry = this.#atlas.table.lookUp(page);
    if (entry >= 0 && this.#atlas.table.pages(entry) > 0) {
      m[Control.pendingPage] = page;
      m[Control.pendingPages] = pages;
      m[Control.pending] = Pending.unmapping;
      this.#finishFree();
    } else {
      this.#os.unmap(this.#window.base + page * this.#pageSize, pages * this.#pageSize);
      m[Control.pending] = Pending.nothing;
    }
  }

  #resize(entry: number, pointer: number, size: number, mayMove: boolean): number {
    const m = this.#m;
    const start = this.#atlas.start(entry);
    const oldPages = this.#atlas.table.pages(entry);
    const pages = Math.ceil((pointer - start + size) / this.#pageSize);
    if (pages === oldPages) return pointer;
    if (!this.#atlas.table.hasRoom() || (pages > oldPages && !this.#affords(pages - oldPages))) return 0;
    notePeak(this.#window);
    m[Control.pendingPage] = this.#atlas.pageOf(start);
    m[Control.pendingPages] = oldPages;
    m[Control.pendingFront] = pointer - start;
    const moved = this.#remap(start, oldPages, pages, mayMove);
    if (moved < 0) return 0;
    this.#finishRemap();
    m[Control.mremaps] = m[Control.mremaps]! + 1;
    m[Control.largePages] = m[Control.largePages]! + pages - oldPages;
    m[Control.pending] = Pending.nothing;
    // A part of it is freed. By its last size alone, one that always shrinks before it is freed would be mapped each time.
    if (pages < oldPages) this.#letRise(oldPages);
    this.#hooks.trace?.("mremap", moved, pages * this.#pageSize);
    return moved + (pointer - start);
  }

  /** The new start of the mapping, pending as remapped; or -1. */
  #remap(start: number, oldPages: number, pages: number, mayMove: boolean): number {
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
    this.#os.unmap(target, bytes);
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

  #affords(pages: number): boolean {
    return chargedPages(this.#m) + pages <= this.#m[Control.limitPages]!;
  }

  /** Pages of a block so large were freed: the next one of its size comes from the heap, if the setting says so. */
  #letRise(pages: number): void {
    const m = this.#m;
    const bytes = pages * this.#pageSize;
    if (m[Control.thresholdRises] !== 1 || bytes <= m[Control.mmapThreshold]! || bytes > DYNAMIC_MAX) return;
    m[Control.mmapThreshold] = bytes;
    m[Control.trimPages] = Math.max(m[Control.trimPages]!, 2 * pages);
  }
}
