/**
 * The kernel's limit on a process's data refuses sbrk and mmap alike: the heap takes a smaller range, grows until the
 * kernel says no, reports that as out of memory, loses nothing, and goes on when something was freed.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Stats } from "../../src/index.js";
import { findings, untilShown } from "../support/child.js";
import { isGlibc, leftOut } from "../support/glibc.js";

const onGlibc = isGlibc ? test : leftOut;

interface Found {
  /** Bytes the break moved while the library was loaded. */
  reserved: number;
  /** How each attempt to fill the memory ended. */
  early: string;
  code: string;
  again: string;
  /** Blocks that fitted in what was left. */
  more: number;
  full: Stats;
  end: Stats;
}

const program = new URL("./programs/data-limit.ts", import.meta.url);
const IN_HEAP = { HEAPWRIGHT_MMAP_THRESHOLD: "64M" };

function ranOutAndWentOn({ early, code, more, full, again, end }: Found): void {
  assert.is(early, "none");
  assert.is(code, "ERR_OUT_OF_MEMORY");
  assert.ok(more <= 3, `${more} blocks fitted in the room of two`);
  assert.ok(full.allocated >= 300e6, `${full.allocated} bytes were in use`);
  assert.is(again, "none", "there was room again after freeing");
  assert.is(end.blocks, 0);
}

onGlibc("a limit set before the library is loaded: it takes less, and uses what there is", async () => {
  const run = () => findings<Found>(program, { args: ["before"], env: IN_HEAP });
  const found = await untilShown(run, ({ reserved }) => reserved > 0); // what lies above the break is a matter of chance
  ranOutAndWentOn(found);
  assert.ok(found.reserved > 0 && found.reserved < 300e6, `${found.reserved} bytes were taken with sbrk`);
  assert.ok(found.full.segments > 1, "the range was left for mapped segments");
});

test("a limit met while the heap grows, all of it mapped", async () => {
  const found = await findings<Found>(program, {
    args: ["during"],
    env: { ...IN_HEAP, HEAPWRIGHT_RESERVE: "0" },
  });
  ranOutAndWentOn(found);
});

onGlibc("a limit met beyond a small range taken with sbrk", async () => {
  const env = { ...IN_HEAP, HEAPWRIGHT_RESERVE: "16M" };
  const run = () => findings<Found>(program, { args: ["during"], env });
  const found = await untilShown(run, ({ reserved }) => reserved > 0);
  ranOutAndWentOn(found);
  assert.ok(found.reserved >= 16 * 2 ** 20 && found.reserved < 20 * 2 ** 20, `${found.reserved} by sbrk`);
  assert.ok(found.full.segments > 1, "the range was left for mapped segments");
});

test("a limit met by large blocks, with no heap to fall back to", async () => {
  const found = await findings<Found>(program, { args: ["during"], env: { HEAPWRIGHT_RESERVE: "0" } });
  ranOutAndWentOn(found);
  assert.ok(found.full.mmaps > 20, `${found.full.mmaps} mappings were taken`);
});

onGlibc("a limit that a shell sets: the range keeps well below it", async () => {
  const run = () =>
    findings<Found>(program, {
      args: ["during"],
      shell: "ulimit -S -d 2000000",
      env: { HEAPWRIGHT_MMAP_THRESHOLD: "64M" },
    });
  const found = await untilShown(run, ({ reserved }) => reserved > 0);
  ranOutAndWentOn(found);
  assert.ok(found.reserved > 0 && found.reserved <= 2e9 / 4, `${found.reserved} bytes were taken with sbrk`);
});

for (const [what, size, env] of [
  ["large blocks", 1_000_000, {}],
  ["mapped segments", 100_000, { HEAPWRIGHT_RESERVE: "0" }],
] as const) {
  test(`a limit on address space leaves V8 room beside ${what}`, async () => {
    const program = new URL("./programs/address-space.ts", import.meta.url);
    const found = await findings<{ codes: string[]; most: number; end: number }>(program, {
      args: [String(size)],
      nodeArgs: ["--disable-wasm-trap-handler"], // with it, what loads TypeScript takes 10 GB of addresses
      env,
    });
    assert.equal(found.codes, Array(6).fill("ERR_OUT_OF_MEMORY"));
    assert.ok(found.most > 1e9, `${found.most} bytes of 2 GiB were to be had`);
    assert.is(found.end, 0);
  });
}

test.run();
