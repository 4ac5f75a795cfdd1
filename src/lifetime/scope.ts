/**
 * Scope: blocks that live until a piece of code has ended, however it ends.
 *
 * Owns which blocks are its own. Promises that each of them is freed exactly once: by hand, at the end, or never if it was
 * let out. Must not know how blocks are made.
 */

import { alignedAlloc } from "../aligned.js";
import { NULL, type Pointer } from "../core/memory.js";
import { type HeapError, hex, rangeError, show, typeError } from "../errors.js";
import { calloc, free, malloc, usableAt } from "../malloc.js";
import { realloc } from "../realloc.js";
import { disposed, freeAll } from "./disposal.js";
import { Pointers } from "./pointers.js";

/**
 * Frees what was allocated through it when it ends: at the end of the block it was declared in with `using`, by
 * `dispose()`, or when the function given to `Scope.run` is done. Also when that happens by an exception.
 *
 * Scopes may be nested; each frees its own blocks, and `adopt` and `keep` move a block from one to another. A scope is
 * used by the thread that made it; its blocks may be read and written by all. While a block is a scope's, resize and free
 * it through the scope only: a pointer that was given to plain `free` would be freed again at the end.
 *
 * A scope that is dropped without an end keeps its blocks allocated.
 *
 * @example
 * ```ts
 * import { read, Scope, stats, write } from "heapwright";
 *
 * function hypotenuse(a: number, b: number): number {
 *   using scope = new Scope();
 *   const sides = scope.malloc(16);
 *   write.f64(sides, a);
 *   write.f64(sides, b, 8);
 *   return Math.hypot(read.f64(sides), read.f64(sides, 8));
 * }
 *
 * console.log(hypotenuse(3, 4)); // 5
 * console.log(stats().allocated); // 0
 * ```
 */
export class Scope {
  readonly #blocks = new Pointers();
  #disposed = false;

  /**
   * Runs a function with a scope that ends when the function does, by returning or by throwing. When it returns a
   * promise, the scope ends when that is settled.
   *
   * When both the function and the end of the scope throw, the error is a SuppressedError with both, as with `using`.
   *
   * @param work gets the scope
   * @returns what the function returns
   *
   * @example
   * ```ts
   * import { Scope, stats, view } from "heapwright";
   *
   * const sum = Scope.run((scope) => {
   *   const bytes = view(scope.calloc(10, 1), 10).fill(7);
   *   return bytes.reduce((a, b) => a + b);
   * });
   * console.log(sum); // 70
   * console.log(stats().allocated); // 0
   * ```
   */
  static run<T>(work: (scope: Scope) => T): T {
    if (typeof work !== "function") {
      throw typeError("ERR_INVALID_ARG", `Scope.run: give a function, got ${show(work)}`);
    }
    const scope = new Scope();
    let pending = false;
    using _end = {
      [Symbol.dispose]() {
        if (!pending) scope.dispose();
      },
    };
    const result = work(scope);
    if (!isThenable(result)) return result;
    pending = true;
    return endAfter(scope, result) as T;
  }

  /** Whether it has ended. */
  get disposed(): boolean {
    return this.#disposed;
  }

  /**
   * Like the function malloc, for a block of this scope.
   *
   * @param size bytes, a whole number
   * @throws HeapError as malloc does, and ERR_DISPOSED after the end
   */
  malloc(size: number): Pointer {
    this.#refuseWhenDisposed("malloc");
    return this.#hold(malloc(size));
  }

  /**
   * Like the function calloc, for a block of this scope.
   *
   * @param count how many, a whole number
   * @param size bytes of each, a whole number
   * @throws HeapError as calloc does, and ERR_DISPOSED after the end
   */
  calloc(count: number, size: number): Pointer {
    this.#refuseWhenDisposed("calloc");
    return this.#hold(calloc(count, size));
  }

  /**
   * Like the function alignedAlloc, for a block of this scope.
   *
   * @param alignment a power of two from 1 to 2^31
   * @param size bytes, a whole number
   * @throws HeapError as alignedAlloc does, and ERR_DISPOSED after the end
   */
  alignedAlloc(alignment: number, size: number): Pointer {
    this.#refuseWhenDisposed("alignedAlloc");
    return this.#hold(alignedAlloc(alignment, size));
  }

