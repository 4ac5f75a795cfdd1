/**
 * What V8 says of a program while it runs it.
 *
 * Owns writing the program to a file, its time limit, and removing it. Kills nothing but its own child.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { patience } from "./surroundings.js";

const LIMIT_MS = 60_000;

/** Runs an ES module, given by its source, under an option of V8, to an end that must be good; what was printed. */
export function traceOf(option: string, source: string): string {
  const folder = mkdtempSync(join(tmpdir(), "heapwright-v8-"));
  const file = join(folder, "program.mjs");
  writeFileSync(file, source);
  const child = spawnSync(process.execPath, [option, file], {
    encoding: "utf8",
    timeout: patience(LIMIT_MS),
    killSignal: "SIGKILL",
    maxBuffer: 2 ** 28,
  });
  rmSync(folder, { recursive: true });
  assert.is(child.status, 0, child.stderr);
  return child.stdout;
}
