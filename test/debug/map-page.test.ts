/**
 * The page of the heap map in a real browser: it loads without errors, its sums are those of stats(), a click shows a block, and
 * there is something to see.
 */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { heapMap } from "../../src/debug/index.js";
import { free, malloc, type Pointer, stats, trim, usableSize, view } from "../../src/index.js";
import { show } from "../support/browser.js";
import { Random, testSeed } from "../support/seed.js";

const KIB = 1024;
const STACK = "at </script><img src=x onerror=alert(1)> (evil.js:1:1)\n    at main (app.js:2:3)";

const folder = mkdtempSync(join(tmpdir(), "heapwright-map-"));
const file = join(folder, "heap.html");
const random = new Random(testSeed("map page"));

/** Blocks of many sizes, of which some are freed: cached, coalesced, given back; and some with mappings of their own. */
function fill(): Pointer[] {
  const all = Array.from({ length: 20_000 }, () => malloc(random.spread(1, 64 * KIB)));
  for (const block of all) view(block, 1)[0] = 1;
  const kept = all.filter((block, index) => {
    const stays = index % 5 !== 0 && (index < 5_000 || index > 12_000);
    if (!stays) free(block);
    return stays;
  });
  trim();
  for (let i = 0; i < 500; i++) free(kept.splice(random.int(0, kept.length - 1), 1)[0]!);
  return [...kept, ...[300, 1_000, 5_000].map((size) => malloc(size * KIB))];
}

const early = heapMap.snapshot({ label: "early" });
const blocks = fill();
const shown = blocks[1000]!;
const lookup = (pointer: Pointer) => (pointer === shown ? { stack: STACK, ageMs: 4200 } : undefined);
const figures = stats();
const late = heapMap.snapshot({ label: "</script><b>late</b>", lookup });
heapMap(file, { snapshots: [early, late] });

const opened = show(file, folder);
const { inBrowser, troubles } = opened;

async function figure(selector: string): Promise<number> {
  return Number(await opened.page.getAttribute(selector, "data-value"));
}

async function fact(name: string): Promise<string | null> {
  return opened.page.textContent(`#details [data-fact="${name}"]`);
}

test("the snapshot's parts are the footprint", () => {
  const sum = Object.values(late.footprint).reduce((all, part) => all + part, 0);
  assert.is(sum, figures.footprint);
  assert.is(late.footprint.live, figures.allocated);
});

inBrowser("its sums are those of stats()", async () => {
  assert.is(await figure('[data-figure="live"]'), figures.allocated);
  assert.is(await figure('[data-figure="blocks"]'), figures.blocks);
  assert.is(await figure('[data-figure="footprint"]'), figures.footprint);
  const parts = await opened.page.$$eval("[data-part]", (all) =>
    all.map(({ dataset }) => Number(dataset.value)),
  );
  assert.is(
    parts.reduce((all, part) => all + part, 0),
    figures.footprint,
  );
});

inBrowser("an address shows its block, a click the same, and text is never markup", async () => {
  await opened.page.fill("#address", `0x${shown.toString(16)}`);
  await opened.page.press("#address", "Enter");
  assert.is(await fact("pointer"), `0x${shown.toString(16)}`);
  assert.match((await fact("size"))!.replaceAll("\u202f", ""), `${usableSize(shown)} usable bytes`);
  assert.is(await fact("allocated by"), STACK);
  assert.is(await fact("age"), "4.2 s");
  assert.is(await opened.page.locator("#details img").count(), 0);
  await opened.page.click("#map", { position: { x: 700, y: 300 } });
  assert.match((await fact("pointer"))!, /^0x[0-9a-f]+$/);
  assert.match((await fact("in"))!, /^the (segment|mapping) at 0x/);
});

inBrowser("it can be zoomed and seen in other colours", async () => {
  const map = opened.page.locator("#map");
  const pictures = new Set<string>();
  const look = async () => pictures.add((await map.screenshot()).toString("base64"));
  await opened.page.click("#whole");
  await look();
  for (const mode of ["owner", "size", "state"]) {
    await opened.page.selectOption("#mode", mode);
    await look();
  }
  await map.hover({ position: { x: 600, y: 200 } });
  for (let i = 0; i < 8; i++) await opened.page.mouse.wheel(0, -300);
  await look();
  assert.ok(pictures.size >= 4, `${pictures.size} different pictures`);
});

inBrowser("the slider goes back", async () => {
  await opened.page.fill("#snapshot", "0");
  assert.is(await figure('[data-figure="blocks"]'), early.stats.blocks);
  assert.is(await opened.page.textContent("#snapshot-name"), "1 of 2: early");
  await opened.page.fill("#snapshot", "1");
  assert.is(await opened.page.textContent("#snapshot-name"), "2 of 2: </script><b>late</b>");
});

inBrowser("there is something to see", async () => {
  await opened.page.click("#whole");
  await opened.page.mouse.move(0, 0);
  const picture = (await opened.page.screenshot()).toString("base64");
  const colours = await opened.page.evaluate(countColours, picture);
  assert.ok(colours > 40, `${colours} colours`);
  assert.equal(troubles, []);
});

/** In the browser. */
async function countColours(base64: string): Promise<number> {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const picture = await createImageBitmap(new Blob([bytes]));
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  const context = canvas.getContext("2d")!;
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(0, 0, picture.width, picture.height);
  return new Set(new Uint32Array(data.buffer)).size;
}

test.run();
