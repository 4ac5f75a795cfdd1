/**
 * layout(): blocks fill each region, they are those of walk(), heaps add up to stats(), and other threads' blocks are there.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { alignedAlloc, free, Heap, type Layout, layout, malloc, stats, trim, walk } from "../src/index.js";

interface Found {
  readonly address: number;
  readonly bytes: number;
  readonly state: string;
  readonly purged: number;
}

/** All blocks, once it is sure that they fill their regions. */
function blocksIn({ regions }: Layout): Found[] {
  const all: Found[] = [];
  let before = 0;
  for (const region of regions) {
    const { address, first, top, touched, committed, end } = region;
    const order = [before, address, first, top, touched, committed, end];
    assert.equal(
      order,
      [...order].sort((one, other) => one - other),
    );
    let at = first;
    region.blocks((start, bytes, state, purged) => {
      assert.is(start, at);
      at += bytes;
      all.push({ address: start, bytes, state, purged });
    });
    assert.is(at, top);
    before = end;
  }
  return all;
}

function agreesWithWalk(): void {
  const found = blocksIn(layout()).filter(({ state }) => state !== "fence");
  const mapped = ({ state }: { state: string }) => (state === "mapped" ? "live" : state);
  const walked = [...walk()].map((block) => `${block.pointer} ${block.size} ${mapped(block)}`);
  assert.equal(
    found.map(({ address, bytes, state }) => `${address + 8} ${bytes - 8} ${state}`).sort(),
    walked.sort(),
  );
}

test("of blocks of all kinds", () => {
  const heap = new Heap({ name: "tenant" });
  const blocks = Array.from({ length: 3000 }, (_, index) => malloc((index * 37) % 5000));
  const large = [malloc(2 ** 20), alignedAlloc(65536, 2 ** 19), alignedAlloc(64, 300_000)];
  heap.malloc(1000);
  for (const [index, block] of blocks.entries()) if (index % 3 !== 0) free(block);
  agreesWithWalk();
  trim();
  agreesWithWalk();
  const { heaps } = layout();
  const { allocated, blocks: count, footprint, free: coalesced } = stats();
  const mapped = blocksIn({
    ...layout(),
    regions: layout().regions.filter(({ kind }) => kind === "mapping"),
  });
  const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);
  assert.is(sum(heaps.map((of) => of.allocated)) + sum(mapped.map(({ bytes }) => bytes - 8)), allocated);
  assert.is(sum(heaps.map((of) => of.blocks)) + mapped.length, count);
  assert.is(sum(heaps.map((of) => of.free)), coalesced);
  assert.ok(sum(heaps.map((of) => of.footprint)) < footprint);
  assert.equal(
    heaps.map(({ name, made, owner }) => [name, made, owner]),
    [
      [undefined, false, "thread"],
      ["tenant", true, "thread"],
    ],
  );
  for (const block of [...blocks.filter((_, index) => index % 3 === 0), ...large]) free(block);
  heap.destroy();
});

test("what was given back is told", () => {
  const blocks = Array.from({ length: 40 }, () => malloc(100_000));
  const last = malloc(100);
  for (const block of blocks) free(block);
  trim();
  const found = blocksIn(layout()).filter(({ purged }) => purged > 0);
  assert.ok(found.length > 0);
  for (const { state, purged, bytes } of found) {
    assert.is(state, "free");
    assert.is(purged % layout().pageSize, 0);
    assert.ok(purged <= bytes);
  }
  free(last);
});

test("another thread's, while it runs and when it has ended", async () => {
  const library = new URL("../dist/index.cjs", import.meta.url).pathname;
  const program = `const { parentPort, workerData } = require("node:worker_threads");
    const { malloc } = require(workerData);
    parentPort.on("message", () => process.exit());
    parentPort.postMessage(Array.from({ length: 100 }, () => malloc(1234)));`;
  const worker = new Worker(program, { eval: true, workerData: library });
  const [theirs] = (await once(worker, "message")) as [number[]];
  const seen = () => {
    const live = blocksIn(layout()).filter(({ state }) => state === "live");
    const pointers = new Set(live.map(({ address }) => address + 8));
    return theirs.filter((pointer) => pointers.has(pointer)).length;
  };
  assert.is(seen(), 100);
  const owners = () => layout().heaps.map(({ owner }) => owner);
  assert.equal(layout().heaps.find(({ owner }) => owner === "running")!.thread, worker.threadId);
  worker.postMessage("end");
  await once(worker, "exit");
  assert.is(seen(), 100);
  assert.not(owners().includes("running"));
  assert.ok(owners().includes("ended"));
});

test.run();
