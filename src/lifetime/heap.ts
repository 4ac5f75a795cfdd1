/**
 * Heap: a made heap, beside that of its thread, whose blocks are freed one by one or all at once.
 *
 * Owns the object for one, its limit and its end. Promises that only this object allocates in the heap: its limit and its
 * fragmentation are its own. Must not know how blocks are found, or what is in a record.
 *
 * It is one of the other heaps of the thread that made it (process/adopt.ts), with an entry in the table of heaps. So free() finds
 * the heap of its blocks as of any, by the owner of the megabyte. What differs:
 *
 *   - All blocks, also large ones, lie in its segments, so that wiping those frees them all.
 *   - It has a limit of its own (Rec.budget), which is checked before each commit.
 *   - Other threads free its blocks by a mark alone, and no outbox ever holds one (shared/remote.ts).
 *   - Its blocks end with its thread. Then its memory is reused by the next Heap, by a thread at the limit, or given back by
 *     trim().
 */
import { type Inspect, inspect, named } from "../access/shown.js";
import { alignedFor, checkAlignment } from "../api/aligned.js";
import {
  addressOf,
  afterCall,
  checkOptions,
  checkSize,
  guarded,
  noMemory,
  traced,
  unusable,
  wrongPointer,
} from "../api/attached.js";
import { bytesOf, clearFresh } from "../api/calloc.js";
import { free, heap } from "../api/malloc.js";
import { realloc } from "../api/realloc.js";
import { sizeOf } from "../block/block.js";
import { hex, isOutOfMemory, rangeError, show, typeError } from "../errors.js";
import { liveBlocksOf } from "../heap/blocks.js";
import { MAX_SMALL, type ThreadHeap } from "../heap/heap.js";
import { addHoldings, figuresOf, type HeapStats, noHoldings } from "../heap/holdings.js";
import { HEADER_BYTES, NULL, type Pointer, type PointerLike } from "../memory/memory.js";
import { isFull } from "../shared/heaps.js";
import { disposed } from "./disposal.js";

/** What `new Heap()` takes. */
export interface HeapOptions {
  /** What errors and walk() call it; a number of its own by default. */
  readonly name?: string | undefined;
  /** Most bytes of footprint, from 128 KiB to 2^53 - 1, or Infinity, which is the default; rounded down to pages. */
  readonly limit?: number | undefined;
}

const KNOWN_OPTIONS: Readonly<Record<keyof HeapOptions, true>> = { name: true, limit: true };
/** The heap's record and some pages of blocks. */
const LEAST_LIMIT = 128 * 1024;

let made = 0;

/**
 * The method that throws ERR_DISPOSED, for an operation outside this module, once the heap was destroyed. Registered, so that two copies
 * of this module recognise each other's heaps.
 */
export const refuseDestroyed: unique symbol = Symbol.for("heapwright.Heap") as never;

export function isHeap(value: unknown): value is Heap {
  return typeof value === "object" && value !== null && refuseDestroyed in value;
}

/**
 * A heap for a plugin, a tenant, a request: with a limit of its own, so that it cannot starve the others, and an end at which
 * everything in it is freed.
 *
 * Its blocks are blocks like any other: `free`, `realloc`, `usableSize`, `read`, `view` and C take them, and `free` in whatever
 * thread. `realloc` leaves them in their heap in the thread that made it; elsewhere it moves them to the heap of the calling
 * thread. A block has a little less than 512 MiB at most, 536,870,904 bytes, and none has a mapping of its own.
 *
 * Allocate in the thread that made it: the object cannot be sent to another, and each thread makes its own. When that thread
 * ends, all blocks are freed as by `destroy()`, at once or later: do not use them then. One that is dropped without `destroy()`
 * keeps its memory until then. Each takes a megabyte of address space at least and some 16 KiB of memory, of which one that was
 * destroyed keeps a page for the next; there are 1,024 heaps at most, those of threads among them.
 *
 * @example
 * ```ts
 * import { free, Heap, HeapError } from "heapwright";
 *
 * using tenant = new Heap({ name: "tenant 7", limit: 1_000_000 });
 * const block = tenant.malloc(1000);
 * free(block); // one by one, in any thread
 * try {
 *   for (;;) tenant.malloc(1000);
 * } catch (error) {
 *   if (error instanceof HeapError) console.log(error.code); // ERR_OUT_OF_MEMORY
 * }
 * console.log(tenant.stats().footprint <= 1_000_000); // true
 * // All of it is freed here.
 * ```
 */
