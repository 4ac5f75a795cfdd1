/**
 * Large blocks: each has a mapping of its own, by mmap, and is unmapped when it is freed.
 *
 * Owns when mappings are made, resized and unmapped, and their counts. Must not know bins or segments.
 *
 * Large blocks belong to the process and not to a heap: any thread may free and resize them. All methods take the lock,
 * which costs little beside a system call. When a thread dies in a change, the next holder of the lock completes or undoes
 * it (recover).
 */

import { redZoneBytes } from "../block/block.js";
import { Control } from "../memory/control.js";
import { HEADER_BYTES, type Pointer, type Window } from "../memory/memory.js";
import type { Os } from "../platform/os.js";
import { isWithinLimit, notePeak } from "../shared/account.js";
import type { Hooks } from "../shared/hooks.js";
import type { Lock } from "../shared/lock.js";
import { LargeChanges } from "./large-changes.js";
import { doublingOf, LargeChurn } from "./large-churn.js";
import { type LargeCounts, LargeHeaders } from "./large-headers.js";

/** A block that grows by less than this share of its pages gets so many more as slack, up to MOST_SLACK bytes. */
const SLACK_SHARE = 1 / 8;
const MOST_SLACK = 4 * 2 ** 20;

export class LargeBlocks {
  readonly #window: Window;
  readonly #m: Int32Array;
  readonly #lock: Lock;
  readonly #hooks: Hooks;
  readonly #pageSize: number;
  readonly #headers: LargeHeaders;
  readonly #changes: LargeChanges;
  readonly #churn: LargeChurn;

  constructor(window: Window, os: Os, hooks: Hooks, lock: Lock) {
    this.#window = window;
    this.#m = window.words;
    this.#lock = lock;
    this.#hooks = hooks;
    this.#pageSize = this.#m[Control.pageSize]!;
    this.#headers = new LargeHeaders(window);
    this.#changes = new LargeChanges(window, os, this.#headers);
    this.#churn = new LargeChurn(this.#m);
  }

