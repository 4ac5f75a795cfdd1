/**
 * Arena: many small blocks that all end at once.
 *
 * Owns chunks, which are blocks of the heap, and hands out their bytes from the bottom up. Promises that an allocation
 * is an addition while the chunk lasts, and that nothing that it hands out is the start of a block: `free` refuses it.
 * Must not know how blocks are made.
 *
 *   chunk  | lead | block | block | ...             | rest |
 *          base   16      used ->                   room
 *
 *   0 < lead <= used <= room, all of them multiples of 16; used and room are below 2^30, so V8 keeps them as small
 *   integers and `base` is the only double
 *   once disposed, and before the first chunk: used = room = 0, so that the fast path finds no room
 */
import { fill } from "../access/bytes.js";
import { checkOptions, checkSize } from "../attached.js";
import type { Pointer } from "../core/memory.js";
import { rangeError, show, typeError } from "../errors.js";
import { bytesOf, malloc, usableSize } from "../malloc.js";
import { disposed, freeAll } from "./disposal.js";

/** Settings of an arena. */
export interface ArenaOptions {
  /** Bytes that a chunk has room for: from 1 KiB to 512 MiB, 64 KiB by default. */
  readonly chunkBytes?: number | undefined;
}

const KNOWN_OPTIONS: Readonly<Record<keyof ArenaOptions, true>> = { chunkBytes: true };

/** Small beside the heap's own steps of growth, large beside the blocks that arenas are made for. */
const CHUNK_BYTES = 64 * 1024;
const LEAST_CHUNK = 1024;
/** So that places in a chunk are small integers of V8 everywhere. */
const LARGEST_CHUNK = 2 ** 29;
/** Bytes left unused at the start of a chunk: what starts there is the heap's block, and `free` would take it. */
const LEAD = 16;
/** A request of more than this part of a chunk that does not fit in the rest gets a chunk of its own. */
const OWN_PART = 8;

/**
 * Hands out memory by adding to a counter and takes all of it back at once: by `reset()`, which keeps the memory for the
 * next round, or `dispose()`, which gives it back to the heap.
 *
 * Its blocks are 16-byte aligned. They are no blocks of the heap: `free`, `realloc` and `usableSize` refuse them, and
 * `view` needs a length. An arena is used by the thread that made it; its blocks may be read and written by all, for as
 * long as they last. One that is dropped without `dispose()` keeps its memory allocated.
 *
 * @example
 * ```ts
 * import { Arena, NULL, type Pointer, read, stats, write } from "heapwright";
 *
 * using arena = new Arena();
 * for (let frame = 0; frame < 100; frame++) {
 *   let list: Pointer = NULL; // a list of 1,000 nodes of 16 bytes
 *   for (let i = 0; i < 1000; i++) {
 *     const node = arena.malloc(16);
 *     write.pointer(node, list);
 *     write.u32(node, i, 8);
 *     list = node;
 *   }
 *   if (frame === 99) console.log(read.u32(list, 8)); // 999
 *   arena.reset();
 * }
 * arena.dispose();
 * console.log(stats().allocated); // 0
 * ```
 */
export class Arena {
  /** Address of the chunk that is being used. */
  #base = 0;
  /** Bytes of it that were handed out, its lead included. */
  #used = 0;
  /** Bytes that it has. */
  #room = 0;
  /** Chunks of the ordinary size; those before `#next` are full or being used, the others empty. */
  readonly #chunks: Pointer[] = [];
  #next = 0;
  /** Chunks of one request each. */
  #own: Pointer[] = [];
  readonly #chunkBytes: number;
  #disposed = false;

  /**
   * Makes an arena without memory; the first chunk is allocated with the first block.
   *
   * @param options how large its chunks are
   * @throws HeapError ERR_INVALID_ARG when the size makes no sense
   */
  constructor(options: ArenaOptions = {}) {
    checkOptions("Arena", options, KNOWN_OPTIONS);
    this.#chunkBytes = checkedChunk(options.chunkBytes === undefined ? CHUNK_BYTES : options.chunkBytes);
  }

  /** Whether it was disposed of. */
  get disposed(): boolean {
    return this.#disposed;
  }

