/**
 * Changes of a large block's mapping that a thread may die in.
 *
 * Owns the pending note of a mapping that is made, moved or unmapped, and the steps that enter it in the table. If the
 * thread dies, the next holder of the lock recovers: it undoes a new mapping, completes an unmapping, and enters a move.
 * Callers hold the lock. Must not know counters, limits or thresholds.
 *
 * The note is written before the system call, and its state by the store right after: no thread is stopped between the
 * two, for worker.terminate() stops JavaScript at function entries and loops only.
 */
import { CHUNK_BYTES, Control, Pending } from "../memory/control.js";
import { forgetPages, notePages } from "../memory/mapped-pages.js";
import { type Window, WORD_BYTES } from "../memory/memory.js";
import type { Os } from "../platform/os.js";
import { mayMap } from "../space/gaps.js";
import { zeroPages } from "../space/small-pages.js";
import { isKept, setVacant } from "../space/vacant.js";
import { LargeGaps } from "./large-gaps.js";
import type { LargeHeaders } from "./large-headers.js";

export class LargeChanges {
  readonly #window: Window;
  readonly #m: Int32Array;
  readonly #os: Os;
  readonly #pageSize: number;
  readonly #headers: LargeHeaders;
  readonly #gaps: LargeGaps;

  constructor(window: Window, os: Os, headers: LargeHeaders) {
    this.#window = window;
    this.#m = window.words;
    this.#os = os;
    this.#pageSize = this.#m[Control.pageSize]!;
    this.#headers = headers;
    this.#gaps = new LargeGaps(window, os);
  }

  /** Maps pages and enters them, pending as mapped, the payload `inFront` bytes in; the start, or -1 without room. */
  map(pages: number, alignment: number, inFront: number): number {
    const start = this.#gaps.map(pages * this.#pageSize, alignment);
    if (start < 0) return -1;
    this.#noteMapped(this.#headers.pageOf(start), pages);
    this.#headers.writeHeader(start + inFront, pages);
    this.#headers.table.insert(this.#headers.pageOf(start), pages);
    return start;
  }

  /** Unmaps the pages and drops the table's entry, pending as unmapped. */
  unmap(start: number, pages: number): void {
    if (this.#unmap(this.#headers.pageOf(start), pages)) this.#unmapLeft();
  }

  /**
   * Resizes the mapping, pending as remapped, with `slack` pages of slack; its start, or -1 and nothing changed. The
   * payload stays `inFront` bytes in.
   */
  remap(
    start: number,
    oldPages: number,
    pages: number,
    inFront: number,
    slack: number,
    mayMove: boolean,
  ): number {
    const m = this.#m;
    m[Control.pendingSlack] = slack;
    m[Control.pendingPage] = this.#headers.pageOf(start);
    m[Control.pendingPages] = oldPages;
    m[Control.pendingFront] = inFront;
    const moved = this.#movePages(start, oldPages, pages, mayMove);
    if (moved >= 0) this.#finishRemap();
    return moved;
  }

  /** Ends the change: the caller has counted it. */
  complete(): void {
    this.#m[Control.pending] = Pending.nothing;
  }

  /** Recovers a change that the last holder of the lock died in. */
  recover(): void {
    const m = this.#m;
    const pending = m[Control.pending]!;
    if (pending < Pending.mapped) return; // nothing, or of a segment
    this.#headers.table.tidy();
    if (pending === Pending.mapped) this.#undoMapping();
    else if (pending === Pending.unmapping) this.#finishUnmap();
    else if (pending === Pending.unmapped) this.#dropEntry();
    else if (pending === Pending.remapped) this.#finishRemap();
    this.#recount();
  }

  #unmap(page: number, pages: number): boolean {
    const m = this.#m;
    m[Control.pendingPage] = page;
    m[Control.pendingPages] = pages;
    m[Control.pending] = Pending.unmapping;
    return this.#finishUnmap();
  }

