/**
 * What workers do with the main thread's containers.
 */
import { StringTable, Vector } from "../../src/containers/index.js";
import type { Pointer } from "../../src/index.js";

/** Writes one of so many elements. */
export function fillIn(pointer: Pointer, part: number, parts: number): void {
  const numbers = Vector.at(pointer, "u32");
  for (let i = part; i < numbers.length; i += parts) numbers.set(i, i * i);
}

/** Interns the strings of that many numbers, and gives back what the table says of each. */
export function intern(pointer: Pointer, names: readonly string[]): number[] {
  const table = StringTable.at(pointer);
  return names.map((name) => table.intern(name));
}
