/**
 * Where sbrk gives nothing: a page in its way, a setting that forbids it, a worker that loads the library first. The
 * heap then lives on mmap, and nothing else changes for the user.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Stats } from "../../src/index.js";
import { type ChildOptions, findings, untilShown } from "../support/child.js";
import { isGlibc, leftOut } from "../support/glibc.js";

const onGlibc = isGlibc ? test : leftOut;

interface Found {
  /** Bytes the break moved while the library was loaded, and while it was used. */
  broke: number;
  movedLater: number;
  refused: number;
  busy: Stats;
  idle: Stats;
}

/** The break lies far enough below 2 GiB for half of that, or else it is asked for more. */
const LEAST_RANGE = 2 ** 28;
/** Node's own malloc moves the break a little while it loads. */
const OF_NODE = 2 ** 24;
const program = new URL("./programs/refused.ts", import.meta.url);
const inWorker = new URL("./programs/in-worker.ts", import.meta.url);
const RECORD_BYTES = 64 * 1024;

async function worksWithout(where: URL, options: ChildOptions): Promise<Found> {
  const found = await findings<Found>(where, options);
  assert.is(found.refused, 0, "every request was served");
  assert.ok(found.busy.allocated > 30e6, `${found.busy.allocated} bytes lived`);
  assert.ok(found.busy.mmaps > 0 && found.busy.munmaps > 0, "large blocks came and went");
  assert.is(found.idle.blocks, 0);
  assert.is(found.idle.allocated, 0);
  assert.ok(
    found.idle.footprint < RECORD_BYTES,
    `${found.idle.footprint} bytes stayed after everything was freed`,
  );
  assert.ok(found.idle.peakFootprint >= found.busy.footprint);
  return found;
}

test("with sbrk refused the heap lives on mmap", async () => {
  const { broke, movedLater } = await worksWithout(program, { args: ["blocked"] });
  assert.is(broke, 0);
  assert.is(movedLater, 0);
});

test("with HEAPWRIGHT_RESERVE=0 the break is left alone", async () => {
  const { broke } = await worksWithout(program, { args: ["none"], env: { HEAPWRIGHT_RESERVE: "0" } });
  assert.ok(broke < OF_NODE, `the break moved by ${broke}`);
});

onGlibc("without either, the range comes from sbrk, once", async () => {
  const { broke, movedLater } = await untilShown(
    () => worksWithout(program, { args: ["none"] }),
    (found) => found.broke >= LEAST_RANGE,
  );
  assert.ok(broke >= LEAST_RANGE, `the break moved by ${broke}`);
  assert.is(movedLater, 0);
});

test("a worker that loads the library first does not touch the break", async () => {
  const { broke } = await worksWithout(inWorker, { args: ["none"] });
  assert.ok(broke < OF_NODE, `the break moved by ${broke}`);
});

test("a worker works where sbrk is refused", async () => {
  await worksWithout(inWorker, { args: ["blocked"] });
});

test.run();