  /** Allocates `size` bytes of zeroes at a multiple of `alignment` (>= 16); 0 when there is no room. */
  allocate(size: number, alignment: number): Pointer {
    const lead = Math.max(alignment, 2 * HEADER_BYTES);
    const inFront = Math.min(lead, this.#pageSize);
    const pages = this.#pagesFor(inFront, size);
    this.#lock.acquire();
    const start = this.#allocate(pages, lead >= this.#pageSize ? alignment : 0, inFront);
    this.#lock.release();
    return (start < 0 ? 0 : start + inFront) as Pointer;
  }

  /** Usable bytes of the block at `pointer`; UNKNOWN or FREED when no live large block starts there. */
  sizeOf(pointer: number): number {
    if (this.#hooks.slots?.covers(pointer)) return this.#hooks.slots.sizeOf(pointer);
    this.#lock.acquire();
    const entry = this.#headers.find(pointer);
    const size = entry < 0 ? entry : this.#headers.usable(entry, pointer);
    this.#lock.release();
    return size;
  }

  /** Usable bytes that a block for `size` would have. */
  usableFor(size: number): number {
    const inFront = 2 * HEADER_BYTES;
    return Math.min(this.#pagesFor(inFront, size) * this.#pageSize - inFront, Number.MAX_SAFE_INTEGER);
  }

  /** Frees the block at `pointer`; UNKNOWN or FREED, and nothing changed, when no live large block starts there. */
  free(pointer: number): number {
    if (this.#hooks.slots?.covers(pointer)) return this.#hooks.slots.free(pointer);
    this.#lock.acquire();
    const entry = this.#headers.find(pointer);
    if (entry >= 0) this.#free(entry, pointer);
    this.#lock.release();
    return entry;
  }

  /**
   * Resizes the block at `pointer` without a system call, into its slack: its pointer, or 0 when that is not enough.
   * UNKNOWN or FREED when no live large block starts there.
   */
  resizeWithin(pointer: number, size: number): number {
    this.#lock.acquire();
    const entry = this.#headers.find(pointer);
    const fits = entry < 0 ? entry : this.#resizeWithin(entry, pointer, size);
    this.#lock.release();
    return fits;
  }

  /** Unmaps the slack of all blocks; returns how many pages. */
  unmapSlack(): number {
    const m = this.#m;
    if (m[Control.largeSlack] === 0) return 0;
    this.#lock.acquire();
    const before = m[Control.largePages]!;
    for (const entry of this.#headers.table.live()) {
      const start = this.#headers.start(entry);
      const pointer = this.#headers.payloadIn(start, this.#headers.table.pages(entry) * this.#pageSize);
      if (pointer !== 0) this.#unmapSlack(entry, pointer);
    }
    const pages = before - m[Control.largePages]!;
    this.#lock.release();
    return pages;
  }

  /**
   * Resizes the block at `pointer` in place, or if it may move by mremap, which copies nothing; the new pointer, or 0 and
   * nothing changed. A block that shrinks does not move. UNKNOWN or FREED when no live large block starts there.
   */
  resize(pointer: number, size: number, mayMove = true): number {
    if (this.#hooks.slots?.covers(pointer)) return Math.min(this.#hooks.slots.sizeOf(pointer), 0);
    this.#lock.acquire();
    const entry = this.#headers.find(pointer);
    const target = entry < 0 ? entry : this.#resize(entry, pointer, size, mayMove);
    this.#lock.release();
    return target;
  }

  /** To be called before the heap serves a request of more than LEAST_THRESHOLD bytes. */
  servedByHeap(bytes: number): void {
    if (!this.#churn.served(bytes)) return;
    this.#lock.acquire();
    this.#churn.fall();
    this.#lock.release();
  }

  /** Lowers a raised threshold if no large block was asked for since the last call, which returned `seen`. */
  rest(seen: number): number {
    this.#lock.acquire();
    const now = this.#churn.rest(seen);
    this.#lock.release();
    return now;
  }

  /** To be called when a block of more than LEAST_THRESHOLD bytes came back to the heap. */
  returnedToHeap(bytes: number): void {
    this.#churn.returned(bytes);
  }

  /** The mappings of all live blocks, as [address, bytes], ascending. */
  mappings(): Array<readonly [number, number]> {
    this.#lock.acquire();
    const entries = this.#headers.table.live();
    const found = entries.map(
      (at) => [this.#headers.start(at), this.#headers.table.pages(at) * this.#pageSize] as const,
    );
    this.#lock.release();
    return found;
  }

  /** The large block's mapping that contains an address, as [address, bytes]; null for none. */
  mappingAt(address: number): readonly [number, number] | null {
    this.#lock.acquire();
    const entry = this.#headers.table.holding(this.#headers.pageOf(address));
    const found =
      entry < 0
        ? null
        : ([this.#headers.start(entry), this.#headers.table.pages(entry) * this.#pageSize] as const);
    this.#lock.release();
    return found;
  }

  /** The payload in a mapping of the table; 0 when its header was overwritten. */
  payloadIn(start: number, bytes: number): Pointer {
    this.#lock.acquire();
    const pointer = this.#headers.payloadIn(start, bytes);
    this.#lock.release();
    return pointer;
  }

  /**
   * For check(): counts from the table, counts as noted, the start of a mapping with an overwritten header, or 0, and whether the
   * table is in order.
   */
  audit(): { counted: LargeCounts; noted: LargeCounts; overwritten: number; isOrdered: boolean } {
    const m = this.#m;
    this.#lock.acquire();
    const noted = {
      blocks: m[Control.largeCount]!,
      pages: m[Control.largePages]!,
      front: m[Control.largeFront]!,
      slack: m[Control.largeSlack]!,
    };
    const { overwritten, ...counted } = this.#headers.census();
    const isOrdered = this.#headers.table.isOrdered();
    this.#lock.release();
    return { counted, noted, overwritten, isOrdered };
  }

  /** Recovers a change that the last holder of the lock died in. */
  recover(): void {
    this.#changes.recover();
  }

  #allocate(pages: number, alignment: number, inFront: number): number {
    const m = this.#m;
    if (!this.#headers.table.hasRoom() || !this.#affords(pages)) return -1;
    const start = this.#changes.map(pages, alignment, inFront);
    if (start < 0) return -1;
    m[Control.mmaps] = m[Control.mmaps]! + 1;
    m[Control.largeFront] = m[Control.largeFront]! + inFront / 16;
    m[Control.largeCount] = m[Control.largeCount]! + 1;
    m[Control.largePages] = m[Control.largePages]! + pages;
    this.#changes.complete();
    this.#churn.mapped(pages * this.#pageSize);
    this.#hooks.trace?.("mmap", start, pages * this.#pageSize);
    return start;
  }

  #free(entry: number, pointer: number): void {
    const m = this.#m;
    const start = this.#headers.start(entry);
    const pages = this.#headers.table.pages(entry);
    notePeak(this.#window);
    m[Control.largeSlack] = m[Control.largeSlack]! - this.#headers.slack(entry, pointer);
    this.#changes.unmap(start, pages);
    m[Control.largeFront] = m[Control.largeFront]! - (pointer - start) / 16;
    m[Control.largeCount] = m[Control.largeCount]! - 1;
    m[Control.largePages] = m[Control.largePages]! - pages;
    m[Control.munmaps] = m[Control.munmaps]! + 1;
    this.#changes.complete();
    this.#churn.freed(pages * this.#pageSize);
    this.#hooks.trace?.("munmap", start, pages * this.#pageSize);
  }

  #resize(entry: number, pointer: number, size: number, mayMove: boolean): number {
    if (this.#resizeWithin(entry, pointer, size) !== 0) return pointer;
    const had = this.#headers.table.pages(entry) - this.#headers.slack(entry, pointer);
    const pages = this.#pagesFor(pointer - this.#headers.start(entry), size);
    const more = pages - had;
    const slack = more > 0 && more < had * SLACK_SHARE ? this.#slackFor(pages) : 0;
    const withSlack = slack === 0 ? 0 : this.#remap(entry, pointer, pages + slack, slack, mayMove);
    // Looked up again, for hasRoom() may have tidied the table.
    return withSlack || this.#remap(this.#headers.find(pointer), pointer, pages, 0, mayMove);
  }

  #slackFor(pages: number): number {
    return Math.floor(Math.min(pages * SLACK_SHARE, MOST_SLACK / this.#pageSize));
  }

  #resizeWithin(entry: number, pointer: number, size: number): number {
    const held = this.#headers.table.pages(entry);
    const slack = this.#headers.slack(entry, pointer);
    const pages = this.#pagesFor(pointer - this.#headers.start(entry), size);
    if (pages < held - slack || pages > held) return 0;
    if (pages !== held - slack) this.#headers.setSlack(entry, pointer, held - pages);
    return pointer;
  }

  #unmapSlack(entry: number, pointer: number): void {
    const slack = this.#headers.slack(entry, pointer);
    if (slack > 0) this.#remap(entry, pointer, this.#headers.table.pages(entry) - slack, 0, false);
  }

  /** Resizes the mapping to `pages` with `slack` of them as slack: the new pointer, or 0 and nothing changed. */
  #remap(entry: number, pointer: number, pages: number, slack: number, mayMove: boolean): number {
    const m = this.#m;
    const start = this.#headers.start(entry);
    const oldPages = this.#headers.table.pages(entry);
    const oldSlack = this.#headers.slack(entry, pointer);
    if (pages === oldPages) {
      this.#headers.setSlack(entry, pointer, slack);
      return pointer;
    }
    const grows = pages > oldPages; // only then it may move, and need another entry in the table
    if (grows && !(this.#headers.table.hasRoom() && this.#affords(pages - oldPages))) return 0;
    notePeak(this.#window);
    const moved = this.#changes.remap(start, oldPages, pages, pointer - start, slack, mayMove);
    if (moved < 0) return 0;
    m[Control.mremaps] = m[Control.mremaps]! + 1;
    m[Control.largePages] = m[Control.largePages]! + pages - oldPages;
    m[Control.largeSlack] = m[Control.largeSlack]! + slack - oldSlack;
    this.#changes.complete();
    this.#noteShrunk(oldPages * this.#pageSize, pages * this.#pageSize);
    this.#hooks.trace?.("mremap", moved, pages * this.#pageSize);
    return moved + (pointer - start);
  }

  /** Pages for a block. Also an empty payload begins inside the mapping: its pointer is looked up by the page. */
  #pagesFor(inFront: number, size: number): number {
    return Math.ceil((inFront + Math.max(size, 2 * HEADER_BYTES) + redZoneBytes()) / this.#pageSize);
  }

  #affords(pages: number): boolean {
    return isWithinLimit(this.#m, pages);
  }

  /** Counts a block that shrinks as freed at its old size: one that always shrinks before it is freed churns too. */
  #noteShrunk(from: number, to: number): void {
    if (doublingOf(to) < doublingOf(from)) this.#churn.freed(from);
  }
}
