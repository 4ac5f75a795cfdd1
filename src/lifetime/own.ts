/**
 * Owned blocks: a JavaScript object that a block of memory belongs to, and that gives it back at the latest when the
 * object itself is collected.
 *
 * Owns who has which block, of those given to `own` in this thread. Promises that an owner frees its block once, and never
 * what somebody else has been given since. Must not know how blocks are made.
 *
 * The danger of finalizers is their time: one may run long after its object was dropped. Had the block been freed by hand
 * in between, its address may be another's by then. Hence an owner must be the only one, and a second is refused.
 */
import type { Pointer } from "../core/memory.js";
import { HeapError, hex, rangeError } from "../errors.js";
import { free, usableAt } from "../malloc.js";
import { disposed } from "./disposal.js";

/** What the registry holds for an owner: nothing that leads back to it. */
interface Holding {
  readonly pointer: Pointer;
  /** The stack where it was made; only with HEAPWRIGHT_DEBUG=1, as it costs more than the block. */
  readonly madeAt: string | null;
}

const debug = process.env.HEAPWRIGHT_DEBUG === "1";
/** Every block that has an owner in this thread: one set for all copies of this library. */
const owned = sharedSet(Symbol.for("heapwright.owned"));
const registry = new FinalizationRegistry<Holding>(collected);

/**
 * A block's only owner; the function `own` makes it. Used by the thread that made it; the block may be read and written by
 * all.
 *
 * @example
 * ```ts
 * import { free, malloc, own } from "heapwright";
 *
 * const owner = own(malloc(100));
 * const pointer = owner.release(); // to be freed by hand again
 * console.log(pointer % 16, owner.disposed); // 0 true
 * free(pointer);
 * ```
 */
export class Owned {
  /** null once it owns nothing any more. */
  #pointer: Pointer | null;

  /** @internal */
  constructor(pointer: Pointer) {
    this.#pointer = pointer;
  }

  /** Whether it owns nothing any more: the block was freed, or released. */
  get disposed(): boolean {
    return this.#pointer === null;
  }

  /**
   * Where the block is. Keep the owner for as long as you use this: once the owner is collected, the block is freed.
   *
   * @throws HeapError ERR_DISPOSED once the block was freed or released
   */
  get pointer(): Pointer {
    if (this.#pointer === null) throw gone("pointer");
    return this.#pointer;
  }

  /**
   * Gives the ownership back: from now on the block is the caller's to free.
   *
   * @returns where the block is
   * @throws HeapError ERR_DISPOSED once the block was freed or released
   */
  release(): Pointer {
    const pointer = this.#pointer;
    if (pointer === null) throw gone("release");
    this.#letGo(pointer);
    return pointer;
  }

  /**
   * Frees the block. Does nothing once it was freed or released.
   *
   * @throws HeapError as free does, when the block was freed or overwritten behind the owner's back
   */
  dispose(): void {
    const pointer = this.#pointer;
    if (pointer === null) return;
    this.#letGo(pointer);
    free(pointer);
  }

  /** The same as `dispose()`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #letGo(pointer: Pointer): void {
    this.#pointer = null;
    registry.unregister(this);
    owned.delete(pointer);
  }
}

/**
 * Makes an object the owner of a block: the block is freed by `dispose()`, at the end of a block with `using`, or when
 * V8 collects the owner, which may be late, and is never if the process or worker ends before; that this heap is full does
 * not hasten it. So dispose of owners; the collector is the net below. With HEAPWRIGHT_DEBUG=1 in the environment it tells
 * by a warning of the process where an owner was made that had to be caught by it.
 *
 * The owner must be the block's only one: from here on give the pointer to neither `free` nor `realloc` nor a scope. What
 * was freed behind its back would be freed once more later, when another may have been given the address.
 *
 * @param pointer a live block, of any thread, that nobody else will free
 * @returns its owner, for the calling thread
 * @throws HeapError ERR_INVALID_POINTER or ERR_DOUBLE_FREE when no live block starts there, ERR_INVALID_ARG when it has an
 *   owner in this thread already
 *
 * @example
 * ```ts
 * import { calloc, own, read, stats, write } from "heapwright";
 *
 * class Counter {
 *   #value = own(calloc(1, 4)); // freed when the counter is collected, if not before
 *   increment() {
 *     write.u32(this.#value.pointer, this.count + 1);
 *   }
 *   get count() {
 *     return read.u32(this.#value.pointer);
 *   }
 *   [Symbol.dispose]() {
 *     this.#value.dispose();
 *   }
 * }
 *
 * {
 *   using counter = new Counter();
 *   counter.increment();
 *   console.log(counter.count); // 1
 * }
 * console.log(stats().allocated); // 0
 * ```
 */
export function own(pointer: Pointer): Owned {
  usableAt("own", pointer); // refuses what cannot be freed
  if (owned.has(pointer)) {
    throw rangeError(
      "ERR_INVALID_ARG",
      `own: the block at ${hex(pointer)} has an owner already; use that, or take the block from it by release()`,
    );
  }
  const owner = new Owned(pointer);
  registry.register(owner, { pointer, madeAt: debug ? stackOfCaller() : null }, owner);
  owned.add(pointer);
  return owner;
}

/** Runs in the thread that made the owner, some time after V8 has collected it. */
function collected({ pointer, madeAt }: Holding): void {
  owned.delete(pointer);
  let what = "was dropped without dispose() and collected, and its block is freed now";
  try {
    free(pointer);
  } catch (error) {
    // Freed behind the owner's back: nothing is left to do, and nobody is there to catch an error.
    if (!isGone(error)) throw error;
    what = `was dropped, and its block is freed already: ${error.message}`;
  }
  if (madeAt !== null) warn(pointer, what, madeAt);
}

function isGone(error: unknown): error is HeapError {
  return (
    error instanceof HeapError && (error.code === "ERR_DOUBLE_FREE" || error.code === "ERR_INVALID_POINTER")
  );
}

function warn(pointer: Pointer, what: string, madeAt: string): void {
  const [place = "at an unknown place", ...callers] = madeAt.split("\n");
  process.emitWarning(`the owner of ${hex(pointer)}, made ${place.trim()}, ${what}`, {
    type: "HeapWarning",
    code: "HEAPWRIGHT_OWNER_DROPPED",
    detail: callers.join("\n"),
  });
}

/** The lines of the stack from the caller of `own` on. */
function stackOfCaller(): string {
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder, own);
  return (holder.stack ?? "").split("\n").slice(1).join("\n");
}

function gone(operation: string): HeapError {
  return disposed(`owner.${operation}`, "its block was freed or released");
}

function sharedSet(name: symbol): Set<Pointer> {
  const holder = globalThis as { [name: symbol]: Set<Pointer> | undefined };
  holder[name] ??= new Set<Pointer>();
  return holder[name];
}