  /**
   * Takes `size` bytes, 16-byte aligned, with undefined contents. A size of 0 gives an address of its own.
   *
   * Requests of more than an eighth of a chunk that do not fit in the current one get a chunk of their own.
   *
   * @param size bytes, a whole number
   * @returns the address; never NULL. Valid until `reset()` or `dispose()`
   * @throws HeapError ERR_INVALID_ARG and ERR_OUT_OF_MEMORY as the function malloc does, and ERR_DISPOSED after the end;
   *   everything handed out before stays valid
   */
  malloc(size: number): Pointer {
    const used = this.#used;
    if (typeof size === "number" && size >>> 0 === size && size !== 0 && size <= this.#room - used) {
      this.#used = (used + size + 15) & -16;
      return (this.#base + used) as Pointer;
    }
    return this.#mallocSlow(size);
  }

  /**
   * The same, zeroed: `count * size` bytes.
   *
   * @param count how many, a whole number
   * @param size bytes of each, a whole number
   * @returns the address; never NULL. Valid until `reset()` or `dispose()`
   * @throws HeapError ERR_INVALID_ARG and ERR_OUT_OF_MEMORY as the function calloc does, and ERR_DISPOSED after the end
   */
  calloc(count: number, size: number): Pointer {
    if (this.#disposed) throw ended("calloc");
    const bytes = bytesOf("arena.calloc", count, size);
    const pointer = this.malloc(bytes);
    fill(pointer, 0, bytes);
    return pointer;
  }

  /**
   * Takes back everything that was handed out. The chunks stay for what comes next; those of one large request each go
   * back to the heap.
   *
   * @throws HeapError ERR_DISPOSED after the end; ERR_HEAP_CORRUPT when something wrote outside its block
   */
  reset(): void {
    if (this.#disposed) throw ended("reset");
    this.#next = 0;
    this.#base = this.#used = this.#room = 0;
    const own = this.#own;
    this.#own = [];
    freeAll(own);
  }

  /**
   * Gives all memory of the arena back to the heap, and ends it. Once it has ended, does nothing.
   *
   * @throws HeapError ERR_HEAP_CORRUPT when something wrote outside its block; all other chunks are freed all the same
   */
  dispose(): void {
    this.#disposed = true;
    this.#base = this.#used = this.#room = 0;
    const chunks = [...this.#own, ...this.#chunks];
    this.#own.length = this.#chunks.length = 0;
    freeAll(chunks);
  }

  /** The same as `dispose()`, by the name that arenas of other libraries have for it. */
  destroy(): void {
    this.dispose();
  }

  /** The same as `dispose()`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** What the rest of the current chunk has no room for, or is no size at all. */
  #mallocSlow(size: number): Pointer {
    if (this.#disposed) throw ended("malloc");
    checkSize("arena.malloc", "size", size);
    const bytes = size === 0 ? 1 : size;
    if (bytes > this.#chunkBytes / OWN_PART) {
      const chunk = malloc(bytes + LEAD);
      this.#own.push(chunk);
      return (chunk + LEAD) as Pointer;
    }
    if (bytes > this.#room - this.#used) this.#advance();
    return this.malloc(bytes);
  }

  /** On to the next chunk; what is left of this one stays unused until the next reset. */
  #advance(): void {
    if (this.#next === this.#chunks.length) this.#chunks.push(malloc(this.#chunkBytes + LEAD));
    const chunk = this.#chunks[this.#next++]!;
    this.#base = chunk;
    this.#used = LEAD;
    this.#room = roomOf(chunk);
  }
}

/** All of a chunk that is a multiple of 16. */
function roomOf(chunk: Pointer): number {
  return usableSize(chunk) & -16;
}

function ended(operation: string): Error {
  return disposed(`arena.${operation}`, "this arena was disposed of, its memory is freed");
}

function checkedChunk(bytes: number): number {
  if (typeof bytes !== "number") {
    throw typeError("ERR_INVALID_ARG", `Arena: chunkBytes must be a number of bytes, got ${show(bytes)}`);
  }
  if (!Number.isInteger(bytes) || bytes < LEAST_CHUNK || bytes > LARGEST_CHUNK) {
    throw rangeError(
      "ERR_INVALID_ARG",
      `Arena: chunkBytes must be a whole number from ${LEAST_CHUNK} to ${LARGEST_CHUNK}, got ${show(bytes)}`,
    );
  }
  return bytes;
}