  /** Unmaps the pending mapping, or leaves it. Never repeated once it is unmapped: another mapping may take its place then. */
  #finishUnmap(): boolean {
    const m = this.#m;
    const [page, pages] = [m[Control.pendingPage]!, m[Control.pendingPages]!];
    this.#noteUnmapped(page, pages); // first: a use after free then throws, and does not end the process
    if (!this.#unmapOrDiscard(this.#window.base + page * this.#pageSize, pages * this.#pageSize)) {
      this.#leave(page, pages);
      return false;
    }
    m[Control.pending] = Pending.unmapped;
    this.#dropEntry();
    return true;
  }

  /**
   * At vm.max_map_count mappings the kernel refuses to unmap the middle of one, which would make two of it. The memory can
   * be discarded all the same.
   */
  #unmapOrDiscard(start: number, bytes: number): boolean {
    if (this.#isKept(this.#headers.pageOf(start))) {
      this.#vacate(start, start + bytes, Math.floor);
      return true;
    }
    if (this.#os.unmap(start, bytes)) return true;
    this.#os.discard(start, bytes);
    return false;
  }

  /** Notes what is still mapped: a freed block, or a mapping that was not entered yet, for which the table has room. */
  #leave(page: number, pages: number): void {
    this.#headers.table.insert(page, -pages);
    this.#m[Control.leftMapped] = 1;
  }

  /** Tries to unmap what was left, for the mapping that was just unmapped makes room for one more. */
  #unmapLeft(): void {
    const m = this.#m;
    if (m[Control.leftMapped] === 0) return;
    const { table } = this.#headers;
    const entries = table.left();
    const still = entries.filter((entry) => !this.#unmap(table.page(entry), -table.pages(entry)));
    m[Control.leftMapped] = still.length > 0 ? 1 : 0;
  }

  /** Drops the entry of the pending mapping, which is unmapped. */
  #dropEntry(): void {
    const m = this.#m;
    const page = m[Control.pendingPage]!;
    const entry = this.#headers.table.lookUp(page);
    if (entry >= 0) this.#headers.table.setPages(entry, 0);
    if (!this.#isKept(page)) this.#gaps.unmapped(page, m[Control.pendingPages]!);
  }

  /** Whether a mapping lies in chunks that stay mapped: a segment was there. */
  #isKept(page: number): boolean {
    return isKept(this.#m, Math.floor((page * this.#pageSize) / CHUNK_BYTES));
  }

  /** Makes kept chunks vacant again: from the one that `from` lies in, or with Math.ceil from the one above. */
  #vacate(from: number, to: number, round: (chunks: number) => number): void {
    const { base, words: m } = this.#window;
    zeroPages(this.#window, this.#os, (from - base) / WORD_BYTES, (to - base) / WORD_BYTES);
    const first = round((from - base) / CHUNK_BYTES);
    setVacant(m, first, Math.ceil((to - base) / CHUNK_BYTES) - first, true);
  }

  /** Unmaps a new mapping whose pointer was not returned yet, entered or not. */
  #undoMapping(): void {
    const m = this.#m;
    const start = this.#window.base + m[Control.pendingNewPage]! * this.#pageSize;
    this.unmap(start, m[Control.pendingNewPages]!);
  }

  /** Resizes the mapping in place, or moves it; its start, pending as remapped, or -1. */
  #movePages(start: number, oldPages: number, pages: number, mayMove: boolean): number {
    const m = this.#m;
    const oldBytes = oldPages * this.#pageSize;
    const bytes = pages * this.#pageSize;
    const page = this.#headers.pageOf(start);
    m[Control.pendingNewPage] = page;
    m[Control.pendingNewPages] = pages;
    const shrinks = pages < oldPages;
    const isKept = this.#isKept(page); // then no hole may be left: it is copied, or its end made vacant
    if (isKept && shrinks) {
      m[Control.pending] = Pending.remapped;
      return start;
    }
    const fits = !isKept && page + pages <= m[Control.largeLimit]!;
    if (
      fits &&
      (shrinks || mayMap(this.#os, m, bytes - oldBytes)) &&
      this.#os.resizeInPlace(start, oldBytes, bytes)
    ) {
      m[Control.pending] = Pending.remapped;
      this.#gaps.resized(page, oldPages, pages);
      return start;
    }
    if (!mayMove || shrinks) return -1;
    const target = this.#gaps.map(bytes, 0);
    if (target < 0) return -1;
    if (isKept) this.#window.copy(target, start, oldBytes);
    if (isKept || this.#os.move(start, oldBytes, bytes, target)) {
      m[Control.pending] = Pending.remapped;
      if (!isKept) this.#gaps.unmapped(page, oldPages);
      return target;
    }
    this.unmap(target, pages);
    m[Control.pending] = Pending.nothing;
    return -1;
  }

  /** Enters the start and size of the remapped block. */
  #finishRemap(): void {
    const m = this.#m;
    const page = m[Control.pendingPage]!;
    const newPage = m[Control.pendingNewPage]!;
    const pages = m[Control.pendingNewPages]!;
    const oldPages = m[Control.pendingPages]!;
    this.#noteMapped(newPage, pages);
    if (newPage !== page) this.#noteLeft(page, oldPages, 0);
    else if (oldPages > pages) this.#noteLeft(page, oldPages, pages);
    this.#headers.table.insert(newPage, pages);
    const old = this.#headers.table.lookUp(page);
    if (newPage !== page && old >= 0) this.#headers.table.setPages(old, 0);
    const pointer = this.#window.base + newPage * this.#pageSize + m[Control.pendingFront]!;
    this.#headers.writeHeader(pointer, pages);
    this.#headers.writeSlack(pointer, m[Control.pendingSlack]!);
  }

  /** A block has only its first `pages` pages still. */
  #noteLeft(page: number, oldPages: number, pages: number): void {
    this.#noteUnmapped(page + pages, oldPages - pages);
    if (!this.#isKept(page)) return;
    const [from, to] = [page + pages, page + oldPages].map((at) => this.#window.base + at * this.#pageSize);
    this.#vacate(from!, to!, pages === 0 ? Math.floor : Math.ceil);
  }

  #noteMapped(page: number, pages: number): void {
    notePages(this.#window, page * this.#pageSize, (page + pages) * this.#pageSize);
  }

  #noteUnmapped(page: number, pages: number): void {
    forgetPages(this.#window, page * this.#pageSize, (page + pages) * this.#pageSize);
  }

  /** Recomputes the counts from the table. */
  #recount(): void {
    const m = this.#m;
    const { blocks, pages, front, slack } = this.#headers.census();
    m[Control.largeCount] = blocks;
    m[Control.largePages] = pages;
    m[Control.largeFront] = front;
    m[Control.largeSlack] = slack;
    m[Control.pending] = Pending.nothing;
  }
}
