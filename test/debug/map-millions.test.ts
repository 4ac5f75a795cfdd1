/**
 * A map of a heap with millions of blocks: blocks add up in cells, the page stays of a size that a browser opens, and nothing
 * is lost of the sums.
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { heapMap } from "../../src/debug/index.js";
import { decodeShot, kindCodes } from "../../src/debug/map/browser/shot.js";
import { STATES } from "../../src/debug/map/saved.js";
import { free, malloc, type Pointer, stats } from "../../src/index.js";
import { Random, testSeed } from "../support/seed.js";

const BLOCKS = 10_000_000;
const HEADER_BYTES = 8;
/** An empty page of a map has about a tenth of it. */
const MOST_BYTES = 8 * 2 ** 20;

test("ten million blocks, of which a third was freed", () => {
  const random = new Random(testSeed("millions"));
  const pointers = new Float64Array(BLOCKS);
  for (let i = 0; i < BLOCKS; i++) pointers[i] = malloc(random.int(1, 60));
  for (let i = 0; i < BLOCKS; i++) if (random.chance(1 / 3)) release(pointers, i);
  const folder = mkdtempSync(join(tmpdir(), "heapwright-millions-"));
  const snapshot = heapMap.snapshot();
  heapMap(join(folder, "heap.html"), { snapshots: [snapshot] });
  const pageBytes = statSync(join(folder, "heap.html")).size;
  assert.ok(pageBytes < MOST_BYTES, `the page has ${pageBytes} bytes`);
  rmSync(folder, { recursive: true });

  const shot = decodeShot(snapshot);
  const { live, cell } = kindCodes();
  let [bytes, cells] = [0, 0];
  for (const [run, kind] of shot.kind.entries()) {
    if (kind === live) bytes += shot.size[run]! * shot.count[run]!;
    if (kind !== cell) continue;
    cells++;
    bytes += shot.cells[shot.extra[run]! + 1 + STATES.indexOf("live")]!;
  }
  const { allocated, blocks } = stats();
  const wanted = allocated + HEADER_BYTES * blocks;
  assert.ok(cells > 100, `${cells} cells`);
  const rounding = 16 * cells;
  assert.ok(
    Math.abs(bytes - wanted) <= rounding,
    `${bytes} bytes are live in the map, and ${wanted} by stats()`,
  );
  for (let i = 0; i < BLOCKS; i++) release(pointers, i);
  assert.is(stats().blocks, 0);
});

function release(pointers: Float64Array, i: number): void {
  free(pointers[i] as Pointer);
  pointers[i] = 0;
}

test.run();
