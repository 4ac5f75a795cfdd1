/**
 * Loops over many headers: what a sweep walks through, and what carving lays out.
 *
 * Closures, made once for the words of a process: V8 folds the words and where they lie into the code, and each access is
 * a bounds check and a load. With the words as an argument it also tests what they are and fetches where they lie: the
 * recorded Lua program took 5 % more instructions in all. Must not know heaps: what is done with what was found is the
 * caller's.
 */
import {
  FENCE_BYTES,
  gonePages,
  isCached,
  isFree,
  isPreviousFree,
  isSealed,
  markPreviousLive,
  sizeOf,
  writeFreed,
} from "./block.js";
import { type Block, oncePerWords } from "./memory.js";

/** A run of free and cached blocks. */
export interface Run {
  /** The live block or the fence above it; the end of the walk when there is none. */
  above: Block;
  blocks: number;
  /** Pages of them that were given back. */
  gone: number;
}

/** With a run's end: pages of it were given back. */
const GONE = 2 ** 30;

/** Where runs were found, in the order of memory, as many as there is room for. */
export class Survey {
  /** How many are noted. */
  count = 0;
  /** What joining these makes fewer: their blocks less one each. */
  joined = 0;
  /** Where the first run begins that there was no room for; 0 when there was room for all. */
  rest = 0 as Block;
  /** For each its first block, and the block above it with a bit that says whether pages of it were given back. */
  readonly #runs: Int32Array;

  constructor(room: number) {
    this.#runs = new Int32Array(2 * room);
  }

  get room(): number {
    return this.#runs.length >>> 1;
  }

  clear(): void {
    this.count = 0;
    this.joined = 0;
    this.rest = 0 as Block;
  }

  /** Notes that a run begins with `b`, and that it ends below `above` as far as is known. */
  begin(b: Block, above: Block, gone: number): void {
    if (2 * this.count === this.#runs.length) {
      if (this.rest === 0) this.rest = b;
      return;
    }
    this.#runs[2 * this.count] = b;
    this.#runs[2 * this.count + 1] = gone === 0 ? above : above | GONE;
    this.count++;
  }

  /** Notes that the run which was begun last goes on up to `above`. */
  extend(above: Block, gone: number): void {
    if (this.rest !== 0) return;
    const at = 2 * this.count - 1;
    this.#runs[at] = above | (gone === 0 ? this.#runs[at]! & GONE : GONE);
    this.joined++;
  }

  first(i: number): Block {
    return this.#runs[2 * i]! as Block;
  }

  above(i: number): Block {
    return (this.#runs[2 * i + 1]! & ~GONE) as Block;
  }

  isGone(i: number): boolean {
    return (this.#runs[2 * i + 1]! & GONE) !== 0;
  }
}

export interface Loops {
  /**
   * Notes the runs from `b` up to the fence or `end`. Returns the first block whose header was overwritten; 0 when all are
   * sealed.
   */
  survey(b: Block, end: number, secret: number, found: Survey): Block;
  /**
   * The first free or cached block from `b` on; `end` when there is none below the fence. Those that it passes, and the
   * fence, are told that the block below is live.
   */
  skipLive(b: Block, end: number): Block;
  /** The free and cached blocks from `b` on; always the same object. */
  measureRun(b: Block, end: number): Run;
  /**
   * Writes headers of `count` freed blocks of `size` bytes, the lowest at `first`, which is written last: where that is the
   * header of a free run, the store that ends the run is the one that has them all.
   */
  layOut(first: Block, size: number, count: number, secret: number): void;
  /** Makes CACHED blocks of `count` free ones of `size` bytes; their numbers stand from word `from` on. */
  unfree(from: number, count: number, size: number, secret: number): void;
}

export const loopsOf: (m: Int32Array) => Loops = oncePerWords((m) => {
  const run: Run = { above: 0 as Block, blocks: 0, gone: 0 };

  // Nothing but a return comes after the loop: V8 compiles the loop while it runs for the first time, and throws the code
  // away at the first instruction below it that it never saw run.
  const survey = (from: Block, end: number, secret: number, found: Survey): Block => {
    const words = m; // named outside the loop: inside, V8 looks at an access before it knows what `m` is
    let b = from;
    let runEnd = 0 as Block;
    while (b < end) {
      if (!isSealed(words, b, secret)) return b;
      const size = sizeOf(words, b);
      const above = (b + (size >>> 2)) as Block;
      if (isFree(words, b) || isCached(words, b)) {
        if (b === runEnd) found.extend(above, gonePages(words, b));
        else found.begin(b, above, gonePages(words, b));
        runEnd = above;
      } else if (size === FENCE_BYTES) {
        return 0 as Block;
      }
      b = above;
    }
    return 0 as Block;
  };

  const skipLive = (from: Block, end: number): Block => {
    const words = m;
    let b = from;
    while (b < end) {
      if (isFree(words, b) || isCached(words, b)) return b;
      if (isPreviousFree(words, b)) markPreviousLive(words, b);
      const size = sizeOf(words, b);
      if (size === FENCE_BYTES) break;
      b = (b + (size >>> 2)) as Block;
    }
    return end as Block;
  };

  const measureRun = (from: Block, end: number): Run => {
    const words = m;
    let b = from;
    let blocks = 0;
    let gone = 0;
    while (b < end && (isFree(words, b) || isCached(words, b))) {
      blocks++;
      gone += gonePages(words, b);
      b = (b + (sizeOf(words, b) >>> 2)) as Block;
    }
    run.above = b;
    run.blocks = blocks;
    run.gone = gone;
    return run;
  };

  const layOut = (first: Block, size: number, count: number, secret: number): void => {
    const words = m;
    const step = size >>> 2;
    for (let b = first + (count - 1) * step; b >= first; b -= step)
      writeFreed(words, b as Block, size, secret);
  };

  const unfree = (from: number, count: number, size: number, secret: number): void => {
    const words = m;
    for (let i = from; i < from + count; i++) {
      const b = words[i]! as Block;
      markPreviousLive(words, (b + (size >>> 2)) as Block);
      writeFreed(words, b, size, secret);
    }
  };

  return { survey, skipLive, measureRun, layOut, unfree };
});
