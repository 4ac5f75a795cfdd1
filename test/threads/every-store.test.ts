/**
 * A thread dies before each store of each operation, one after the other, and another takes its heap over.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ownerOfWord } from "../../src/core/control.js";
import type { ThreadHeap } from "../../src/core/heap.js";
import type { Pointer } from "../../src/core/memory.js";
import { operations } from "./operations.js";
import { Scene, SURVIVOR } from "./scene.js";

/** Long operations repeat the same few steps: beyond the first stores every few of them will do. */
const EACH = 300;
const STRIDE = 7;
const MOST_STORES = 20_000;

for (const [name, { prepare, run, lost }] of Object.entries(operations)) {
  test(`${name}, cut off before each store`, () => {
    let died = true;
    let at = 0;
    for (; died; at += at < EACH ? 1 : STRIDE) {
      assert.ok(at < MOST_STORES, "it comes to an end");
      const scene = new Scene();
      const pointers = prepare(scene);
      try {
        died = scene.kill(at, (heap) => run(heap, pointers));
        scene.verdict(lost);
      } catch (error) {
        throw new Error(`before store ${at}: ${(error as Error).stack}`);
      }
    }
    assert.ok(at > 1, "it died at least once");
  });
}

/** Operations on a block that goes on as the same block, or as one that others cannot know yet. */
const resizing = Object.entries(operations).filter(([name]) => /^realloc that (grows|shrinks)/.test(name));

for (const [name, { prepare, run, lost }] of resizing) {
  test(`${name}, cut off before each store, and its block is freed by another thread before anybody takes over`, () => {
    let freed = 0;
    for (let died = true, at = 0; died; at++) {
      assert.ok(at < MOST_STORES, "it comes to an end");
      const scene = new Scene();
      const pointers = prepare(scene);
      died = scene.kill(at, (heap) => run(heap, pointers));
      const heap = scene.as(SURVIVOR);
      // These are sent with it, and stand behind it: where a list cannot be followed, the rest of it is lost.
      for (const pointer of [...scene.held.keys()]) scene.give(heap, pointer);
      for (const pointer of pointers) if (died && freeIfLive(heap, pointer)) freed++;
      heap.outbox.flush();
      try {
        scene.verdict(lost);
      } catch (error) {
        throw new Error(`before store ${at}: ${(error as Error).stack}`);
      }
    }
    assert.ok(freed > 1, "it was freed in the middle");
  });
}

/** Frees as another thread does; while its header is being written nobody can. */
function freeIfLive(heap: ThreadHeap, pointer: Pointer): boolean {
  const b = heap.liveBlockOfAny(pointer);
  return b !== 0 && heap.outbox.put(b, ownerOfWord(heap.words, b));
}

test.run();
