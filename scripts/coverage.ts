/**
 * Coverage of the rooms below the API by the tests: runs them under V8's own coverage and prints what they reach.
 *
 *   npm run coverage              all tests
 *   npm run coverage -- shared    those whose path contains the word
 *
 * Fails when a test fails, or when fewer than LEAST_BRANCHES percent of their branches are taken. The summary is
 * left in coverage/, which git ignores.
 */
import { spawn } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const LEAST_BRANCHES = 95;
const FOLDER = "coverage";

/** The part of the json-summary report that is read. */
interface Summary {
  readonly total: {
    readonly branches: { readonly total: number; readonly covered: number; readonly pct: number };
  };
}

const ROOMS = ["platform", "memory", "block", "shared", "space", "large", "heap", "process"];

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = join(root, FOLDER);
const summaryFile = join(folder, "coverage-summary.json");

rmSync(folder, { recursive: true, force: true });
const status = await runCovered(process.argv.slice(2));
const { branches } = (JSON.parse(readFileSync(summaryFile, "utf8")) as Summary).total;
const enough = branches.pct >= LEAST_BRANCHES;
console.log(
  `branches of the rooms below the API: ${branches.covered} of ${branches.total}, ${branches.pct} %` +
    (enough ? "" : `, less than ${LEAST_BRANCHES} %`),
);
process.exitCode = status === 0 && enough ? 0 : 1;

/** Runs the tests that the words choose; every process they start writes what it reached, and c8 adds it up. */
function runCovered(words: readonly string[]): Promise<number> {
  const c8 = createRequire(import.meta.url).resolve("c8/bin/c8.js");
  const options = [
    ["--all", "--src", "src"],
    ROOMS.flatMap((room) => ["--include", `src/${room}/**`]),
    ["--exclude", "src/shared/hooks.ts"], // types alone: there is nothing to run
    ["--temp-directory", join(folder, "tmp"), "--reports-dir", folder],
    ["--reporter", "text", "--reporter", "json-summary"],
  ].flat();
  const tests = [process.execPath, "--import", "tsx", join("scripts", "test.ts"), ...words];
  const child = spawn(process.execPath, [c8, ...options, ...tests], { cwd: root, stdio: "inherit" });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 1));
  });
}
