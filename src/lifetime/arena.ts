/**
 * Arena: bump allocation; all blocks are freed at once.
 *
 * Owns chunks, which are blocks of the heap, and hands out their bytes from the bottom up. Nothing that it hands out is
 * where a chunk's payload starts, so `free` refuses it.
 *
 *   chunk  | lead | block | block | ...             | rest |
 *          base   16      used ->                   room
 *
 *   0 < lead <= used <= room, multiples of 16, below 2^30: small integers to V8, so that `base` is the only double
 *   after dispose(), and before the first chunk: used = room = 0, so that the fast path finds no room
 */
import { fill } from "../access/bytes.js";
import { type Inspect, inspect, named } from "../access/shown.js";
import { checkOptions, checkSize } from "../api/attached.js";
import { bytesOf } from "../api/calloc.js";
import { malloc, usableSize } from "../api/malloc.js";
import { rangeError, show, typeError } from "../errors.js";
import { type Pointer, roundUp } from "../memory/memory.js";
import { disposed, freeAll } from "./disposal.js";

/** Settings of an arena. */
export interface ArenaOptions {
  /** Bytes of a chunk: from 1 KiB to 512 MiB, 64 KiB by default. */
  readonly chunkBytes?: number | undefined;
}

const KNOWN_OPTIONS: Readonly<Record<keyof ArenaOptions, true>> = { chunkBytes: true };

/** Less than the heap grows by at a time, and many blocks. */
const CHUNK_BYTES = 64 * 1024;
const LEAST_CHUNK = 1024;
/** So that offsets in a chunk are small integers to V8. */
const LARGEST_CHUNK = 2 ** 29;
/** Unused bytes at the start of a chunk: the heap's block starts there, and `free` would accept its address. */
const LEAD = 16;
/** A request of more than 1/8 of a chunk that does not fit in the rest gets a chunk of its own. */
const OWN_PART = 8;

/**
 * Bump allocation: hands out memory by adding to an offset, and frees all of it at once: by `reset()`, which keeps the
 * memory for the next round, or `dispose()`, which frees it.
 *
 * Its blocks are 16-byte aligned. They are no blocks of the heap: `free`, `realloc` and `usableSize` refuse them, and
 * `view` needs a length. An arena is used by the thread that made it. Any thread may read and write its blocks until they
 * are freed. An arena that is dropped without `dispose()` stays allocated.
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
  /** Address of the current chunk. */
  #base = 0;
  /** Bytes of it that were handed out, with its lead. */
  #used = 0;
  /** Its bytes. */
  #room = 0;
  /** Chunks of the ordinary size; those from `#next` on are empty. */
  readonly #chunks: Pointer[] = [];
  #next = 0;
  /** Chunks of one large request each. */
  #own: Pointer[] = [];
  /** Bytes handed out in all chunks but the current one. */
  #otherBytes = 0;
  readonly #chunkBytes: number;
  #disposed = false;

  /**
   * Makes an empty arena; the first chunk is allocated with the first block.
   *
   * @param options the size of its chunks
   * @throws HeapError ERR_INVALID_ARG for a size out of range
   */
  constructor(options: ArenaOptions = {}) {
    checkOptions("Arena", options, KNOWN_OPTIONS);
    this.#chunkBytes = checkedChunk(options.chunkBytes === undefined ? CHUNK_BYTES : options.chunkBytes);
  }

  /** Whether it was disposed of. */
  get disposed(): boolean {
    return this.#disposed;
  }

  /** Bytes handed out since the last `reset()`, or ever: each block rounded up to 16. */
  get bytes(): number {
    return this.#otherBytes + Math.max(0, this.#used - LEAD);
  }

  /**
   * Allocates `size` bytes, 16-byte aligned, with undefined contents. A size of 0 gives a unique address.
   *
   * Requests of more than 1/8 of a chunk that do not fit in the current one get a chunk of their own.
   *
   * @param size bytes, a whole number
   * @returns the address; never NULL. Valid until `reset()` or `dispose()`
   * @throws HeapError ERR_INVALID_ARG and ERR_OUT_OF_MEMORY like the function malloc, and ERR_DISPOSED after `dispose()`;
   *   all blocks stay valid
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
   * Allocates `count * size` bytes of zeroes, 16-byte aligned.
   *
   * @param count how many, a whole number
   * @param size bytes of each, a whole number
   * @returns the address; never NULL. Valid until `reset()` or `dispose()`
   * @throws HeapError ERR_INVALID_ARG and ERR_OUT_OF_MEMORY like the function calloc, and ERR_DISPOSED after `dispose()`
   */
  calloc(count: number, size: number): Pointer {
    if (this.#disposed) throw ended("calloc");
    const bytes = bytesOf("arena.calloc", count, size);
    const pointer = this.malloc(bytes);
    fill(pointer, 0, bytes);
    return pointer;
  }

  /**
   * Frees all blocks. The arena keeps its chunks for the next ones, except those of one large request each.
   *
   * @throws HeapError ERR_DISPOSED after `dispose()`; ERR_HEAP_CORRUPT when something wrote outside its block
   */
  reset(): void {
    if (this.#disposed) throw ended("reset");
    this.#next = 0;
    this.#base = this.#used = this.#room = this.#otherBytes = 0;
    const own = this.#own;
    this.#own = [];
    freeAll(own);
  }

  /**
   * Frees all memory of the arena, for good. A second call does nothing.
   *
   * @throws HeapError ERR_HEAP_CORRUPT when something wrote outside its block; the other chunks are freed nevertheless
   */
  dispose(): void {
    this.#disposed = true;
    this.#base = this.#used = this.#room = this.#otherBytes = 0;
    const chunks = [...this.#own, ...this.#chunks];
    this.#own.length = this.#chunks.length = 0;
    freeAll(chunks);
  }

  /** Calls `dispose()`; arenas of other libraries have this name for it. */
  destroy(): void {
    this.dispose();
  }

  /** Calls `dispose()`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** For console.log. */
  [inspect](_depth: number, options: object, format: Inspect): string {
    const chunks = this.#chunks.length + this.#own.length;
    return named("Arena", { bytes: this.bytes, chunks, disposed: this.#disposed }, options, format);
  }

  /** The current chunk has no room, or `size` is no size. */
  #mallocSlow(size: number): Pointer {
    if (this.#disposed) throw ended("malloc");
    checkSize("arena.malloc", "size", size);
    const bytes = size === 0 ? 1 : size;
    if (bytes > this.#chunkBytes / OWN_PART) {
      const chunk = malloc(bytes + LEAD);
      this.#own.push(chunk);
      this.#otherBytes += roundUp(bytes, 16);
      return (chunk + LEAD) as Pointer;
    }
    if (bytes > this.#room - this.#used) this.#advance();
    return this.malloc(bytes);
  }

  /** Makes the next chunk the current one; the rest of this one stays unused until `reset()`. */
  #advance(): void {
    if (this.#next === this.#chunks.length) this.#chunks.push(malloc(this.#chunkBytes + LEAD));
    this.#otherBytes = this.bytes;
    const chunk = this.#chunks[this.#next++]!;
    this.#base = chunk;
    this.#used = LEAD;
    this.#room = roomOf(chunk);
  }
}

/** Usable bytes of a chunk, rounded down to 16. */
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
