/**
 * What a worker leaves that is terminated: walk() finds it and says whose it is, as stats() counts it, and whoever finds it
 * may free it.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  check,
  free,
  malloc,
  type Pointer,
  stats,
  usableSize,
  type WalkedBlock,
  walk,
} from "../../src/index.js";
import { compiled } from "./compiled.js";

const SIZES = Array.from(
  { length: 3000 },
  (_, i) => [24, 100, 1000, 3000, 20_000, 200_000][i % 1000 === 0 ? 5 : i % 5]!,
);

async function start(sizes: readonly number[]): Promise<{ worker: Worker; pointers: Pointer[] }> {
  const worker = new Worker(compiled("leaves"), { workerData: sizes });
  const [pointers] = (await once(worker, "message")) as [Pointer[]];
  return { worker, pointers };
}

/** Live blocks by their pointers. */
function live(): Map<Pointer, WalkedBlock> {
  const found = [...walk()].filter(({ state }) => state === "live" || state === "mapped");
  return new Map(found.map((block) => [block.pointer, block]));
}

function bytes(blocks: Iterable<WalkedBlock>): number {
  return [...blocks].reduce((sum, { size }) => sum + size, 0);
}

test("blocks of a worker that was terminated are walked as an ended thread's, and can be freed", async () => {
  const own = malloc(100);
  const before = stats();
  const { worker, pointers } = await start(SIZES);
  const small = pointers.filter((_, i) => SIZES[i] !== 200_000);
  const running = live();
  assert.not.ok(
    small.some((pointer) => running.has(pointer)),
    "a running thread's are its own",
  );
  await worker.terminate();

  const left = live();
  for (const [i, pointer] of pointers.entries()) {
    const { owner, size } = left.get(pointer)!;
    assert.is(owner, SIZES[i] === 200_000 ? "process" : "ended");
    assert.is(size, usableSize(pointer));
  }
  assert.is(left.get(own)!.owner, "thread");
  assert.is(bytes(left.values()), stats().allocated);
  assert.is(left.size, stats().blocks);
  assert.ok([...walk()].some(({ state, owner }) => state === "cached" && owner === "ended"));

  for (const { pointer, owner } of left.values()) if (owner === "ended") free(pointer);
  for (const [i, pointer] of pointers.entries()) if (SIZES[i] === 200_000) free(pointer);
  assert.is(stats().blocks, before.blocks);
  assert.is(stats().allocated, before.allocated);
  assert.not.ok([...live().values()].some(({ owner }) => owner === "ended"));
  free(own);
  check();
});

test("a heap that is taken over in the middle of a walk is not walked on", async () => {
  const { worker, pointers } = await start(SIZES);
  await worker.terminate();
  const walked: Pointer[] = [];
  let heir: Worker | null = null;
  for (const { pointer, owner } of walk()) {
    if (owner !== "ended") continue;
    walked.push(pointer);
    if (heir === null) heir = (await start([])).worker;
  }
  assert.is(walked.length, 1000, "what was read before that");
  await heir!.terminate();
  const left = live();
  assert.ok(
    pointers.every((pointer) => left.has(pointer)),
    "the heir ended, and it is all there",
  );
  for (const pointer of pointers) free(pointer);
  check();
});

test.run();
