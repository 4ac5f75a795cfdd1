/**
 * malloc and its kin with the manners of C: errors are NULL and errno, and nothing is ever thrown.
 *
 * Owns what C expects where it differs from malloc.ts. Promises: every function returns, whatever its arguments are
 * and whatever the heap throws; the account has changed only if the heap has. Must not know koffi.
 */

import { alignedAlloc } from "../aligned.js";
import { NULL, type Pointer } from "../core/memory.js";
import { hex, rangeError, show } from "../errors.js";
import { calloc, free, malloc, usableAt, usableSize } from "../malloc.js";
import { reallocAhead } from "../realloc.js";
import type { Account } from "./account.js";
import type { CFunctions, Deliver } from "./callbacks.js";

const ENOMEM = 12;
const EINVAL = 22;
/** What posix_memalign asks of an alignment. */
const POINTER_BYTES = 8;
const SUCCESS = 0;

/** What the functions need of the system. */
export interface System {
  setErrno(code: number): void;
  storeAddress(place: number, value: number): void;
}

/** The functions of a library whose account this is. */
export class LibraryFunctions implements CFunctions {
  readonly #account: Account;
  readonly #system: System;

  constructor(account: Account, system: System) {
    this.#account = account;
    this.#system = system;
  }

  malloc(size: number): number {
    try {
      return this.#admits(size) ? this.#opened(malloc(size)) : this.#noRoom(size);
    } catch (error) {
      return this.#failed(error, ENOMEM);
    }
  }

  calloc(count: number, size: number): number {
    try {
      const bytes = count * size;
      return this.#admits(bytes) ? this.#opened(calloc(count, size)) : this.#noRoom(bytes);
    } catch (error) {
      return this.#failed(error, ENOMEM);
    }
  }

  /**
   * Size 0 leaves a minimal live block, as C allows. A block that shrinks stays where it is if it cannot move. `deliver`
   * gets the result before what was there is let go of.
   */
  realloc(pointer: number, size: number, deliver: Deliver = nowhere): number {
    if (pointer === NULL) return this.malloc(size);
    let usable = -1; // no block is known yet
    let delivered = NULL;
    let growth = 0;
    try {
      usable = usableAt("realloc", pointer as Pointer);
      if (size > usable && !this.#admits(size - usable)) return this.#noRoom(size - usable);
      const moved = reallocAhead(pointer as Pointer, usable, size, (result) => {
        deliver(result);
        delivered = result;
        growth = usableSize(result) - usable;
      });
      growth = usableSize(moved) - usable; // it may have been cut since
      this.#account.resized(growth);
      return moved;
    } catch (error) {
      if (delivered !== NULL) {
        this.#account.resized(growth); // C has it already
        return delivered;
      }
      return size <= usable && size >= 0 ? pointer : this.#failed(error, ENOMEM);
    }
  }

  /** A wrong pointer is counted as a failure, and nothing else happens. errno is left alone. */
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
      return this.#opened(alignedAlloc(alignment, size));
    } catch (error) {
      return this.#failed(error, isPowerOfTwo(alignment) ? ENOMEM : EINVAL);
    }
  }

  /** The error is its result; errno is left alone, and so is `*target` unless it succeeds. */
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
      this.#system.storeAddress(target, this.#opened(alignedAlloc(alignment, size)));
      return SUCCESS;
    } catch (error) {
      this.#account.failed(error);
      return ENOMEM;
    }
  }

  opaqueMalloc(_opaque: unknown, size: number): number {
    return this.malloc(size);
  }

  /** zlib does not ask for zeroes. */
  zalloc(_opaque: unknown, items: number, size: number): number {
    return this.malloc(items * size);
  }

  zfree(_opaque: unknown, pointer: number): void {
    this.free(pointer);
  }

  /** Lua's: size 0 frees. For a new block `oldSize` is no size but what it is for. */
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

  /** Sizes beyond 2^53 arrive rounded, negative or as a BigInt, and are too large in any case. */
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
