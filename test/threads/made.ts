/**
 * What tests of heaps that a program makes do to one.
 */
import * as assert from "uvu/assert";
import type { ThreadHeap } from "../../src/heap/heap.js";
import type { Pointer } from "../../src/memory/memory.js";
import { giveBack } from "./scene.js";

const SIZES = [40, 5000, 100, 20_000, 700_000, 24, 700_000, 1000];

/** Blocks of all kinds. */
export function fill(made: ThreadHeap): Pointer[] {
  const pointers = SIZES.map((size) => made.allocate(size));
  assert.not(pointers.includes(0 as Pointer), "there is room");
  return pointers;
}

/** The same, some of them freed, and more than one segment. */
export function use(made: ThreadHeap): void {
  const pointers = [...fill(made), ...fill(made)];
  for (let i = 0; i < pointers.length; i += 3) giveBack(made, pointers[i]!);
}
