/**
 * What a worker does with pointers that the main thread gave it: the same definitions, at the same addresses.
 */

import { heap } from "../../src/api/malloc.js";
import {
  buffer,
  copy,
  cstring,
  fill,
  free,
  malloc,
  type Pointer,
  readCString,
  struct,
  typed,
  usableSize,
  view,
} from "../../src/index.js";

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

/** Makes a worker's first views where koffi makes no buffer any more; whether they are as long as they should be. */
export function firstViews(): boolean {
  heap.wilderness.os.view = () => {
    throw new Error("koffi was asked for a buffer");
  };
  const block = malloc(64);
  const usable = usableSize(block);
  const lengths = [view(block).length, buffer(block, 8).length, typed(Uint32Array, block, 4).length];
  free(block);
  return lengths.join() === `${usable},8,4`;
}
