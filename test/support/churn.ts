/**
 * Blocks of any size on a simulated heap, allocated and freed wherever they lie: what tests of the dynamic threshold share.
 */
import * as assert from "uvu/assert";
import type { Pointer } from "../../src/memory/memory.js";
import { control, type FakeHeap } from "./fake-heap.js";

export const KIB = 1024;

export function allocate(of: FakeHeap, size: number): Pointer {
  const pointer = of.heap.allocate(size);
  assert.is.not(pointer, 0, `no room for ${size} bytes`);
  return pointer;
}

/** Frees a block wherever it lies. */
export function free(of: FakeHeap, pointer: Pointer): void {
  const b = of.heap.liveBlockOfAny(pointer);
  if (b === 0) assert.ok(of.heap.large.free(pointer) >= 0, "live");
  else of.heap.freeBlock(b);
}

export function isMapped(of: FakeHeap, pointer: Pointer): boolean {
  return of.heap.large.sizeOf(pointer) >= 0;
}

/** Allocates and frees a block so many times; how many of them were mapped. */
export function churn(of: FakeHeap, size: number, times: number): number {
  const before = control(of, "mmaps");
  for (let i = 0; i < times; i++) free(of, allocate(of, size));
  return control(of, "mmaps") - before;
}
