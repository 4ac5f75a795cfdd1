/**
 * The operations in which a thread may die, each brought to where it does what it is about.
 */
import * as assert from "uvu/assert";
import { sizeOf } from "../../src/block/block.js";
import { IdleSteps } from "../../src/heap/idle.js";
import { Rec } from "../../src/heap/record.js";
import { cutFront } from "../../src/heap/resize.js";
import { Control } from "../../src/memory/control.js";
import type { Block } from "../../src/memory/memory.js";
import { KEPT } from "../../src/shared/heaps.js";
import { takeBlock } from "../support/fake-heap.js";
import { mappedOperations } from "./mapped-operations.js";
import { giveBack, resize, SURVIVOR, VICTIM } from "./scene.js";
import { binned, nothing, type Operation, release, row, speckle } from "./staging.js";

export const operations: Record<string, Operation> = {
  "malloc from an empty heap": { prepare: nothing, run: (heap) => heap.allocate(64), lost: 1 },
  "malloc from a list": {
    prepare: (scene) => speckle(scene, 64, 20),
    run: (heap) => heap.popSmall(64),
    lost: 1,
  },
  "malloc of a batch from a free block": {
    prepare: (scene) => {
      const [, b] = row(scene);
      scene.give(scene.as(VICTIM), b!);
      return [];
    },
    run: (heap) => heap.allocate(200),
    lost: 1,
  },
  "malloc of a batch from a small bin": {
    prepare: (scene) => {
      binned(scene, 200);
      return [];
    },
    run: (heap) => heap.allocate(200),
    lost: 1,
  },
  "malloc of a batch from the designated victim": {
    prepare: (scene) => {
      const [, b] = row(scene);
      const heap = scene.as(VICTIM);
      scene.give(heap, b!);
      scene.take(heap, 200);
      assert.is.not(heap.words[heap.record + Rec.victim], 0);
      while (heap.popSmall(200) !== 0) {}
      return [];
    },
    run: (heap) => heap.allocate(200),
    lost: 10,
  },
  "malloc that replaces the designated victim": {
    prepare: (scene) => {
      const [, b] = row(scene);
      const heap = scene.as(VICTIM);
      scene.give(heap, b!);
      const victim = () => heap.words[heap.record + Rec.victim] as Block;
      do heap.allocateWithin(56);
      while (victim() === 0 || sizeOf(heap.words, victim()) >= 1024);
      const large = row(scene)[1]!;
      scene.give(heap, large);
      return [];
    },
    run: (heap) => heap.allocate(1000),
    lost: 200,
  },
  "malloc from a large designated victim": {
    prepare: (scene) => {
      const [, b] = row(scene, 20_000);
      const heap = scene.as(VICTIM);
      scene.give(heap, b!);
      scene.take(heap, 200);
      assert.is.not(heap.words[heap.record + Rec.victim], 0);
      return [];
    },
    run: (heap) => heap.allocate(5000),
    lost: 1,
  },
  "malloc of a batch from a larger small bin": {
    prepare: (scene) => {
      binned(scene, 900);
      return [];
    },
    run: (heap) => heap.allocate(40),
    lost: 1,
  },
  "malloc of a larger block of a small bin": {
    prepare: (scene) => {
      binned(scene, 500);
      return [];
    },
    run: (heap) => heap.pool.takeLarger(64),
    lost: 1,
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
  "free into a list that may take no more": {
    prepare: (scene) => {
      const heap = scene.as(VICTIM);
      const pointers = Array.from({ length: 70 }, () => scene.take(heap, 1000));
      for (const pointer of pointers.slice(0, 60)) scene.give(heap, pointer);
      return release(scene, ...pointers.slice(60));
    },
    run: (heap, pointers) => {
      for (const pointer of pointers) giveBack(heap, pointer);
    },
    lost: 10,
  },
  "free between live blocks": {
    prepare: (scene) => release(scene, row(scene)[1]!),
    run: (heap, [pointer]) => giveBack(heap, pointer!),
    lost: 1,
  },
  "free that coalesces forward": {
    prepare: (scene) => {
      const [, b, c] = row(scene);
      scene.give(scene.as(VICTIM), c!);
      return release(scene, b!);
    },
    run: (heap, [pointer]) => giveBack(heap, pointer!),
    lost: 1,
  },
  "free that coalesces backward": {
    prepare: (scene) => {
      const [, b, c] = row(scene);
      scene.give(scene.as(VICTIM), b!);
      return release(scene, c!);
    },
    run: (heap, [pointer]) => giveBack(heap, pointer!),
    lost: 1,
  },
  "free that coalesces both ways": {
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
    run: (heap, [pointer]) => assert.is(resize(heap, pointer!, 18_000), pointer),
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
    run: (heap, [pointer]) => assert.ok(resize(heap, pointer!, 18_000) < pointer!),
    lost: 1,
  },
  "realloc that grows both ways": {
    prepare: (scene) => {
      const [a, b, c] = row(scene);
      scene.give(scene.as(VICTIM), a!);
      scene.give(scene.as(VICTIM), c!);
      return release(scene, b!);
    },
    run: (heap, [pointer]) => assert.ok(resize(heap, pointer!, 33_000) < pointer!),
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
      const b = takeBlock(heap, 8192);
      cutFront(heap, b, (b + 256) as typeof b);
    },
    lost: 2,
  },
  "consolidation of blocks between live ones": {
    prepare: (scene) => {
      speckle(scene, 100, 60);
      return [];
    },
    run: (heap) => heap.consolidate(),
    lost: 0,
  },
  "consolidation of long runs": {
    prepare: (scene) => {
      const heap = scene.as(VICTIM);
      const pointers = Array.from({ length: 600 }, () => scene.take(heap, 100));
      for (const [i, pointer] of pointers.entries()) if (i % 30 !== 0) scene.give(heap, pointer);
      return [];
    },
    run: (heap) => heap.consolidate(),
    lost: 0,
  },
  "consolidation below the wilderness, of free, cached and purged blocks": {
    prepare: (scene) => {
      const heap = scene.as(VICTIM);
      const blocks = [...row(scene, 30_000), ...speckle(scene, 700, 20)];
      for (const [i, pointer] of blocks.entries()) if (i !== 2 && i !== 6) scene.give(heap, pointer);
      heap.trim();
      for (const pointer of speckle(scene, 300, 30)) scene.give(heap, pointer);
      return [];
    },
    run: (heap) => heap.consolidate(),
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
  "giving its heap up, and coming back": {
    prepare: (scene) => {
      speckle(scene, 64, 20);
      scene.as(VICTIM);
      return [];
    },
    run: (heap) => {
      heap.words[heap.words[heap.record + Rec.entry]! + KEPT] = 0; // it joined once when the scene was set
      assert.ok(heap.others!.abandonAll(heap));
      assert.is(heap.popSmall(64), 0);
      heap.enter();
      heap.allocate(64);
      heap.open();
    },
    lost: 1,
  },
  "steps of an idle heap": {
    prepare: (scene) => {
      const pointers = [...speckle(scene, 500, 400), ...row(scene, 100_000)];
      for (const pointer of pointers.slice(3)) scene.give(scene.as(VICTIM), pointer);
      return [];
    },
    run: (heap) => {
      heap.words[Control.trimPages] = 0;
      const steps = new IdleSteps();
      for (let next = "soon", i = 0; next === "soon" && i < 20; i++) {
        heap.enter();
        next = steps.step(heap, i > 0, heap.words[heap.record + Rec.updates]!);
        heap.open();
      }
    },
    lost: 0,
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
  ...mappedOperations,
};