  /**
   * Like the function realloc, for a block of this scope; it stays the scope's wherever it moves. NULL makes this
   * malloc(size).
   *
   * @param pointer one of this scope's, or NULL
   * @param size bytes; 0 leaves a minimal live block
   * @returns where the block is now
   * @throws HeapError as realloc does; ERR_INVALID_POINTER when the block is not this scope's, and ERR_DISPOSED after the
   *   end. The block is then untouched and still at `pointer`
   */
  realloc(pointer: Pointer, size: number): Pointer {
    this.#refuseWhenDisposed("realloc");
    if (pointer === NULL) return this.#hold(malloc(size));
    if (!this.#blocks.has(pointer)) throw foreign("realloc", pointer);
    const moved = realloc(pointer, size);
    if (moved !== pointer) {
      this.#blocks.delete(pointer);
      this.#blocks.add(moved);
    }
    return moved;
  }

  /**
   * Frees a block of this scope before its end. NULL does nothing.
   *
   * @param pointer one of this scope's, or NULL
   * @throws HeapError as free does; ERR_INVALID_POINTER when the block is not this scope's, and ERR_DISPOSED after the end
   */
  free(pointer: Pointer): void {
    this.#refuseWhenDisposed("free");
    if (pointer === NULL) return;
    // First, so that a block that was freed by hand before is refused here, and not at the end once more.
    this.#takeOut("free", pointer);
    free(pointer);
  }

  /**
   * Lets a block out: it outlives this scope, and from now on somebody else frees it.
   *
   * @param pointer one of this scope's
   * @returns the same pointer
   * @throws HeapError ERR_INVALID_POINTER when the block is not this scope's, ERR_DISPOSED after the end
   *
   * @example
   * ```ts
   * import { free, read, Scope, write } from "heapwright";
   *
   * const answer = Scope.run((scope) => {
   *   const scratch = scope.malloc(1000); // freed at the end
   *   write.i32(scratch, 6 * 7);
   *   const result = scope.malloc(4);
   *   write.i32(result, read.i32(scratch));
   *   return scope.keep(result);
   * });
   * console.log(read.i32(answer)); // 42
   * free(answer);
   * ```
   */
  keep(pointer: Pointer): Pointer {
    this.#refuseWhenDisposed("keep");
    this.#takeOut("keep", pointer);
    return pointer;
  }

  /**
   * Takes a block in: one that a plain malloc made, or that another scope let out. It must be nobody else's to free.
   *
   * @param pointer a live block, of any thread
   * @returns the same pointer
   * @throws HeapError ERR_INVALID_POINTER or ERR_DOUBLE_FREE when no live block starts there, ERR_DISPOSED after the end
   *
   * @example
   * ```ts
   * import { Scope, stats } from "heapwright";
   *
   * const outer = new Scope();
   * Scope.run((inner) => {
   *   const block = inner.malloc(100);
   *   outer.adopt(inner.keep(block));
   * });
   * console.log(stats().allocated > 0); // true
   * outer.dispose();
   * console.log(stats().allocated); // 0
   * ```
   */
  adopt(pointer: Pointer): Pointer {
    this.#refuseWhenDisposed("adopt");
    usableAt("scope.adopt", pointer); // refuses what cannot be freed
    if (!this.#blocks.has(pointer)) this.#blocks.add(pointer);
    return pointer;
  }

  /**
   * Ends the scope: frees every block that is still its own. Once it has ended, does nothing.
   *
   * @throws HeapError what `free` throws, when a block was freed or overwritten behind the scope's back; all others are
   *   freed all the same
   */
  dispose(): void {
    this.#disposed = true;
    freeAll(this.#blocks.clear());
  }

  /** The same as `dispose()`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #hold(pointer: Pointer): Pointer {
    this.#blocks.add(pointer);
    return pointer;
  }

  #refuseWhenDisposed(operation: string): void {
    if (this.#disposed) throw disposed(`scope.${operation}`, "this scope has ended, its blocks are freed");
  }

  #takeOut(operation: string, pointer: Pointer): void {
    if (!this.#blocks.delete(pointer)) throw foreign(operation, pointer);
  }
}

function foreign(operation: string, pointer: Pointer): HeapError {
  return rangeError(
    "ERR_INVALID_POINTER",
    `scope.${operation}: ${hex(pointer)} is no block of this scope; allocate it through the scope, or give it to adopt first`,
  );
}

async function endAfter<T>(scope: Scope, result: PromiseLike<T>): Promise<T> {
  using _end = scope;
  return await result;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
