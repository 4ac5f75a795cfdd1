/**
 * JavaScript's stack is full before each store of each operation, one after the other: the thread lives on, its catch and finally
 * blocks run, and it recovers.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { adopt } from "../support/adopt.js";
import { operations } from "./operations.js";
import { Scenes, SURVIVOR } from "./scene.js";
import type { Operation } from "./staging.js";

/** A third thread. */
const NEXT = 3;

/** Beyond the first stores every few of them will do. */
const MORE = process.env.HEAPWRIGHT_TEST_EVERY_STORE === "1";
const EACH = MORE ? 300 : 60;
const STRIDE = MORE ? 13 : 97;
const MOST_STORES = 20_000;
const scenes = new Scenes();

function beforeEachStore({ prepare, run, lost }: Operation): void {
  let at = 0;
  for (let interrupted = true; interrupted; at += at < EACH ? 1 : STRIDE) {
    assert.ok(at < MOST_STORES, "it comes to an end");
    const scene = scenes.next();
    const pointers = prepare(scene);
    try {
      interrupted = scene.interrupt(at, (heap) => run(heap, pointers));
      scene.verdict(lost);
    } catch (error) {
      throw new Error(`before store ${at}: ${(error as Error).stack}`);
    }
  }
  assert.ok(at > 1, "it was interrupted at least once");
}

for (const [name, operation] of Object.entries(operations)) {
  test(`${name}, interrupted before each store`, () => beforeEachStore(operation));
}

test("taking over the heap of a thread that ended, with blocks in its inbox, interrupted before each store", () => {
  beforeEachStore({
    prepare: (scene) => {
      const ended = scene.another(NEXT);
      const pointers = Array.from({ length: 12 }, () => scene.take(ended, 64));
      const heap = scene.as(SURVIVOR);
      for (const pointer of pointers) scene.give(heap, pointer);
      heap.outbox.flush();
      scene.os.threads.kill(NEXT);
      return [];
    },
    run: (heap) => adopt(heap),
    lost: 0,
  });
});

test.run();
