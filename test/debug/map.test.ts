/**
 * The map's data: blocks are decoded as they were, or add up in cells; a saved map is read again, or refused; wrong arguments.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { heapMap } from "../../src/debug/index.js";
import { blocksInCells, Runs } from "../../src/debug/map/blocks.js";
import { hitAt } from "../../src/debug/map/browser/details.js";
import { decodeShot, placeOf } from "../../src/debug/map/browser/shot.js";
import { type HeapSnapshot, STATES } from "../../src/debug/map/saved.js";
import { snapshotsIn } from "../../src/debug/map/saved-file.js";
import type { LayoutRegion, LayoutState, LayoutVisitor, Pointer } from "../../src/index.js";
import { free, malloc } from "../../src/index.js";
import { Random, testSeed } from "../support/seed.js";
import { throwsHeapError } from "../support/throws.js";

const PAGE = 4096;
const START = 0x7f00_0000_0000;

type Made = readonly [bytes: number, state: LayoutState, purged: number];

function regionOf(blocks: readonly Made[]): LayoutRegion {
  const first = START + 4096;
  const top = first + blocks.reduce((sum, [bytes]) => sum + bytes, 0);
  const end = top + 8192;
  const visitAll = (visit: LayoutVisitor) => {
    let at = first;
    for (const [bytes, state, purged] of blocks) {
      visit(at, bytes, state, purged);
      at += bytes;
    }
  };
  return {
    kind: "segment",
    heap: 0,
    address: START,
    first,
    top,
    touched: top + 4096,
    committed: end,
    end,
    blocks: visitAll,
  };
}

function snapshotOf(region: LayoutRegion, blocks: string, cellBytes: number): HeapSnapshot {
  return { ...heapMap.snapshot(), regions: [{ ...region, blocks }], cellBytes, known: "" };
}

function someBlocks(random: Random): Made[] {
  return Array.from({ length: 5_000 }, (): Made => {
    const state = random.pick(["live", "live", "cached", "remote", "free"] as const);
    const bytes = 16 * random.pick([2, 2, 2, 3, random.spread(4, 100_000)]);
    const pages = Math.floor(bytes / PAGE);
    return [bytes, state, state === "free" && pages > 2 ? PAGE * random.int(0, pages - 2) : 0];
  });
}

test("blocks are decoded as they were", () => {
  const blocks = someBlocks(new Random(testSeed("blocks")));
  const region = regionOf(blocks);
  const runs = new Runs(PAGE, 10_000);
  runs.begin();
  region.blocks((_, bytes, state, purged) => runs.add(bytes, state, purged));
  const shot = decodeShot(snapshotOf(region, runs.end()![0]!, 0));
  let address = region.first;
  for (const [bytes, state, purged] of blocks) {
    const { run, place, size } = hitAt(shot, placeOf(shot, address + 8));
    assert.equal([place + START, size], [address, bytes]);
    assert.is(STATES[shot.kind[run]!], purged > 0 ? "purged" : state);
    assert.is(shot.extra[run], purged);
    address += bytes;
  }
  assert.ok(shot.at.length < blocks.length, "those that are alike are one run");
});

test("too many are no text, and their cells add up", () => {
  const blocks = someBlocks(new Random(testSeed("cells")));
  const region = regionOf(blocks);
  const runs = new Runs(PAGE, 1_000);
  runs.begin();
  region.blocks((_, bytes, state, purged) => runs.add(bytes, state, purged));
  assert.is(runs.end(), null);
  const shot = decodeShot(snapshotOf(region, blocksInCells([region], 65_536)[0]!, 65_536));
  const sum = (offset: number) =>
    shot.cells.filter((_, at) => at % 8 === offset).reduce((all, each) => all + each, 0);
  assert.is(sum(0), blocks.length);
  for (const [index, name] of STATES.entries()) {
    const bytes = blocks.reduce((all, [size, state, purged]) => {
      if (name === "purged") return all + purged;
      return all + (state === name ? size - purged : 0);
    }, 0);
    const rounding = 16 * Math.ceil((region.top - region.first) / 65_536);
    assert.ok(Math.abs(sum(1 + index) - bytes) <= rounding, `${name}: ${sum(1 + index)} for ${bytes}`);
  }
});

test("origins are asked for live blocks", () => {
  const [kept, freed] = [malloc(100), malloc(100)];
  free(freed);
  const asked: Pointer[] = [];
  const lookup = (pointer: Pointer) => {
    asked.push(pointer);
    return pointer === kept ? { stack: "here" } : undefined;
  };
  const shot = decodeShot(heapMap.snapshot({ lookup }));
  assert.ok(asked.includes(kept) && !asked.includes(freed));
  assert.equal([shot.known.pointer, shot.known.stack, shot.known.age], [[kept], [0], [-1]]);
  assert.equal(shot.saved.stacks, ["here"]);
  free(kept);
});

test("a map that was saved is read again, others are refused", () => {
  const folder = mkdtempSync(join(tmpdir(), "heapwright-map-"));
  const file = join(folder, "heap.json");
  const snapshots = [heapMap.snapshot({ label: "one" }), heapMap.snapshot()];
  heapMap(file, { snapshots });
  const text = readFileSync(file, "utf8");
  assert.equal(snapshotsIn(text, file), JSON.parse(JSON.stringify(snapshots)));
  throwsHeapError(
    () => snapshotsIn(text.replace('"version":1', '"version":99'), file),
    "ERR_INVALID_ARG",
    /version 99/,
  );
  throwsHeapError(() => snapshotsIn(text.slice(0, 1000), file), "ERR_INVALID_ARG", /no saved map/);
  throwsHeapError(() => snapshotsIn("null", file), "ERR_INVALID_ARG", /no saved map/);
  const cut = JSON.stringify({ ...JSON.parse(text), snapshots: [{}] });
  throwsHeapError(() => snapshotsIn(cut, file), "ERR_INVALID_ARG", /not complete/);
  rmSync(folder, { recursive: true });
});

test("wrong arguments", () => {
  throwsHeapError(() => heapMap("heap.png"), "ERR_INVALID_ARG", /\.html/);
  throwsHeapError(() => heapMap(1 as never), "ERR_INVALID_ARG", /got 1/);
  throwsHeapError(() => heapMap("heap.html", { snapshots: [] }), "ERR_INVALID_ARG", /snapshots/);
  throwsHeapError(() => heapMap.snapshot({ lookup: 1 as never }), "ERR_INVALID_ARG", /lookup/);
  assert.throws(() => heapMap("/nowhere/heap.html"), /ENOENT.*\/nowhere\/heap\.html/);
});

test.run();
