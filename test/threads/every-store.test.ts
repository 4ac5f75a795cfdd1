/**
 * A thread dies before each store of each operation, one after the other, and another takes its heap over.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { operations } from "./operations.js";
import { Scene } from "./scene.js";

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

test.run();