export class Heap implements Disposable {
  /** What errors and walk() call it. */
  readonly name: string;
  /** Most bytes of footprint, in whole pages; or Infinity. */
  readonly limit: number;
  /** null once it was destroyed. */
  #own: ThreadHeap | null;

  /**
   * @throws HeapError ERR_INVALID_ARG for a name that is no string or a limit that is none; ERR_OUT_OF_MEMORY when there is no
   *   room for one more heap; ERR_UNSUPPORTED_PLATFORM where there is no heap
   */
  constructor(options: HeapOptions = {}) {
    if (unusable !== null) throw unusable;
    checkOptions("Heap", options, KNOWN_OPTIONS);
    const { name = `heap ${made + 1}`, limit = Number.POSITIVE_INFINITY } = options;
    if (typeof name !== "string")
      throw typeError("ERR_INVALID_ARG", `Heap: name must be a string, got ${show(name)}`);
    const pages = pagesOf(limit);
    this.name = name;
    this.limit = pages === 0 ? limit : pages * heap.wilderness.pageSize;
    this.#own = guarded(() => make(name, Math.min(pages, MOST_PAGES)));
    made++;
  }

  /**
   * As malloc() does it, from this heap.
   *
   * @throws HeapError ERR_OUT_OF_MEMORY, with the heap's name, when its limit leaves no room, or as malloc(); ERR_DISPOSED
   *   once it was destroyed; ERR_INVALID_ARG and ERR_HEAP_CORRUPT like malloc
   */
  malloc(size: number): Pointer {
    const own = this.#own;
    if (own === null || typeof size !== "number" || size >>> 0 !== size || size > MAX_SMALL)
      return this.#mallocSlow(size);
    if (own.hooks.trace !== null) return this.#mallocSlow(size);
    return own.popSmall(size) || this.#mallocSlow(size);
  }

  /** As calloc() does it, from this heap; throws as malloc() of this heap and calloc() do. */
  calloc(count: number, size: number): Pointer {
    return this.#allocate("calloc", bytesOf("heap.calloc", count, size));
  }

  /** As alignedAlloc() does it, from this heap; throws as malloc() of this heap and alignedAlloc() do. */
  alignedAlloc(alignment: number, size: number): Pointer {
    const own = this.#live("alignedAlloc");
    checkSize("heap.alignedAlloc", "size", size);
    checkAlignment("heap.alignedAlloc", alignment);
    return alignedFor("heap.alignedAlloc", alignment, size, own);
  }

  /**
   * As realloc() does it, for a block of this heap or NULL; it stays in this heap.
   *
   * @throws HeapError as realloc does; ERR_INVALID_POINTER for a block of another heap; ERR_DISPOSED once it was destroyed
   */
  realloc(pointer: PointerLike, size: number): Pointer {
    const address = addressOf("heap.realloc", pointer);
    if (address === NULL) return this.malloc(size);
    this.#mustHave("realloc", address);
    return realloc(address, size);
  }

  /**
   * Frees a block of this heap; free() does the same for a block of any heap.
   *
   * @throws HeapError as free does; ERR_INVALID_POINTER for a block of another heap; ERR_DISPOSED once it was destroyed
   */
  free(pointer: PointerLike): void {
    const own = this.#own;
    if (own !== null && own.hooks.trace === null && own.freeSmall(pointer as Pointer)) return;
    const address = addressOf("heap.free", pointer);
    if (address !== NULL) this.#mustHave("free", address);
    free(address);
  }

