/**
 * malloc and its family as C has them: errors are NULL and errno, and nothing is thrown.
 *
 * Every function returns, whatever its arguments are and whatever the heap throws. The account changes only if the heap
 * does. Must not know koffi.
 */

import { alignedAlloc, checkAlignment } from "../api/aligned.js";
import { reallocAhead } from "../api/aligned-realloc.js";
import { calloc } from "../api/calloc.js";
import { free, malloc, usableAt, usableSize } from "../api/malloc.js";
import { hex, rangeError, show } from "../errors.js";
import { NULL, type Pointer } from "../memory/memory.js";
import type { Account } from "./account.js";
import type { CFunctions, Deliver } from "./prototypes.js";

const ENOMEM = 12;
const EINVAL = 22;
/** Least alignment that posix_memalign takes. */
const POINTER_BYTES = 8;
const SUCCESS = 0;
/** The alignment of every block. */
const MALLOC_ALIGNMENT = 16;

/** What the functions need of the system. Addresses may lie outside the heap. */
export interface System {
  setErrno(code: number): void;
  storeAddress(place: number, value: number): void;
  /** strlen */
  lengthOf(text: number): number;
  /** memcpy */
  copy(target: number, source: number, bytes: number): void;
}

/** Where blocks come from; they are freed and resized wherever they lie. */
export interface Source {
  malloc(size: number): Pointer;
  calloc(count: number, size: number): Pointer;
  alignedAlloc(alignment: number, size: number): Pointer;
}

const OF_THREAD: Source = { malloc, calloc, alignedAlloc };

/** The functions of one library. */
export class LibraryFunctions implements CFunctions {
  readonly #account: Account;
  readonly #system: System;
  readonly #source: Source;

  constructor(account: Account, system: System, source: Source | null = null) {
    this.#account = account;
    this.#system = system;
    this.#source = source ?? OF_THREAD;
  }

  malloc(size: number): number {
    try {
      return this.#admits(size) ? this.#opened(this.#source.malloc(size)) : this.#noRoom(size);
    } catch (error) {
      return this.#failed(error, ENOMEM);
    }
  }

  calloc(count: number, size: number): number {
    try {
      const bytes = count * size;
      return this.#admits(bytes) ? this.#opened(this.#source.calloc(count, size)) : this.#noRoom(bytes);
    } catch (error) {
      return this.#failed(error, ENOMEM);
    }
  }

  /**
   * Size 0 leaves a minimal live block, as C allows. A block that shrinks stays in place if there is no room to move it.
   * `deliver` gets the result before the old block is freed.
   */
  realloc(pointer: number, size: number, deliver: Deliver = nowhere): number {
    return pointer === NULL ? this.malloc(size) : this.#resize(pointer, size, deliver, MALLOC_ALIGNMENT);
  }

  /** Like realloc, to a multiple of `alignment`. C has no such function. */
  alignedRealloc(pointer: number, alignment: number, size: number, deliver: Deliver = nowhere): number {
    if (pointer === NULL) return this.alignedAlloc(alignment, size);
    try {
      checkAlignment("alignedRealloc", alignment);
    } catch (error) {
      return this.#failed(error, EINVAL);
    }
    return this.#resize(pointer, size, deliver, alignment);
  }

  #resize(pointer: number, size: number, deliver: Deliver, alignment: number): number {
    let usable = -1; // until `pointer` is known to be a block
    let delivered = NULL;
    let growth = 0;
    try {
      usable = usableAt("realloc", pointer as Pointer);
      if (size > usable && !this.#admits(size - usable)) return this.#noRoom(size - usable);
      const heard = (result: Pointer) => {
        deliver(result);
        delivered = result;
        growth = usableSize(result) - usable;
      };
      const moved = reallocAhead(pointer as Pointer, usable, size, heard, alignment);
      growth = usableSize(moved) - usable; // its tail may have been split off since
      this.#account.resized(growth);
      return moved;
    } catch (error) {
      if (delivered !== NULL) {
        this.#account.resized(growth); // C has it already
        return delivered;
      }
      const fits = size <= usable && size >= 0 && pointer % alignment === 0;
      return fits ? pointer : this.#failed(error, ENOMEM);
    }
  }

