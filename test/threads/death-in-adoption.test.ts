/**
 * A thread dies while it joins the process or takes over the heap of another that died in the middle of something.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { adopt } from "../support/adopt.js";
import { operations } from "./operations.js";
import { Scenes, SURVIVOR, VICTIM } from "./scene.js";

/** A third thread. */
const NEXT = 3;
/** The first stores are each tried; of the long rows that make bins and stacks, one in so many. */
const MORE = process.env.HEAPWRIGHT_TEST_EVERY_STORE === "1";
const EACH = MORE ? 60 : 30;
const STRIDE = MORE ? 97 : 293;
const MOST_STORES = 60_000;
const scenes = new Scenes();

/** Calls `attempt` with each store number until it says that the thread lived. */
function beforeEachStore(attempt: (at: number) => boolean): number {
  let deaths = 0;
  for (let at = 0; ; at += at < EACH ? 1 : STRIDE) {
    assert.ok(at < MOST_STORES, "it comes to an end");
    try {
      if (!attempt(at)) return deaths;
      deaths++;
    } catch (error) {
      throw new Error(`before store ${at}: ${(error as Error).stack}`);
    }
  }
}

test("a thread that dies while it joins leaves nothing behind", () => {
  const deaths = beforeEachStore((at) => {
    const scene = scenes.next();
    const died = scene.kill(at, (heap) => heap.allocate(100), NEXT);
    scene.verdict(1);
    return died;
  });
  assert.ok(deaths > EACH);
});

const inHand = [
  "malloc that opens a segment",
  "free that coalesces both ways",
  "free of another thread's blocks",
];

for (const name of [...inHand, "taking back what others freed", "mremap to another place"]) {
  const { prepare, run, lost } = operations[name]!;
  for (const first of [0, 3, 9, 14, 25]) {
    test(`${name}, cut off before store ${first}; who joins and takes that over dies too`, () => {
      beforeEachStore((at) => {
        const scene = scenes.next();
        const pointers = prepare(scene);
        scene.kill(first, (heap) => run(heap, pointers));
        const died = scene.kill(at, (heap) => heap.allocate(100), NEXT);
        scene.verdict(lost + 1);
        return died;
      });
    });
  }

  test(`${name}, cut off; who needs memory and takes that over dies too`, () => {
    beforeEachStore((at) => {
      const scene = scenes.next();
      const pointers = prepare(scene);
      scene.os.threads.current = NEXT;
      scene.another(NEXT);
      scene.kill(9, (heap) => run(heap, pointers), VICTIM);
      const died = scene.kill(at, (heap) => adopt(heap), NEXT);
      scene.verdict(lost);
      return died;
    });
  });
}

test("blocks on their way to a thread that died in the middle of taking others back arrive once", () => {
  const { prepare, run } = operations["taking back what others freed"]!;
  for (let first = 0; first < 60; first += 3) {
    for (let second = 0; second < 60; second += 3) {
      const scene = scenes.next();
      const pointers = prepare(scene);
      const more = Array.from({ length: 12 }, () => scene.take(scene.as(VICTIM), 64));
      scene.another(NEXT);
      for (const pointer of more) scene.held.delete(pointer);
      scene.kill(first, (heap) => run(heap, pointers), VICTIM);
      scene.kill(
        second,
        (heap) => {
          for (const pointer of more) scene.give(heap, pointer);
          heap.outbox.flush();
        },
        NEXT,
      );
      scene.verdict(more.length);
    }
  }
});

test("the owner's taking back and a dead sender's chain are settled in any order", () => {
  for (let at = 0; at < 80; at++) {
    const scene = scenes.next();
    const mine = Array.from({ length: 12 }, () => scene.take(scene.as(SURVIVOR), 64));
    for (const pointer of mine) scene.held.delete(pointer);
    scene.kill(at, (heap) => {
      for (const pointer of mine) scene.give(heap, pointer);
      heap.outbox.flush();
    });
    const owner = scene.as(SURVIVOR);
    if (at % 2 === 0) owner.drain();
    scene.verdict(mine.length);
  }
});

test.run();
