/**
 * Memory that another thread freed comes back although its owner is idle: from an event loop when it is asked for, and from a
 * thread that said idle() at once. Of one that did neither, what lies together is given back, and what does not is named.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findings } from "../support/child.js";

const program = new URL("./programs/idle-owners.ts", import.meta.url);
const MIB = 2 ** 20;

interface Trimmed {
  given: number;
  remote: number;
  footprint: number;
  waiting: { thread: number; bytes: number }[];
  failed: string;
}

for (const [how, size] of [
  ["in the event loop", 1000],
  ["in the event loop", 60_000],
  ["after idle()", 1000],
] as const) {
  test(`trim() gets back what waits for an owner ${how}, in blocks of ${size} bytes`, async () => {
    const found = await findings<Trimmed>(program, { args: ["trim", how, `${size}`] });
    assert.ok(found.given > 30 * MIB || found.footprint < 2 * MIB, `${found.given} bytes given back`);
    assert.ok(found.footprint < 2 * MIB, `the footprint is ${found.footprint}`);
    assert.ok(found.remote < MIB, `${found.remote} bytes are remote still`);
    assert.equal(found.waiting, []);
  });

  test(`at the limit it is used again, of an owner ${how}, in blocks of ${size} bytes`, async () => {
    const { failed } = await findings<{ failed: string }>(program, { args: ["limit", how, `${size}`] });
    assert.is(failed, "");
  });
}

test("trim() gives back what waits for an owner in Atomics.wait, and at the limit that is enough", async () => {
  for (const size of ["1000", "60000"]) {
    const found = await findings<Trimmed>(program, { args: ["trim", "in Atomics.wait", size] });
    assert.ok(found.given > 30 * MIB, `${found.given} bytes given back`);
    assert.ok(found.footprint < 3 * MIB, `the footprint is ${found.footprint}`);
    assert.ok(found.remote < MIB, `${found.remote} bytes are remote still`);
    const { failed } = await findings<{ failed: string }>(program, {
      args: ["limit", "in Atomics.wait", size],
    });
    assert.is(failed, "");
  }
});

test("so it is with the blocks of a Heap whose owner is in Atomics.wait, and keeps it after idle()", async () => {
  for (const size of ["1000", "60000"]) {
    const found = await findings<Trimmed>(program, { args: ["trim", "with a Heap", size] });
    assert.ok(found.given > 30 * MIB, `${found.given} bytes given back`);
    assert.ok(found.footprint < 3 * MIB, `the footprint is ${found.footprint}`);
    const { failed } = await findings<{ failed: string }>(program, { args: ["limit", "with a Heap", size] });
    assert.is(failed, "");
  }
});

test("what is free between an owner's live blocks, and its alone, is named in the error", async () => {
  const { failed } = await findings<Trimmed>(program, { args: ["pieces", "in the event loop", "1000"] });
  assert.match(failed, /\. Heaps of other threads have \d{8} bytes free between their blocks; .*idle\(\)/);
});

test("what waits in pieces for an owner in Atomics.wait is named in stats() and in the error", async () => {
  const found = await findings<Trimmed>(program, { args: ["pieces", "in Atomics.wait", "1000"] });
  assert.is(found.waiting.length, 1);
  const [{ thread, bytes }] = found.waiting as [Trimmed["waiting"][0]];
  assert.ok(thread > 0, `thread ${thread}`);
  assert.ok(bytes > 15 * MIB && bytes <= 16 * MIB, `${bytes} bytes`);
  assert.match(found.failed, /waits for its owners: \d+ bytes for thread \d+; .*idle\(\)/);
});

test("an owner that has been idle for long takes back what a thread with hardly any memory frees", async () => {
  const { remote } = await findings<Trimmed>(program, { args: ["late", "in the event loop", "1000"] });
  assert.is(remote, 0);
});

for (const how of ["after idle()", "in Atomics.wait", "with a Heap"] as const) {
  test(`an owner that comes back ${how} allocates on, and all blocks are whole`, async () => {
    const found = await findings<{ whole: boolean; unique: boolean }>(program, {
      args: ["back", how, "1000"],
    });
    assert.ok(found.whole && found.unique);
  });
}

for (const how of ["in the event loop", "after idle()"] as const) {
  test(`what an owner ${how} had of the window can be had by others, for small blocks and for large ones`, async () => {
    const found = await findings<{ failed: string; errors: string[] }>(program, { args: ["window", how] });
    assert.is(found.failed, "");
    assert.not(found.errors.includes(""), "each second free is refused");
    const wide = Number.parseInt(process.versions.node, 10) >= 22; // large blocks lie elsewhere then
    assert.ok(wide || found.errors.some((error) => /the memory was given up/.test(error)));
  });
}

for (const first of ["a Heap", "a thread"] as const) {
  test(`once the whole window is free, ${first} that is new finds room there, and a large block`, async () => {
    const found = await findings<{ out: string; made: string; large: string; live: number }>(program, {
      args: ["full", first],
    });
    assert.match(found.out, /no room/);
    assert.is(found.made, "");
    assert.is(found.large, "");
    assert.ok(found.live < MIB, "a walk by layout() from before reads nothing that is gone");
  });
}

/** Owners in the ring; each takes a quarter of a second of a processor to start. HEAPWRIGHT_TEST_THREADS asks for more. */
const OWNERS = Number(process.env.HEAPWRIGHT_TEST_THREADS ?? 20);
/** The footprint is another after each turn, by the sizes that chance gave: of fewer turns a quarter says nothing. */
const TURNS = 360;
const LEAST_PASSES = 12;

for (const owners of [3, OWNERS]) {
  test(`a ring of ${owners} owners that allocate, free each other's blocks and are idle does not grow`, async () => {
    const passes = Math.max(LEAST_PASSES, Math.ceil(TURNS / owners));
    const { footprints } = await findings<{ footprints: number[] }>(program, {
      args: ["ring", "in turns", `${owners}`, `${owners * passes}`],
      limitMs: 180_000 + owners * 3000,
    });
    // In the first half each owner has had blocks of most sizes, and so its share of what threads keep at hand.
    const warm = footprints.slice(footprints.length / 2);
    const quarter = Math.floor(warm.length / 4);
    const [before, after] = [mean(warm.slice(0, quarter)), mean(warm.slice(-quarter))];
    assert.ok(after < before * 1.5, `${before} bytes in the first quarter, ${after} in the last`);
  });
}

function mean(of: readonly number[]): number {
  return of.reduce((sum, each) => sum + each, 0) / of.length;
}

test.run();
