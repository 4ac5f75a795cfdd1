/**
 * The flame graph in a real browser: it loads without errors, its sums are the profile's, a click shows a call.
 */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { writeProfile } from "../../src/debug/index.js";
import { show } from "../support/browser.js";
import { Random, testSeed } from "../support/seed.js";
import { someProfile } from "./some-profile.js";

const data = someProfile(new Random(testSeed("flame page")));
const folder = mkdtempSync(join(tmpdir(), "heapwright-flame-"));
const file = join(folder, "profile.html");
writeProfile(data, file);

const opened = show(file, folder);
const { inBrowser, troubles } = opened;

inBrowser("its sums are the profile's", async () => {
  const sums = ["liveBytes", "liveCount", "allocatedBytes", "allocatedCount"] as const;
  for (const [index, sum] of sums.entries()) {
    await opened.page.selectOption("#what", String(4 + index));
    const shown = Number(await opened.page.getAttribute("#sum", "data-value"));
    const known = data.samples.reduce((all, sample) => all + sample[sum], 0);
    assert.ok(Math.abs(shown - known) < 1e-6 * known, `${sum}: ${shown} for ${known}`);
  }
});

inBrowser("a click shows a call, as wide as there is room", async () => {
  const before = (await opened.page.locator("#flame").screenshot()).toString("base64");
  await opened.page.click("#flame", { position: { x: 100, y: 31 } }); // below the root
  const name = await opened.page.textContent("#call b");
  assert.is.not(name, "all");
  assert.is.not((await opened.page.locator("#flame").screenshot()).toString("base64"), before);
  await opened.page.click("#reset");
  assert.is(await opened.page.textContent("#call b"), "all");
  await opened.page.fill("#search", "makeRecord");
  assert.is.not((await opened.page.locator("#flame").screenshot()).toString("base64"), before);
  assert.equal(troubles, []);
});

test.run();
