/**
 * What operations are, and what brings a scene to where one does what it is about.
 */
import * as assert from "uvu/assert";
import { blockBytes } from "../../src/block/block.js";
import type { ThreadHeap } from "../../src/heap/heap.js";
import { smallBinHead } from "../../src/heap/small-bins.js";
import type { Pointer } from "../../src/memory/memory.js";
import { type Scene, VICTIM } from "./scene.js";

export interface Operation {
  /** Brings the scene to where the operation does what it is about; what it returns is given to `run`. */
  readonly prepare: (scene: Scene) => Pointer[];
  readonly run: (heap: ThreadHeap, pointers: readonly Pointer[]) => void;
  /** Blocks that may be left to nobody: what the thread had in hand. */
  readonly lost: number;
}

export const nothing = (): Pointer[] => [];

/** Blocks of the victim's, every second one given back again. */
export function speckle(scene: Scene, size: number, count: number): Pointer[] {
  const heap = scene.as(VICTIM);
  const pointers = Array.from({ length: count }, () => scene.take(heap, size));
  for (let i = 0; i < count; i += 2) scene.give(heap, pointers[i]!);
  return pointers.filter((_, i) => i % 2 === 1);
}

/** Three neighbours above the cached sizes. */
export function row(scene: Scene, size = 12_000): Pointer[] {
  const heap = scene.as(VICTIM);
  return [scene.take(heap, size), scene.take(heap, size), scene.take(heap, size), scene.take(heap, size)];
}

/** Puts blocks of the victim's into the small bin of their size, and empties its list. */
export function binned(scene: Scene, size: number): void {
  const heap = scene.as(VICTIM);
  speckle(scene, size, 12);
  heap.consolidate();
  while (heap.popSmall(size) !== 0) {}
  assert.is.not(smallBinHead(heap.words, heap.pool.smallBins, blockBytes(size) >>> 4), 0);
}

/** The operation works on these: nobody holds them meanwhile. */
export function release(scene: Scene, ...pointers: Pointer[]): Pointer[] {
  for (const pointer of pointers) scene.held.delete(pointer);
  return pointers;
}
