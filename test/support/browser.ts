/**
 * A real browser for tests of pages, where the machine has one: Debian's chromium, or the one that HEAPWRIGHT_TEST_CHROMIUM names.
 *
 * Owns starting and ending it. It is told to speak to nobody.
 */
import { existsSync, rmSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";
import { test } from "uvu";
import { patience } from "./surroundings.js";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const LIMIT_MS = 30_000;
const ARGUMENTS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Where a browser is; null, with a line that says so, where there is none. */
export function browserFile(): string | null {
  const wanted = process.env.HEAPWRIGHT_TEST_CHROMIUM;
  const found = (wanted === undefined ? PLACES : [wanted]).find((file) => existsSync(file));
  if (found === undefined) process.stdout.write("skipped: there is no chromium on this machine\n");
  return found ?? null;
}

export function openBrowser(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args: ARGUMENTS, timeout: patience(LIMIT_MS) });
}

/** A page that tests look at. */
interface ShownPage {
  /** From before the first test on. */
  readonly page: Page;
  /** What went wrong in it, and what it asked of the network. */
  readonly troubles: string[];
  /** A test that needs it; left out where there is no browser. */
  readonly inBrowser: typeof test;
}

/** Shows a file to the tests of a test file; after the last one the folder that it lies in is removed. */
export function show(file: string, folder: string): ShownPage {
  const executable = browserFile();
  const troubles: string[] = [];
  const shown = { troubles, inBrowser: (executable === null ? test.skip : test) as typeof test };
  let browser: Browser | undefined;
  test.before(async () => {
    if (executable === null) return;
    browser = await openBrowser(executable);
    Object.assign(shown, { page: await openPage(browser, file, troubles) });
  });
  test.after(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true });
  });
  return shown as typeof shown & { page: Page };
}

async function openPage(browser: Browser, file: string, troubles: string[]): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1500, height: 1000 }, deviceScaleFactor: 1 });
  page.setDefaultTimeout(patience(LIMIT_MS));
  page.on("pageerror", (error) => troubles.push(String(error.stack)));
  page.on("console", (message) => troubles.push(message.text()));
  page.on("request", (request) => {
    if (!request.url().startsWith("file:")) troubles.push(`asked for ${request.url()}`);
  });
  await page.goto(`file://${file}`);
  return page;
}
