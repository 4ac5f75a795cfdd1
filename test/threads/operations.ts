/**
 * The operations in which a thread may die, each brought to where it does what it is about.
 */
import * as assert from "uvu/assert";
import type { ThreadHeap } from "../../src/core/heap.js";
import type { Pointer } from "../../src/core/memory.js";
import { cutFront } from "../../src/core/resize.js";
import { giveBack, resize, type Scene, SURVIVOR, VICTIM } from "./scene.js";

export interface Operation {
  /** Brings the scene to where the operation does what it is about; what it returns is given to `run`. */
  readonly prepare: (scene: Scene) => Pointer[];
  readonly run: (heap: ThreadHeap, pointers: readonly Pointer[]) => void;
  /** Blocks that may be left to nobody: what the thread had in hand. */
  readonly lost: number;
}

const nothing = (): Pointer[] => [];

/** Blocks of the victim's, every second one given back again. */
function speckle(scene: Scene, size: number, count: number): Pointer[] {
  const heap = scene.as(VICTIM);
  const pointers = Array.from({ length: count }, () => scene.take(heap, size));
  for (let i = 0; i < count; i += 2) scene.give(heap, pointers[i]!);
  return pointers.filter((_, i) => i % 2 === 1);
}

/** Three neighbours above the cached sizes. */
function row(scene: Scene, size = 4000): Pointer[] {
  const heap = scene.as(VICTIM);
  return [scene.take(heap, size), scene.take(heap, size), scene.take(heap, size), scene.take(heap, size)];
}

/** The operation works on these: nobody holds them meanwhile. */
function release(scene: Scene, ...pointers: Pointer[]): Pointer[] {
  for (const pointer of pointers) scene.held.delete(pointer);
  return pointers;
}

