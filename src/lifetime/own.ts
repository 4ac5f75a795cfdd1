/**
 * Owned blocks: a JavaScript object that owns a block, and frees it when the object is collected, if not before.
 *
 * Owns the set of this thread's owned blocks. A finalizer may run long after its object was dropped. If the block had been
 * freed in between, its address could be another block's by then, which would be freed instead. So a block has one owner,
 * and a second is refused.
 */
import { type Inspect, inspect, named } from "../access/shown.js";
import { addressOf } from "../api/attached.js";
import { free, usableAt } from "../api/malloc.js";
import { HeapError, hex, rangeError, stackText } from "../errors.js";
import type { Pointer, PointerLike } from "../memory/memory.js";
import { isOn } from "../process/settings.js";
import { disposed, liveBytes } from "./disposal.js";

/** What the finalizer gets. It must not refer to the owner, which would then never be collected. */
interface Holding {
  readonly pointer: Pointer;
  /** The stack where the owner was made; only with HEAPWRIGHT_DEBUG=1, for it costs more than the block. */
  readonly madeAt: string | null;
}

const debug = isOn(process.env.HEAPWRIGHT_DEBUG);
/** Every block with an owner in this thread, of all copies of this library. */
const owned = sharedSet(Symbol.for("heapwright.owned"));
const registry = new FinalizationRegistry<Holding>(collected);

/**
 * The owner of a block; `own` makes it. It is used by the thread that made it; any thread may read and write the block.
 *
 * @example
 * ```ts
 * import { free, malloc, own } from "heapwright";
 *
 * const owner = own(malloc(100));
 * const pointer = owner.release(); // now it must be freed by hand
 * console.log(pointer % 16, owner.disposed); // 0 true
 * free(pointer);
 * ```
 */
export class Owned {
  /** null once it owns no block any more. */
  #pointer: Pointer | null;

  /** @internal */
  constructor(pointer: Pointer) {
    this.#pointer = pointer;
  }

  /** Whether it owns no block any more: the block was freed, or released. */
  get disposed(): boolean {
    return this.#pointer === null;
  }

  /**
   * The block's address. Keep the owner while you use it: when the owner is collected, the block is freed.
   *
   * @throws HeapError ERR_DISPOSED once the block was freed or released
   */
  get pointer(): Pointer {
    if (this.#pointer === null) throw ownsNothing("pointer");
    return this.#pointer;
  }

  /**
   * Ends the ownership without freeing the block; the caller must free it.
   *
   * @returns the block's address
   * @throws HeapError ERR_DISPOSED once the block was freed or released
   */
  release(): Pointer {
    const pointer = this.#pointer;
    if (pointer === null) throw ownsNothing("release");
    this.#disown(pointer);
    return pointer;
  }

  /**
   * Frees the block. Does nothing once it was freed or released.
   *
   * @throws HeapError like free, when somebody else freed the block, or something overwrote its header
   */
  dispose(): void {
    const pointer = this.#pointer;
    if (pointer === null) return;
    this.#disown(pointer);
    free(pointer);
  }

  /** Calls `dispose()`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** For console.log. */
  [inspect](_depth: number, options: object, format: Inspect): string {
    const pointer = this.#pointer;
    const figures =
      pointer === null ? { disposed: true } : { pointer, bytes: liveBytes([pointer]), disposed: false };
    return named("Owned", figures, options, format);
  }

  #disown(pointer: Pointer): void {
    this.#pointer = null;
    registry.unregister(this);
    owned.delete(pointer);
  }
}

/**
 * Makes an owner for a block. The block is freed by `dispose()`, at the end of a block with `using`, or when V8 collects
 * the owner. That may be late or never, and a full heap does not make V8 collect: so dispose of owners. With
 * HEAPWRIGHT_DEBUG=1 in the environment a process warning tells where an owner was made that was collected instead.
 *
 * From now on give the pointer to neither `free` nor `realloc` nor a scope: the owner would free it a second time later,
 * when its address may be another block's.
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
export function own(pointer: PointerLike): Owned {
  const address = addressOf("own", pointer);
  usableAt("own", address); // throws for what cannot be freed
  if (owned.has(address)) {
    throw rangeError(
      "ERR_INVALID_ARG",
      `own: the block at ${hex(address)} has an owner already; use that, or take the block from it by release()`,
    );
  }
  const owner = new Owned(address);
  registry.register(owner, { pointer: address, madeAt: debug ? stackOfCaller() : null }, owner);
  owned.add(address);
  return owner;
}

/** The finalizer: runs in the thread that made the owner, some time after V8 collected it. */
function collected({ pointer, madeAt }: Holding): void {
  owned.delete(pointer);
  let what = "was dropped without dispose() and collected, and its block is freed now";
  try {
    free(pointer);
  } catch (error) {
    // Somebody else has freed it. Nobody could catch an error here.
    if (!isNoBlock(error)) throw error;
    what = `was dropped, and its block is freed already: ${error.message}`;
  }
  if (madeAt !== null) warn(pointer, what, madeAt);
}

function isNoBlock(error: unknown): error is HeapError {
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

/** The lines of the stack from the caller of `own` down. */
function stackOfCaller(): string {
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder, own);
  return (stackText(holder) ?? "").split("\n").slice(1).join("\n");
}

function ownsNothing(operation: string): HeapError {
  return disposed(`owner.${operation}`, "its block was freed or released");
}

function sharedSet(name: symbol): Set<Pointer> {
  const holder = globalThis as { [name: symbol]: Set<Pointer> | undefined };
  holder[name] ??= new Set<Pointer>();
  return holder[name];
}
