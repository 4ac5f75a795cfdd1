/**
 * Compiles the library and the benchmarks to JavaScript, unless a build newer than the sources is there. Every version of
 * Node can run that, and so can worker threads, which load no TypeScript. The library becomes one module, as it is
 * published: what is timed is what ships, and as one module for each file it was up to a fifth slower.
 */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { isFresh, typeScriptIn } from "./fresh.js";
import { ROOT } from "./root.js";

const LIMIT_MS = 120_000;

const FOLDER = join(ROOT, "bench/build");
const LIBRARY = join(FOLDER, "src/index.js");
/** Written last: as old as the build is. */
const STAMP = join(FOLDER, "complete");
const SOURCES = ["src", "bench"].map((folder) => join(ROOT, folder));
const SETTINGS = ["tsconfig.json", "bench/tsconfig.json", "scripts/bundle.ts", "scripts/constants.ts"].map(
  (file) => join(ROOT, file),
);

let checked = false;

/** The path of a module of bench/, compiled: "child" gives .../bench/child.js. */
export function compiled(module: string): string {
  compileOnce();
  return join(FOLDER, "bench", `${module}.js`);
}

/** The library as the compiled benchmarks have it. */
export function compiledLibrary(): URL {
  compileOnce();
  return pathToFileURL(LIBRARY);
}

function compileOnce(): void {
  if (!checked && !isFresh(STAMP, [...SETTINGS, ...SOURCES.flatMap(typeScriptIn)])) compile();
  checked = true;
}

function compile(): void {
  node(join(ROOT, "node_modules/typescript/bin/tsc"), "-p", join(ROOT, "bench/tsconfig.json"));
  node("--import", "tsx", join(ROOT, "scripts/bundle.ts"), LIBRARY, LIBRARY);
  writeFileSync(STAMP, "");
}

function node(...args: string[]): void {
  const run = spawnSync(process.execPath, args, {
    cwd: ROOT,
    encoding: "utf8",
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
  });
  if (run.status === 0) return;
  throw new Error(`the benchmarks do not compile: ${run.error?.message ?? run.stdout + run.stderr}`);
}