export const operations: Record<string, Operation> = {
  "malloc from an empty heap": { prepare: nothing, run: (heap) => heap.allocate(64), lost: 1 },
  "malloc from a stack": {
    prepare: (scene) => speckle(scene, 64, 20),
    run: (heap) => heap.popSmall(64),
    lost: 1,
  },
  "malloc of a batch from a free run": {
    prepare: (scene) => {
      const [, b] = row(scene);
      scene.give(scene.as(VICTIM), b!);
      return [];
    },
    run: (heap) => heap.allocate(200),
    lost: 1,
  },
  "malloc of spilled blocks": {
    prepare: (scene) => {
      const heap = scene.as(VICTIM);
      const pointers = Array.from({ length: 200 }, () => scene.take(heap, 500));
      for (const pointer of pointers) scene.give(heap, pointer);
      while (heap.popSmall(500) !== 0) {}
      return [];
    },
    run: (heap) => heap.allocate(500),
    lost: 64,
  },
  "malloc that splits": {
    prepare: (scene) => {
      const [, b] = row(scene, 20_000);
      scene.give(scene.as(VICTIM), b!);
      return [];
    },
    run: (heap) => heap.allocate(5000),
    lost: 1,
  },
  "malloc that commits more": {
    prepare: (scene) => [scene.take(scene.as(VICTIM), 30_000)],
    run: (heap) => heap.allocate(100_000),
    lost: 1,
  },
  "malloc that extends the segment": {
    prepare: (scene) => {
      const heap = scene.as(VICTIM);
      for (let i = 0; i < 9; i++) scene.take(heap, 100_000);
      return [];
    },
    run: (heap) => {
      heap.allocate(120_000);
      heap.allocate(120_000);
    },
    lost: 2,
  },
  "malloc that opens a segment": {
    prepare: (scene) => {
      const heap = scene.as(VICTIM);
      for (let i = 0; i < 9; i++) scene.take(heap, 100_000);
      // The survivor takes the chunk above.
      const other = scene.as(SURVIVOR);
      for (let i = 0; i < 12; i++) scene.take(other, 100_000);
      return [];
    },
    run: (heap) => {
      heap.allocate(120_000);
      heap.allocate(120_000);
    },
    lost: 2,
  },
  "free into the cache": {
    prepare: (scene) => release(scene, speckle(scene, 64, 8)[0]!),
    run: (heap, [pointer]) => giveBack(heap, pointer!),
    lost: 1,
  },
  "free into a full stack": {
    prepare: (scene) => {
      const heap = scene.as(VICTIM);
      const pointers = Array.from({ length: 70 }, () => scene.take(heap, 120));
      for (const pointer of pointers.slice(0, 63)) scene.give(heap, pointer);
      return release(scene, ...pointers.slice(63));
    },
    run: (heap, pointers) => {
      for (const pointer of pointers) giveBack(heap, pointer);
    },
    lost: 7,
  },
  "free between live blocks": {
    prepare: (scene) => release(scene, row(scene)[1]!),
    run: (heap, [pointer]) => giveBack(heap, pointer!),
    lost: 1,
  },
  "free that joins forward": {
    prepare: (scene) => {
      const [, b, c] = row(scene);
      scene.give(scene.as(VICTIM), c!);
      return release(scene, b!);
    },
    run: (heap, [pointer]) => giveBack(heap, pointer!),
    lost: 1,
  },
  "free that joins backward": {
    prepare: (scene) => {
      const [, b, c] = row(scene);
      scene.give(scene.as(VICTIM), b!);
      return release(scene, c!);
    },
    run: (heap, [pointer]) => giveBack(heap, pointer!),
    lost: 1,
  },
  "free that joins both ways": {
    prepare: (scene) => {
      const [a, b, c] = row(scene);
      scene.give(scene.as(VICTIM), a!);
      scene.give(scene.as(VICTIM), c!);
      return release(scene, b!);
    },
    run: (heap, [pointer]) => giveBack(heap, pointer!),
    lost: 1,
  },
  "free below the wilderness": {
    prepare: (scene) => {
      const [, , c, d] = row(scene);
      scene.give(scene.as(VICTIM), c!);
      return release(scene, d!);
    },
    run: (heap, [pointer]) => giveBack(heap, pointer!),
    lost: 1,
  },
  "realloc that shrinks": {
    prepare: (scene) => release(scene, row(scene)[1]!),
    run: (heap, [pointer]) => resize(heap, pointer!, 1500),
    lost: 1,
  },
  "realloc that grows forward": {
    prepare: (scene) => {
      const [, b, c] = row(scene);
      scene.give(scene.as(VICTIM), c!);
      return release(scene, b!);
    },
    run: (heap, [pointer]) => assert.is(resize(heap, pointer!, 6000), pointer),
    lost: 1,
  },
  "realloc that grows a little into a large free block": {
    prepare: (scene) => {
      const heap = scene.as(VICTIM);
      const [b, large] = [scene.take(heap, 4000), scene.take(heap, 30_000)];
      scene.take(heap, 4000);
      scene.give(heap, large);
      return release(scene, b);
    },
    run: (heap, [pointer]) => assert.is(resize(heap, pointer!, 4100), pointer),
    lost: 1,
  },
  "realloc that grows backward": {
    prepare: (scene) => {
      const [, b, c] = row(scene);
      scene.give(scene.as(VICTIM), b!);
      return release(scene, c!);
    },
    run: (heap, [pointer]) => assert.ok(resize(heap, pointer!, 6000) < pointer!),
    lost: 1,
  },
  "realloc that grows both ways": {
    prepare: (scene) => {
      const [a, b, c] = row(scene);
      scene.give(scene.as(VICTIM), a!);
      scene.give(scene.as(VICTIM), c!);
      return release(scene, b!);
    },
    run: (heap, [pointer]) => assert.ok(resize(heap, pointer!, 11_000) < pointer!),
    lost: 1,
  },
  "realloc into the wilderness": {
    prepare: (scene) => release(scene, row(scene)[3]!),
    run: (heap, [pointer]) => assert.is(resize(heap, pointer!, 90_000), pointer),
    lost: 1,
  },
  "realloc into the wilderness by the least there is": {
    prepare: (scene) => release(scene, row(scene, 1200)[3]!),
    run: (heap, [pointer]) => assert.is(resize(heap, pointer!, 1224), pointer),
    lost: 1,
  },
  "realloc over a free block whose pages were given back": {
    prepare: (scene) => {
      const [, b, c] = row(scene, 60_000);
      const heap = scene.as(VICTIM);
      scene.give(heap, c!);
      heap.trim();
      return release(scene, b!);
    },
    run: (heap, [pointer]) => assert.is(resize(heap, pointer!, 70_000), pointer),
    lost: 1,
  },
  "aligned malloc": {
    prepare: (scene) => {
      row(scene);
      return [];
    },
    run: (heap) => {
      const b = heap.takeBlock(8192);
      cutFront(heap, b, (b + 256) as typeof b);
    },
    lost: 2,
  },
  "joining the cache block by block": {
    prepare: (scene) => {
      speckle(scene, 100, 60);
      return [];
    },
    run: (heap) => heap.joinCache(),
    lost: 0,
  },
  "joining the cache by a sweep": {
    prepare: (scene) => {
      const heap = scene.as(VICTIM);
      const pointers = Array.from({ length: 600 }, () => scene.take(heap, 100));
      for (const [i, pointer] of pointers.entries()) if (i % 3 !== 0) scene.give(heap, pointer);
      return [];
    },
    run: (heap) => heap.joinCache(),
    lost: 0,
  },
  "giving pages back": {
    prepare: (scene) => {
      const [, b] = row(scene, 60_000);
      scene.give(scene.as(VICTIM), b!);
      return [];
    },
    run: (heap) => heap.trim(),
    lost: 0,
  },
  "malloc from a run whose pages were given back": {
    prepare: (scene) => {
      const [, b] = row(scene, 60_000);
      const heap = scene.as(VICTIM);
      scene.give(heap, b!);
      heap.trim();
      return [];
    },
    run: (heap) => heap.allocate(20_000),
    lost: 1,
  },
  "mmap of a large block": { prepare: nothing, run: (heap) => heap.allocate(300_000), lost: 1 },
  "munmap of a large block": {
    prepare: (scene) => release(scene, scene.take(scene.as(VICTIM), 300_000)),
    run: (heap, [pointer]) => heap.large.free(pointer!),
    lost: 1,
  },
  "mremap in place": {
    prepare: (scene) => release(scene, scene.take(scene.as(VICTIM), 300_000)),
    run: (heap, [pointer]) => heap.large.resize(pointer!, 500_000),
    lost: 1,
  },
  "mremap to another place": {
    prepare: (scene) => {
      const block = scene.take(scene.as(VICTIM), 300_000);
      scene.take(scene.as(SURVIVOR), 300_000);
      return release(scene, block);
    },
    run: (heap, [pointer]) => heap.large.resize(pointer!, 500_000),
    lost: 1,
  },
  "free of another thread's blocks": {
    prepare: (scene) => {
      const heap = scene.as(SURVIVOR);
      return release(scene, ...Array.from({ length: 40 }, () => scene.take(heap, 64)));
    },
    run: (heap, pointers) => {
      for (const pointer of pointers) giveBack(heap, pointer);
    },
    lost: 40,
  },
  "taking back what others freed": {
    prepare: (scene) => {
      const pointers = row(scene);
      const small = speckle(scene, 64, 20);
      const other = scene.as(SURVIVOR);
      for (const pointer of [...pointers, ...small]) scene.give(other, pointer);
      other.outbox.flush();
      scene.as(VICTIM);
      return [];
    },
    run: (heap) => heap.drain(),
    lost: 0,
  },
};
