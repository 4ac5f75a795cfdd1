/**
 * Large blocks: each its own mapping, taken with mmap and given back with munmap when it is freed.
 *
 * Owns when a mapping is made, resized and given back, what that counts for, and the lock around it. Must not know
 * bins or segments' insides.
 *
 * Large blocks belong to the process and not to a heap: any thread frees and resizes them. All of it is under the lock,
 * for a system call is many times dearer. What a thread does that dies with the lock, its successor completes or
 * undoes (repair).
 */

import { chargedPages, notePeak } from "./account.js";
import { Control } from "./control.js";
import type { Hooks } from "./hooks.js";
import { LargeAtlas, type LargeCounts } from "./large-atlas.js";
import { LargeChanges } from "./large-changes.js";
import type { Lock } from "./lock.js";
import { HEADER_BYTES, type Pointer, type Window } from "./memory.js";
import type { Os } from "./os.js";

/** "dynamic" raises the threshold up to here, as glibc does on 64-bit. */
const DYNAMIC_MAX = 32 * 1024 * 1024;

export class LargeBlocks {
  readonly #window: Window;
  readonly #m: Int32Array;
  readonly #lock: Lock;
  readonly #hooks: Hooks;
  readonly #pageSize: number;
  readonly #atlas: LargeAtlas;
  readonly #changes: LargeChanges;

  constructor(window: Window, os: Os, hooks: Hooks, lock: Lock) {
    this.#window = window;
    this.#m = window.words;
    this.#lock = lock;
    this.#hooks = hooks;
    this.#pageSize = this.#m[Control.pageSize]!;
    this.#atlas = new LargeAtlas(window);
    this.#changes = new LargeChanges(window, os, this.#atlas);
  }

  /** A block of zeroes of at least `size` bytes at a multiple of `alignment` (>= 16); 0 when there is no room. */
  allocate(size: number, alignment: number): Pointer {
    const lead = Math.max(alignment, 2 * HEADER_BYTES);
    const inFront = Math.min(lead, this.#pageSize);
    const pages = this.#pagesFor(inFront, size);
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

  /** Whether one of these mappings has all of that. */
  covers(address: number, bytes: number): boolean {
    const first = this.#atlas.pageOf(address);
    const end = this.#atlas.pageOf(address + bytes - 1) + 1;
    this.#lock.acquire();
    const covered = this.#atlas.table.covers(first, end);
    this.#lock.release();
    return covered;
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
    this.#changes.repair();
  }

  #allocate(pages: number, alignment: number, inFront: number): number {
    const m = this.#m;
    if (!this.#atlas.table.hasRoom() || !this.#affords(pages)) return -1;
    const start = this.#changes.map(pages, alignment, inFront);
    if (start < 0) return -1;
    m[Control.mmaps] = m[Control.mmaps]! + 1;
    m[Control.largeFront] = m[Control.largeFront]! + inFront / 16;
    m[Control.largeCount] = m[Control.largeCount]! + 1;
    m[Control.largePages] = m[Control.largePages]! + pages;
    this.#changes.settle();
    this.#hooks.trace?.("mmap", start, pages * this.#pageSize);
    return start;
  }

  #free(entry: number, pointer: number): void {
    const m = this.#m;
    const start = this.#atlas.start(entry);
    const pages = this.#atlas.table.pages(entry);
    notePeak(this.#window);
    this.#changes.unmap(start, pages);
    m[Control.largeFront] = m[Control.largeFront]! - (pointer - start) / 16;
    m[Control.largeCount] = m[Control.largeCount]! - 1;
    m[Control.largePages] = m[Control.largePages]! - pages;
    m[Control.munmaps] = m[Control.munmaps]! + 1;
    this.#changes.settle();
    this.#letRise(pages);
    this.#hooks.trace?.("munmap", start, pages * this.#pageSize);
  }

  #resize(entry: number, pointer: number, size: number, mayMove: boolean): number {
    const m = this.#m;
    const start = this.#atlas.start(entry);
    const oldPages = this.#atlas.table.pages(entry);
    const pages = this.#pagesFor(pointer - start, size);
    if (pages === oldPages) return pointer;
    if (!this.#atlas.table.hasRoom() || (pages > oldPages && !this.#affords(pages - oldPages))) return 0;
    notePeak(this.#window);
    const moved = this.#changes.remap(start, oldPages, pages, pointer - start, mayMove);
    if (moved < 0) return 0;
    m[Control.mremaps] = m[Control.mremaps]! + 1;
    m[Control.largePages] = m[Control.largePages]! + pages - oldPages;
    this.#changes.settle();
    // A part of it is freed. By its last size alone, one that always shrinks before it is freed would be mapped each time.
    if (pages < oldPages) this.#letRise(oldPages);
    this.#hooks.trace?.("mremap", moved, pages * this.#pageSize);
    return moved + (pointer - start);
  }

  /** Something of the payload lies in the mapping even when it is empty: its pointer is found by the page it lies in. */
  #pagesFor(inFront: number, size: number): number {
    return Math.ceil((inFront + Math.max(size, 2 * HEADER_BYTES)) / this.#pageSize);
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
