/**
 * Incremental purging: gives idle memory back in steps of a few milliseconds, between the program's own work.
 *
 * Owns what one step does, and how far the last one came. Must not know timers. If the heap changed between two steps, the
 * survey begins again.
 *
 *   1. purge        free blocks, until no more than the trim threshold lies idle
 *   2. survey       estimates how much more consolidation would free, some headers a step
 *   3. consolidate  if that is a 16th of the heap, then 1 again
 *
 * Consolidation cannot be cut into steps. It takes about 15 ns a block, and much more where live and freed blocks alternate:
 * so it needs a quiet program, and a result that is worth it.
 */
import { CACHED, FENCE_BYTES, FLAGS, FREE, MIN_BLOCK } from "../block/block.js";
import { Control } from "../memory/control.js";
import { type Block, WORD_BYTES } from "../memory/memory.js";
import { cachedUnits } from "./cache.js";
import type { ThreadHeap } from "./heap.js";
import { idlePages, purgeSome } from "./purge.js";
import { smallBinUnits } from "./small-bins.js";

/** Free blocks below this size are not worth a system call even to an idle program. */
const IDLE_RUN = 16 * 1024;
/** Bytes that one step purges; it ends with the free block that reaches them. */
const STEP_BYTES = 32 * 2 ** 20;
/** Headers that one step reads: 1 to 5 ms. */
const STEP_HEADERS = 50_000;
/** Consolidation is worth its time when it would free this share of the heap. */
const WORTH_SHARE = 1 / 16;
/** The share of idle memory that each step takes from a busy program. */
const BUSY_SHARE = 1 / 2;

/** When to call step() again: soon, after a longer time, or not at all. */
export type Next = "soon" | "later" | "done";

export class IdleSteps {
  /** Idle pages at the end of the last step. */
  #last = 0;
  #updates = -1;
  /** The heap of the last step: after idle() its thread may have another, and others the segments of this one. */
  #record = 0;
  #segments: number[] = [];
  #at = 0 as Block;
  /** Bytes of the current run; those of it that can be purged as they are; what consolidation would add, over all runs. */
  #run = 0;
  #long = 0;
  #gain = 0;
  #surveyed = false;
  /** Whether a survey was begun and the heap has not changed since. */
  #begun = false;

  /**
   * One step. `quiet`: the program did not use the heap since the last one; false for the first step. `updates`: how many the
   * heap's thread has begun, with the one that the step is in.
   */
  step(of: ThreadHeap, quiet: boolean, updates: number): Next {
    const { words: m, wilderness } = of;
    if (of.hasReturned || this.#updates + 1 !== updates || this.#record !== of.record) this.#begun = false;
    this.#updates = updates;
    this.#record = of.record;
    of.drain();
    const { pageSize } = wilderness;
    const kept = m[Control.trimPages]!;
    const coalesced = idlePages(wilderness);
    const idle = coalesced + Math.floor((this.#cachedUnits(of) * 16) / pageSize);
    const lasting = Math.min(idle, this.#last);
    this.#last = idle;
    if (idle <= kept) return quiet ? "done" : "later";
    const excess = quiet ? idle - kept : Math.floor((lasting - kept) * BUSY_SHARE);
    const step = Math.min(excess, coalesced, STEP_BYTES / pageSize);
    if (step > 0) {
      const purged = purgeSome(wilderness, IDLE_RUN, step);
      this.#last -= purged;
      if (purged > 0) return "soon";
    }
    if (!quiet) return "later";
    return this.#consolidate(of);
  }

  #cachedUnits(of: ThreadHeap): number {
    return cachedUnits(of.words, of.cache) + smallBinUnits(of.words, of.pool.smallBins);
  }

  #consolidate(of: ThreadHeap): Next {
    if (!this.#begun) this.#begin(of);
    if (this.#surveyed) return "done"; // the result would be the same
    if (!this.#survey(of)) return "soon";
    this.#surveyed = true;
    if (this.#gain < of.wilderness.extentUnits() * 16 * WORTH_SHARE) return "done";
    of.consolidate();
    return "soon";
  }

  #begin(of: ThreadHeap): void {
    this.#segments = of.wilderness.ownSegments();
    this.#at = of.wilderness.segments.start(this.#segments[0]!) as Block;
    this.#run = 0;
    this.#long = 0;
    this.#gain = 0;
    this.#begun = true;
    this.#surveyed = false;
  }

  /** Continues the survey; whether it is complete. An invalid size ends the walk of its segment. */
  #survey(of: ThreadHeap): boolean {
    const m = of.words;
    let left = STEP_HEADERS;
    while (this.#segments.length > 0) {
      const end = of.wilderness.endOf(this.#segments[0]!);
      let b = this.#at as number;
      for (; left > 0 && b < end; left--) {
        const header = m[b]!;
        const size = header & ~FLAGS;
        if (size < MIN_BLOCK || size === FENCE_BYTES) b = end;
        else if ((header & (FREE | CACHED)) === 0) this.#endRun();
        else {
          this.#run += size;
          if ((header & FREE) !== 0 && size >= IDLE_RUN) this.#long += size;
        }
        b += size / WORD_BYTES;
      }
      this.#at = b as Block;
      if (b < end) return false;
      this.#endRun();
      this.#segments.shift();
      if (this.#segments.length > 0) this.#at = of.wilderness.segments.start(this.#segments[0]!) as Block;
    }
    return true;
  }

  #endRun(): void {
    if (this.#run >= IDLE_RUN) this.#gain += this.#run - this.#long;
    this.#run = 0;
    this.#long = 0;
  }
}