  /** A wrong pointer is counted as a failure and otherwise ignored. Leaves errno alone. */
  free(pointer: number): void {
    if (pointer === NULL) return;
    try {
      const usable = usableAt("free", pointer as Pointer);
      free(pointer as Pointer);
      this.#account.closed(usable);
    } catch (error) {
      this.#account.failed(error);
    }
  }

  alignedAlloc(alignment: number, size: number): number {
    try {
      if (!this.#admits(size)) return this.#noRoom(size);
      return this.#opened(this.#source.alignedAlloc(alignment, size));
    } catch (error) {
      return this.#failed(error, isPowerOfTwo(alignment) ? ENOMEM : EINVAL);
    }
  }

  /** Returns the error; leaves errno alone, and on failure `*target`. */
  posixMemalign(target: number, alignment: number, size: number): number {
    try {
      if (target === NULL || alignment < POINTER_BYTES || !isPowerOfTwo(alignment)) {
        this.#account.failed(wrongAlignment(target, alignment));
        return EINVAL;
      }
      if (!this.#admits(size)) {
        this.#account.failed(this.#account.overLimit(size));
        return ENOMEM;
      }
      this.#system.storeAddress(target, this.#opened(this.#source.alignedAlloc(alignment, size)));
      return SUCCESS;
    } catch (error) {
      this.#account.failed(error);
      return ENOMEM;
    }
  }

  /** NULL, for which C has no rule, gives NULL and EINVAL. */
  strdup(text: number): number {
    if (text === NULL) return this.#failed(noText(), EINVAL);
    const bytes = this.#system.lengthOf(text) + 1;
    const copy = this.malloc(bytes);
    if (copy !== NULL) this.#system.copy(copy, text, bytes);
    return copy;
  }

  /** 0 for NULL, and for a wrong pointer, which is counted as a failure. */
  usableSize(pointer: number): number {
    if (pointer === NULL) return 0;
    try {
      return usableAt("usableSize", pointer as Pointer);
    } catch (error) {
      this.#account.failed(error);
      return 0;
    }
  }

  opaqueMalloc(_opaque: unknown, size: number): number {
    return this.malloc(size);
  }

  /** Not zeroed: zlib does not need it. */
  zalloc(_opaque: unknown, items: number, size: number): number {
    return this.malloc(items * size);
  }

  zfree(_opaque: unknown, pointer: number): void {
    this.free(pointer);
  }

  /** Size 0 frees. For a new block `oldSize` is the kind of Lua's object. */
  luaAlloc(
    _opaque: unknown,
    pointer: number,
    _oldSize: number,
    size: number,
    deliver: Deliver = nowhere,
  ): number {
    if (size !== 0) return this.realloc(pointer, size, deliver);
    this.free(pointer);
    return NULL;
  }

  /** Sizes above 2^53 arrive rounded, negative or as a BigInt; they are too large anyway. */
  #admits(size: number): boolean {
    return Number.isSafeInteger(size) && size >= 0 && this.#account.admits(size);
  }

  #opened(pointer: Pointer): Pointer {
    this.#account.opened(usableSize(pointer));
    return pointer;
  }

  #noRoom(size: number): Pointer {
    return this.#failed(this.#account.overLimit(size), ENOMEM);
  }

  #failed(error: unknown, code: number): Pointer {
    this.#account.failed(error);
    this.#system.setErrno(code);
    return NULL;
  }
}

function nowhere(): void {}

function noText(): Error {
  return rangeError("ERR_INVALID_ARG", "strdup: the text is NULL; give the address of a C string");
}

function wrongAlignment(target: number, alignment: number): Error {
  return rangeError(
    "ERR_INVALID_ARG",
    `posix_memalign: the alignment must be a power of two from 8 to 2^31, and the pointer's place not NULL; got ` +
      `${show(alignment)} and ${hex(target)}`,
  );
}

function isPowerOfTwo(value: number): boolean {
  return value >= 1 && Number.isInteger(Math.log2(value));
}
