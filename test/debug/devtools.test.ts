/**
 * A `.heapprofile` in the Memory panel of a real Chromium's DevTools: it is loaded, and shows functions, lines and sums.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { writeProfile } from "../../src/debug/index.js";
import type { Frame, Sample } from "../../src/debug/profile-data.js";
import { browserFile, openBrowser } from "../support/browser.js";
import { patience } from "../support/surroundings.js";

const PANEL = "devtools://devtools/bundled/devtools_app.html?panel=heap-profiler";

const main: Frame = { function: "main", file: "/app/main.js", line: 3, column: 1 };
const parse: Frame = { function: "parseAll", file: "/app/parse.js", line: 20, column: 5 };
const render: Frame = { function: "render", file: "file:///app/render.mjs", line: 7, column: 9 };

function sample(stack: readonly Frame[], liveBytes: number): Sample {
  return { stack, liveBytes, liveCount: 1, allocatedBytes: liveBytes * 2, allocatedCount: 2 };
}

const folder = mkdtempSync(join(tmpdir(), "heapwright-devtools-"));
const file = join(folder, "known.heapprofile");
const samples = [sample([parse, main], 6_000_000), sample([render, parse, main], 2_000_000)];
writeProfile({ every: 1, startTime: Date.now(), durationMs: 1000, samples }, file);

const executable = browserFile();
const inBrowser = executable === null ? test.skip : test;
let browser: Browser;

test.before(async () => {
  if (executable !== null) browser = await openBrowser(executable);
});

test.after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});

/** The rows of the profile: self size, total size, function and place. */
async function rowsOf(page: Page): Promise<string[]> {
  const chosen = page.waitForEvent("filechooser");
  await page.getByText("Load profile").first().click();
  await (await chosen).setFiles(file);
  await page.getByRole("treeitem", { name: "known, Loaded" }).click();
  await page.getByText("parseAll").first().waitFor();
  return (await page.locator("tr").allInnerTexts()).map((text) => text.replaceAll(/\s+/g, " ").trim());
}

inBrowser("a profile is loaded and shown", async () => {
  const page = await browser.newPage({ viewport: { width: 1400, height: 800 } });
  page.setDefaultTimeout(patience(30_000));
  const isThere = await page.goto(PANEL).then(
    () => true,
    (error) => {
      process.stdout.write(
        `skipped: this browser has no DevTools of its own (${String(error).split("\n", 1)[0]})\n`,
      );
      return false;
    },
  );
  if (!isThere) return;
  const rows = await rowsOf(page);
  const shown = (name: string) =>
    rows.find((row) => row.includes(name)) ?? `no row of ${name} in ${rows.join("\n")}`;
  assert.match(shown("parseAll"), /^6\.0 MB ?75\.00 % 8\.0 MB ?100\.00 % parseAll \/app\/parse\.js:20$/);
  assert.match(shown("render"), /^2\.0 MB ?25\.00 % 2\.0 MB ?25\.00 % render \/app\/render\.mjs:7$/);
  assert.match(shown("main"), /^0 B ?0\.00 % 8\.0 MB ?100\.00 % main \/app\/main\.js:3$/);
});

test.run();
