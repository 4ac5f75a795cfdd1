/**
 * How console.log shows records, arrays, and objects with figures.
 *
 * Owns that this never throws and never faults: an object may outlive its memory, and an error handler may print it. Must not
 * know what is in the objects.
 */
import { heap, unusable } from "../api/attached.js";
import { show } from "../errors.js";
import type { Pointer } from "../memory/memory.js";
import { isThere, reach } from "./there.js";

/** The method of an object that console.log calls. */
export const inspect = Symbol.for("nodejs.util.inspect.custom");

/** util.inspect, which that method gets as an argument after the options. */
export type Inspect = (value: unknown, options: object) => string;

/** Shows an object with private state by figures, as console.log shows objects of a class: `Arena { bytes: 48 }`. */
export function named(name: string, figures: object, options: object, inspect: Inspect): string {
  return `${name} ${inspect(figures, options)}`;
}

/** The result of `look` if the memory at `pointer` is mapped and no guard refuses it, else a text that says it is not. */
export function shown<T>(pointer: Pointer, bytes: number, look: () => T): T | string {
  const place = pointer - heap.window.base;
  if (unusable === null && isThere(place, bytes) && reach(place, bytes) >= bytes) return look();
  return `[${bytes} bytes at ${show(pointer)}, where the heap has no memory]`;
}
