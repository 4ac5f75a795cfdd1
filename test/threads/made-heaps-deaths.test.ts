/**
 * Heaps that a program makes, in a simulated process: a thread dies before each store of making one, of emptying it, of freeing
 * its blocks from another thread, and of emptying what a dead thread left; whoever comes next finds everything in order.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ThreadHeap } from "../../src/heap/heap.js";
import { Rec } from "../../src/heap/record.js";
import { sendBack } from "../support/fake-heap.js";
import { fill, use } from "./made.js";
import { giveBack, Scene, SURVIVOR, VICTIM } from "./scene.js";

const HEIR = 3;
/**
 * Emptying clears thousands of words one by one, indexes too: so many scenes, evenly spread over all stores, will do.
 * HEAPWRIGHT_TEST_EVERY_STORE=1 tries more of them.
 */
const SCENES = process.env.HEAPWRIGHT_TEST_EVERY_STORE === "1" ? 400 : 40;
const NEVER = Number.MAX_SAFE_INTEGER;

/** Dies before many a store in turn, each time in a scene of its own; how many deaths that were. */
function atManyStores(run: (scene: Scene, at: number) => boolean): number {
  const whole = new Scene();
  assert.not(run(whole, NEVER));
  const { stores } = whole;
  const stride = Math.max(1, Math.floor(stores / SCENES));
  let deaths = 0;
  for (let at = 0; at < stores; at += stride) {
    const scene = new Scene();
    try {
      if (run(scene, at)) deaths++;
      scene.verdict(0);
    } catch (error) {
      throw new Error(`before store ${at}: ${(error as Error).stack}`);
    }
  }
  return deaths;
}

const operations: Record<string, (heap: ThreadHeap) => void> = {
  "making a heap": (heap) => void heap.others!.make("new", 0),
  "making a heap and using it": (heap) => use(heap.others!.make("used", 0)),
  "making a heap, using and emptying it": (heap) => {
    const made = heap.others!.make("emptied", 0);
    use(made);
    heap.others!.destroy(made);
  },
  "making one again where one was emptied": (heap) => {
    for (const name of ["first", "second"]) {
      const made = heap.others!.make(name, 0);
      use(made);
      heap.others!.destroy(made);
    }
  },
};

for (const [name, run] of Object.entries(operations)) {
  test(`${name}, cut off before many a store`, () => {
    assert.ok(atManyStores((scene, at) => scene.kill(at, run)) > 20);
  });
}

test("emptying what a dead thread left, cut off before many a store, and done again by the next", () => {
  const deaths = atManyStores((scene, at) => {
    use(scene.as(VICTIM).others!.make("left", 0));
    scene.os.threads.kill(VICTIM);
    scene.as(SURVIVOR);
    return scene.kill(at, (heap) => void heap.others!.trim(), HEIR);
  });
  assert.ok(deaths > 20, `${deaths} deaths`);
});

test("freeing a block of it from another thread, cut off before many a store", () => {
  let freed = 0;
  const deaths = atManyStores((scene, at) => {
    const made = scene.as(SURVIVOR).others!.make("shared", 0);
    const [first, second, ...others] = fill(made);
    const died = scene.kill(at, (heap) => {
      for (const pointer of [first!, second!]) assert.ok(sendBack(heap, pointer));
      heap.outbox.flush();
    });
    made.consolidate();
    for (const pointer of [first!, second!]) {
      if (made.liveBlock(pointer) === 0) freed++;
      else giveBack(made, pointer);
    }
    for (const pointer of others) giveBack(made, pointer);
    const uncounted = scene.survivor.m[made.record + Rec.markedBlocks]!;
    assert.ok(uncounted === 0 || (died && uncounted === -1), `${uncounted} blocks`);
    return died;
  });
  assert.ok(deaths > 5, `${deaths} deaths`);
  assert.ok(freed > deaths / 2, "some were freed before the death");
});

test.run();
