/**
 * What console.log shows of records and arrays.
 *
 * Owns that showing one never fails and never faults: an object outlives its memory, and an error handler may print it. Must
 * not know what is in them.
 */
import { guarded, heap, unusable } from "../attached.js";
import { isMapped } from "../core/diagnose.js";
import type { Pointer } from "../core/memory.js";
import { show } from "../errors.js";

/** What console.log asks an object for. */
export const inspect = Symbol.for("nodejs.util.inspect.custom");

/** What `look` makes of the memory at `pointer`, or a sentence where there is none. */
export function shown<T>(pointer: Pointer, bytes: number, look: () => T): T | string {
  if (isThere(pointer, bytes)) return look();
  return `[${bytes} bytes at ${show(pointer)}, where the heap has no memory]`;
}

function isThere(pointer: Pointer, bytes: number): boolean {
  return unusable === null && guarded(() => isMapped(heap, pointer, bytes));
}
