/**
 * The types of structs: the files of types/ compile, with errors exactly where they expect one.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { patience } from "../support/surroundings.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(root, "test/access/types");
const EXPECTED = /^\/\/ @ts-expect-error.*$/gm;
const LIMIT_MS = 120_000;

/** The lines of `text` in which tsc finds errors. */
function errorLines(name: string, text: string): number[] {
  const place = mkdtempSync(join(tmpdir(), "heapwright-types-"));
  try {
    const moved = text
      .replaceAll('"../../../src/', `"${root}src/`)
      .replaceAll('"koffi"', `"${root}node_modules/koffi/index.js"`);
    writeFileSync(join(place, name), moved);
    const compilerOptions = {
      rootDir: "/",
      noEmit: true,
      skipLibCheck: true,
      typeRoots: [`${root}node_modules/@types`],
    };
    const config = { extends: `${root}tsconfig.json`, compilerOptions, include: [join(place, name)] };
    writeFileSync(join(place, "package.json"), JSON.stringify({ type: "module" }));
    writeFileSync(join(place, "tsconfig.json"), JSON.stringify(config));
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const args = [tsc, "-p", place, "--pretty", "false"];
    const { status, stdout } = spawnSync(process.execPath, args, {
      encoding: "utf8",
      timeout: patience(LIMIT_MS),
    });
    assert.ok(status === 0 || stdout.includes("error TS"), `tsc ended with ${status}: ${stdout}`);
    const errors = stdout.split("\n").filter((line) => line.includes("error TS"));
    const lines = errors.map((line) => {
      const match = new RegExp(`${name}\\((\\d+),`).exec(line);
      if (match === null) throw new Error(line);
      return Number(match[1]);
    });
    return [...new Set(lines)];
  } finally {
    rmSync(place, { recursive: true });
  }
}

for (const name of readdirSync(folder)) {
  const text = readFileSync(join(folder, name), "utf8");

  test(`${name} compiles`, () => {
    assert.equal(errorLines(name, text), []);
  });

  test(`${name} has an error after each line that expects one`, () => {
    const expected = text.split("\n").flatMap((line, i) => (line.match(EXPECTED) ? [i + 2] : []));
    assert.ok(expected.length > 10, `${expected.length} are expected`);
    assert.equal(errorLines(name, text.replace(EXPECTED, "//")), expected);
  });
}

test.run();
