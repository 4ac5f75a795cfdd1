/**
 * Scope: blocks that are freed when a piece of code ends, also by an exception.
 *
 * Owns the set of its blocks. Each is freed once: by hand or at the end, and not if it was kept.
 */

import type { Initial, Located, Struct } from "../access/shape.js";
import { type Inspect, inspect, named } from "../access/shown.js";
import { alignedAlloc } from "../api/aligned.js";
import { addressOf } from "../api/attached.js";
import { calloc } from "../api/calloc.js";
import { free, malloc, usableAt } from "../api/malloc.js";
import { realloc } from "../api/realloc.js";
import { type HeapError, hex, rangeError, show, typeError } from "../errors.js";
import { NULL, type Pointer, type PointerLike } from "../memory/memory.js";
import { disposed, freeAll, liveBytes } from "./disposal.js";
import { Pointers } from "./pointers.js";

/**
 * Frees the blocks that were allocated through it when it ends: at the end of the JavaScript block where it was declared
 * with `using`, by `dispose()`, or when the function given to `Scope.run` returns or throws.
 *
 * Scopes may be nested; `keep` and `adopt` move a block from one to another. A scope is used by the thread that made it.
 * Any thread may read and write its blocks. Resize and free them through the scope only: a block that was given to plain
 * `free` would be freed again at the end.
 *
 * The blocks of a scope that is dropped without an end stay allocated.
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
   * Runs a function with a scope that ends when the function returns or throws. If it returns a promise, the scope ends
   * when that is settled.
   *
   * When both the function and the end of the scope throw, the error is a SuppressedError with both, as with `using`.
   *
   * @param work the function; it gets the scope
   * @returns what the function returns
   * @throws HeapError ERR_INVALID_ARG for no function; what the function throws, and what `dispose()` does
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
   * @throws HeapError like malloc, and ERR_DISPOSED after the end
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
   * @throws HeapError like calloc, and ERR_DISPOSED after the end
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
   * @throws HeapError like alignedAlloc, and ERR_DISPOSED after the end
   */
  alignedAlloc(alignment: number, size: number): Pointer {
    this.#refuseWhenDisposed("alignedAlloc");
    return this.#hold(alignedAlloc(alignment, size));
  }

  /**
   * Like a struct's alloc, for a block of this scope.
   *
   * @param type the struct
   * @param values of its fields; the others are zero
   * @throws HeapError like the struct's alloc, and ERR_DISPOSED after the end
   *
   * @example
   * ```ts
   * import { Scope, stats, struct } from "heapwright";
   *
   * const Point = struct({ x: "f64", y: "f64" });
   * const length = Scope.run((scope) => {
   *   const point = scope.alloc(Point, { x: 3, y: 4 });
   *   return Math.hypot(point.x, point.y);
   * });
   * console.log(length, stats().allocated); // 5 0
   * ```
   */
  alloc<R extends Located>(type: Struct<R>, values?: Initial<NoInfer<R>>): R {
    this.#refuseWhenDisposed("alloc");
    const record = type.alloc(values);
    this.#hold(record.pointer);
    return record;
  }

  /**
   * Like the function realloc, for a block of this scope, which stays the scope's if it moves. With NULL it is
   * malloc(size).
   *
   * @param pointer a block of this scope, or NULL
   * @param size bytes; 0 leaves a minimal live block
   * @returns the block's new address
   * @throws HeapError like realloc, ERR_INVALID_POINTER for no block of this scope, and ERR_DISPOSED after the end. The
   *   block is then unchanged
   */
  realloc(pointer: PointerLike, size: number): Pointer {
    this.#refuseWhenDisposed("realloc");
    if (typeof pointer !== "number") return this.realloc(addressOf("scope.realloc", pointer), size);
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
   * @param pointer a block of this scope, or NULL
   * @throws HeapError like free, ERR_INVALID_POINTER for no block of this scope, and ERR_DISPOSED after the end
   */
  free(pointer: PointerLike): void {
    this.#refuseWhenDisposed("free");
    if (typeof pointer !== "number") {
      this.free(addressOf("scope.free", pointer));
      return;
    }
    if (pointer === NULL) return;
    // First, so that a block that plain free has freed throws here only, and not once more at the end.
    this.#remove("free", pointer);
    free(pointer);
  }

  /**
   * Removes a block from the scope, which will not free it; the caller must.
   *
   * @param pointer a block of this scope
   * @returns the same pointer, as a number
   * @throws HeapError ERR_INVALID_POINTER for no block of this scope, ERR_DISPOSED after the end
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
  keep(pointer: PointerLike): Pointer {
    this.#refuseWhenDisposed("keep");
    if (typeof pointer !== "number") return this.keep(addressOf("scope.keep", pointer));
    this.#remove("keep", pointer);
    return pointer;
  }

  /**
   * Adds a block to the scope, which will free it: one that plain malloc allocated, or that another scope kept.
   *
   * @param pointer a live block, of any thread, that nobody else will free
   * @returns the same pointer, as a number
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
  adopt(pointer: PointerLike): Pointer {
    this.#refuseWhenDisposed("adopt");
    if (typeof pointer !== "number") return this.adopt(addressOf("scope.adopt", pointer));
    usableAt("scope.adopt", pointer); // throws for what cannot be freed
    if (!this.#blocks.has(pointer)) this.#blocks.add(pointer);
    return pointer;
  }

  /**
   * Ends the scope and frees its blocks. A second call does nothing.
   *
   * @throws HeapError like free, when somebody else freed a block, or something overwrote its header; all others are
   *   freed nevertheless
   */
  dispose(): void {
    this.#disposed = true;
    freeAll(this.#blocks.clear());
  }

  /** Calls `dispose()`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** For console.log. */
  [inspect](_depth: number, options: object, format: Inspect): string {
    const figures = {
      bytes: liveBytes(this.#blocks),
      blocks: this.#blocks.size,
      disposed: this.#disposed,
    };
    return named("Scope", figures, options, format);
  }

  #hold(pointer: Pointer): Pointer {
    this.#blocks.add(pointer);
    return pointer;
  }

  #refuseWhenDisposed(operation: string): void {
    if (this.#disposed) throw disposed(`scope.${operation}`, "this scope has ended, its blocks are freed");
  }

  #remove(operation: string, pointer: Pointer): void {
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
