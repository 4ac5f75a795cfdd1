/**
 * What a worker does with pointers that the main thread gave it: the same definitions, at the same addresses.
 */
import { copy, cstring, fill, free, type Pointer, readCString, struct, typed } from "../../src/index.js";

export const Entry = struct({ name: ["char", 16], text: "pointer", value: "f64", next: "pointer" });

/** Doubles each value, gives each entry a new text, and fills the block; returns what it saw. */
export function workOn(
  entries: Pointer,
  count: number,
  block: Pointer,
): { names: string[]; texts: string[] } {
  const names: string[] = [];
  const texts: string[] = [];
  for (const entry of Entry.array(count, entries)) {
    names.push(entry.name);
    texts.push(readCString(entry.text));
    free(entry.text);
    entry.text = cstring(`from a worker: ${entry.name}`);
    entry.value *= 2;
  }
  fill(block, 0, 64);
  typed(Float64Array, block, 4).set([1, 2, 3, 4]);
  copy((block + 32) as Pointer, block, 32);
  return { names, texts };
}
