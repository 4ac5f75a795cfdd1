/**
 * A thread dies before each store of each operation, one after the other, and another takes its heap over.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Pointer } from "../../src/memory/memory.js";
import { sendBack } from "../support/fake-heap.js";
import { operations } from "./operations.js";
import { type Scene, Scenes, SURVIVOR } from "./scene.js";
import type { Operation } from "./staging.js";

/**
 * Long operations repeat the same few steps: beyond the first stores every few of them will do.
 * HEAPWRIGHT_TEST_EVERY_STORE=1 tries more of them.
 */
const MORE = process.env.HEAPWRIGHT_TEST_EVERY_STORE === "1";
const EACH = MORE ? 300 : 150;
const STRIDE = MORE ? 13 : 41;
const MOST_STORES = 20_000;
const scenes = new Scenes();

/** Cuts an operation off before each store, each time in a scene of its own; how many stores that were. */
function atEachStore(
  { prepare, run, lost }: Operation,
  stride: number,
  meanwhile: (scene: Scene, pointers: readonly Pointer[], died: boolean) => void = () => {},
): number {
  let at = 0;
  for (let died = true; died; at += at < EACH ? 1 : stride) {
    assert.ok(at < MOST_STORES, "it comes to an end");
    const scene = scenes.next();
    const pointers = prepare(scene);
    try {
      died = scene.kill(at, (heap) => run(heap, pointers));
      meanwhile(scene, pointers, died);
      scene.verdict(lost);
    } catch (error) {
      throw new Error(`before store ${at}: ${(error as Error).stack}`);
    }
  }
  return at;
}

for (const [name, operation] of Object.entries(operations)) {
  test(`${name}, cut off before each store`, () => {
    assert.ok(atEachStore(operation, STRIDE) > 1, "it died at least once");
  });
}

/** Operations on a block that goes on as the same block, or as one that others cannot know yet. */
const resizing = Object.entries(operations).filter(([name]) => /^realloc that (grows|shrinks)/.test(name));

for (const [name, operation] of resizing) {
  test(`${name}, cut off before each store, and its block is freed by another thread before anybody takes over`, () => {
    let freed = 0;
    atEachStore(operation, 1, (scene, pointers, died) => {
      const heap = scene.as(SURVIVOR);
      // These are sent with it, and stand behind it: where a list cannot be followed, the rest of it is lost.
      for (const pointer of [...scene.held.keys()]) scene.give(heap, pointer);
      for (const pointer of pointers) if (died && sendBack(heap, pointer)) freed++;
      heap.outbox.flush();
    });
    assert.ok(freed > 1, "it was freed in the middle");
  });
}

test.run();
