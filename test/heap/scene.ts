/**
 * A heap with a block in every state, and planting a contradiction in it.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { nextOf } from "../../src/block/block.js";
import type { Block, Pointer } from "../../src/memory/memory.js";
import { type FakeHeap, fakeHeap, giveBack, join, record, row, take, verify } from "../support/fake-heap.js";
import { MIB, PAGE } from "../support/fake-os.js";
import { throwsHeapError } from "../support/throws.js";

/** Of the free block: large enough for whole pages inside. */
export const FREE_BYTES = 3 * PAGE;
/** Of the blocks in a small bin. */
export const SMALL_BYTES = 480;

export interface Scene {
  readonly of: FakeHeap;
  readonly live: Block;
  readonly free: Block;
  readonly purged: Block;
  /** The live block above `free`. */
  readonly above: Block;
  /** The first of its list, and the last. */
  readonly cached: Pointer;
  readonly bottom: Pointer;
  /** The first of two in their small bin. */
  readonly small: Block;
  readonly victim: Block;
  readonly fence: Block;
  readonly large: Pointer;
}

/** A heap with a block in every state, in two segments, and a large one. */
function scene(): Scene {
  const of = fakeHeap({ reserve: 8 * MIB });
  const [live, free, above, purged, , small, , smaller, , source] = row(
    of,
    ...[64, FREE_BYTES, 2048, 16 * PAGE, 64, SMALL_BYTES, 64, SMALL_BYTES, 64, 4096, 64],
  );
  while (of.heap.wilderness.segments.count === 1) row(of, MIB);
  const fence = fenceOf(of);
  take(of, of.m[fence - 1]!);
  join(of, source!);
  take(of, 1024); // cut from what becomes the designated victim
  const pointers = Array.from({ length: 60 }, () => of.heap.allocate(200));
  for (const pointer of pointers) {
    if (!of.heap.freeSmall(pointer)) of.heap.freeBlock(of.heap.window.blockOf(pointer));
  }
  row(of, 2048);
  for (const b of [free!, purged!, small!, smaller!, fencedBlock(of)]) join(of, b);
  giveBack(of, purged!);
  return {
    of,
    live: live!,
    free: free!,
    purged: purged!,
    above: above!,
    cached: pointers[59]!,
    bottom: pointers[0]!,
    small: smaller!,
    victim: record(of, "victim") as Block,
    fence,
    large: of.heap.large.allocate(200_000, 16),
  };
}

/** The last block of the closed segment. */
function fencedBlock(of: FakeHeap): Block {
  const fence = fenceOf(of);
  let b = of.heap.wilderness.segments.start(0) as Block;
  while (nextOf(of.m, b) !== fence) b = nextOf(of.m, b);
  return b;
}

function fenceOf(of: FakeHeap): Block {
  let b = of.heap.wilderness.segments.start(0) as Block;
  while ((of.m[b]! & ~15) !== 16) b = nextOf(of.m, b);
  return b;
}

export function headerOf(of: FakeHeap, pointer: Pointer): Block {
  return of.heap.window.blockOf(pointer);
}

/** A few words of the heap are wrong, given as word, value, word, value: the check must say so, and only then. */
export function finds(name: string, spoil: (at: Scene) => readonly number[], message: RegExp): void {
  test(`check finds ${name}`, () => {
    const at = scene();
    const { m } = at.of;
    verify(at.of);
    const words = spoil(at);
    const places = words.filter((_, i) => i % 2 === 0);
    const before = places.map((word) => m[word]!);
    for (let i = 0; i < words.length; i += 2) m[words[i]!] = words[i + 1]!;
    assert.ok(
      places.some((word, i) => m[word] !== before[i]),
      "something is spoiled",
    );
    throwsHeapError(() => verify(at.of), "ERR_HEAP_CORRUPT", message);
    for (const [i, word] of places.entries()) m[word] = before[i]!;
    verify(at.of);
  });
}
