/**
 * Figures by heap: their sums are those of stats(), of threads that live and have ended, of Heaps and of large blocks.
 */
import { once } from "node:events";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { startWorker } from "../scripts/worker.js";
import { free, Heap, type HeapFigures, heapStats, malloc, stats } from "../src/index.js";

function sum(figure: "allocated" | "blocks" | "footprint" | "free" | "cached" | "remote" | "splits"): number {
  return heapStats().reduce((total, of) => total + of[figure], 0);
}

function ofKind(kind: HeapFigures["kind"]): HeapFigures[] {
  return heapStats().filter((of) => of.kind === kind);
}

function sumsAreRight(): void {
  const all = stats();
  for (const figure of ["allocated", "blocks", "footprint", "free", "cached", "remote", "splits"] as const)
    assert.is(sum(figure), all[figure], figure);
}

test("this thread's heap, its Heaps and the large blocks are lines of their own", () => {
  const blocks = [malloc(1000), malloc(300_000)];
  const heap = new Heap({ name: "tenant" });
  heap.malloc(5000);
  sumsAreRight();
  const [own] = ofKind("thread");
  assert.is(own!.thread, 0);
  assert.is(own!.allocated, 1000);
  const [made] = ofKind("made");
  assert.equal([made!.name, made!.thread, made!.blocks], ["tenant", 0, 1]);
  const [mapped] = ofKind("mapped");
  assert.is(mapped!.blocks, 1);
  assert.ok(mapped!.allocated >= 300_000);
  blocks.forEach(free);
  heap.destroy();
  sumsAreRight();
  assert.is(ofKind("made").length, 0);
});

test("a worker's heap has its number, and is an ended one's afterwards", async () => {
  const worker = startWorker(new URL("./debug/programs/holds.ts", import.meta.url), null);
  await once(worker, "message");
  worker.unref(); // else a failure would not end
  const other = ofKind("thread").find(({ thread }) => thread === worker.threadId);
  assert.is(other?.allocated, 2008);
  sumsAreRight();
  await worker.terminate();
  assert.is(ofKind("ended").length, 1);
  assert.is(ofKind("ended")[0]!.allocated, 2008);
  sumsAreRight();
});

test("it is JSON as it stands", () => {
  assert.equal(JSON.parse(JSON.stringify(heapStats())), heapStats());
});

test.run();
