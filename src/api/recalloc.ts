/**
 * recalloc: resizes a block and clears what it grows by.
 *
 * Owns which bytes are zero afterwards. Must not know how a block is resized.
 */

import { NULL, type Pointer, type PointerLike } from "../memory/memory.js";
import { ensureStack } from "../platform/stack.js";
import { keptFor, reallocFor } from "./aligned-realloc.js";
import { addressOf, checkSize, heap } from "./attached.js";
import { calloc } from "./calloc.js";
import { usableAt } from "./malloc.js";

/** Up to this many bytes, a loop clears faster than a call of a builtin. */
const LOOP_BYTES = 32;

/**
 * realloc() that clears all it does not keep: the first `min(usableSize(pointer), size)` bytes stay as they are, and the
 * rest, up to the usable size afterwards, is zero.
 *
 * The heap knows a block's usable size only, not the size that was requested. So a block from calloc or recalloc, grown by
 * recalloc any number of times, is zero wherever nothing was written. A block from malloc keeps up to usableSize() bytes of
 * undefined contents. Bytes that a smaller `size` cuts off are zero when recalloc grows the block again.
 *
 * @param pointer a live block of any thread; with NULL this is calloc(1, size)
 * @param size bytes; 0 leaves a minimal live block
 * @returns where the block is now; `pointer` is no longer valid if this differs
 * @throws HeapError as realloc does; the block is then untouched and still at `pointer`
 *
 * @example
 * ```ts
 * import { calloc, free, read, recalloc, write } from "heapwright";
 *
 * let counters = calloc(10, 4);
 * write.u32(counters, 7, 9 * 4);
 * counters = recalloc(counters, 1000 * 4);
 * console.log(read.u32(counters, 9 * 4), read.u32(counters, 999 * 4)); // 7 0
 * free(counters);
 * ```
 */
export function recalloc(pointer: PointerLike, size: number): Pointer {
  checkSize("recalloc", "size", size);
  const from = addressOf("recalloc", pointer);
  if (from === NULL) return calloc(1, size);
  const kept = keptFor(from, size);
  if (kept >= 0) {
    if (size <= kept) clear(from, size);
    return from;
  }
  const have = usableAt("recalloc", from);
  ensureStack(); // a full stack after the block has moved would lose the new address
  const to = reallocFor("recalloc", from, size);
  // The bytes of a mapping beyond those kept are fresh from the kernel, and zero.
  if (size <= have || heap.liveBlockOfAny(to) !== 0) clear(to, Math.min(have, size));
  return to;
}

/** Clears the block from byte `from` to its end. */
function clear(pointer: Pointer, from: number): void {
  const { bytes, base } = heap.window;
  const end = pointer - base + usableAt("recalloc", pointer);
  let i = pointer - base + from;
  if (end - i > LOOP_BYTES) bytes.fill(0, i, end);
  else for (; i < end; i++) bytes[i] = 0;
}