  /** Figures of this heap alone. Those of the process, in stats(), include it. */
  stats(): HeapStats {
    return statsOf(this.#live("stats"));
  }

  /**
   * Frees every block, gives the memory back to the operating system, and ends the heap. Pointers to its blocks are refused from
   * then on, until the memory is used for others. Once it has ended, does nothing.
   */
  destroy(): void {
    const own = this.#own;
    if (own === null) return;
    this.#own = null; // before: if the wipe is interrupted, recovery completes it
    guarded(() => {
      if (own.hooks.trace !== null) tellEnds(own);
      heap.others!.destroy(own);
    });
    afterCall();
  }

  /** Calls `destroy()`, for `using`. */
  [Symbol.dispose](): void {
    this.destroy();
  }

  /** Throws ERR_DISPOSED once it was destroyed, for an operation of another module. */
  [refuseDestroyed](operation: string): void {
    if (this.#own === null) throw destroyed(operation, this.name);
  }

  /** What console.log shows. */
  [inspect](_depth: number, options: object, format: Inspect): string {
    const figures = this.#own === null ? { destroyed: true } : this.stats();
    return named("Heap", { name: this.name, limit: this.limit, ...figures }, options, format);
  }

  #mallocSlow(size: number): Pointer {
    checkSize("heap.malloc", "size", size);
    return this.#allocate("malloc", size);
  }

  #allocate(operation: "malloc" | "calloc", size: number): Pointer {
    const own = this.#live(operation);
    const pointer = guarded(() => {
      const found = own.allocate(size) || this.#afterRelief(own, size);
      if (found === NULL) throw noMemory(`heap.${operation}`, size, own);
      if (operation === "calloc") clearFresh(found, own);
      traced(operation, found, size);
      return found;
    });
    afterCall();
    return pointer;
  }

  /** Once more when this heap's limit is not what forbids it: what lies idle in others may make room. NULL if in vain. */
  #afterRelief(own: ThreadHeap, size: number): Pointer {
    if (own.budget() - own.footprint() < size || size > heap.pressure().limit) return NULL;
    const relieved = heap.relieve();
    return heap.others!.relieve() || relieved ? own.allocate(size) : NULL;
  }

  #live(operation: string): ThreadHeap {
    if (this.#own !== null) return this.#own;
    throw destroyed(`heap.${operation}`, this.name);
  }

  #mustHave(operation: string, pointer: Pointer): void {
    if (this.#live(operation).liveBlock(pointer) !== 0) return;
    guarded(() => {
      if (heap.liveBlockOfAny(pointer) === 0 && heap.large.sizeOf(pointer) < 0)
        throw wrongPointer(`heap.${operation}`, pointer);
      throw rangeError(
        "ERR_INVALID_POINTER",
        `heap.${operation}: the block at ${hex(pointer)} is not of the heap ${show(this.name)}; ${operation}() takes those of any`,
      );
    });
  }
}

/** Once more where there is no megabyte of address space for its record: other heaps may have some that holds no block. */
function make(name: string, pages: number): ThreadHeap {
  try {
    return heap.others!.make(name, pages);
  } catch (error) {
    if (!isOutOfMemory(error) || isFull(heap.words)) throw error;
    const relieved = heap.relieve();
    if (!heap.others!.relieve() && !relieved) throw error;
    return heap.others!.make(name, pages);
  }
}

function destroyed(operation: string, name: string): Error {
  return disposed(operation, `the heap ${show(name)} was destroyed, its memory is freed`);
}

function tellEnds(of: ThreadHeap): void {
  const { window, words, hooks } = of;
  const blocks = Array.from(
    liveBlocksOf(of),
    (b) => [window.pointerOf(b), sizeOf(words, b) - HEADER_BYTES] as const,
  );
  hooks.guard?.ends(blocks);
  for (const [pointer, usable] of blocks) traced("free", pointer, usable);
}

function statsOf(of: ThreadHeap): HeapStats {
  const all = noHoldings();
  addHoldings(all, of.words, of.record);
  return { ...figuresOf(all, of.wilderness.pageSize), footprint: of.footprint() };
}

/** Pages of a limit; 0 for none. */
function pagesOf(limit: unknown): number {
  const wanted = `Heap: limit must be a number of bytes from ${LEAST_LIMIT} to 2^53 - 1, or Infinity`;
  if (typeof limit !== "number") throw typeError("ERR_INVALID_ARG", `${wanted}; got ${show(limit)}`);
  if (limit === Number.POSITIVE_INFINITY) return 0;
  if (!(limit >= LEAST_LIMIT && limit <= Number.MAX_SAFE_INTEGER)) {
    throw rangeError("ERR_INVALID_ARG", `${wanted}; got ${show(limit)}`);
  }
  return Math.floor(limit / heap.wilderness.pageSize);
}

/** As many as a word counts: more than all heaps can have. */
const MOST_PAGES = 2 ** 31 - 1;
