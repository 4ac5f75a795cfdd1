/**
 * The library and the programs of a folder as JavaScript.
 *
 * Workers do not load TypeScript without a loader of their own, which takes each of them half a second, and forty files
 * take them 50 ms; these tests start thousands. So each program is bundled with the library as they are now, into one
 * file, in a folder that goes when the test does. For programs that load the library when they like, or twice, it is
 * there by itself too: as src/index.js and as copy/src/index.js.
 */
import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { buildSync } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));
const library = join(root, "src/index.ts");
/** Where the programs of a folder are, once they are compiled. */
const folders = new Map<string, string>();

/** The program of that name in a folder of test/. */
export function compiled(name: string, programs = "threads/programs"): URL {
  const folder = folders.get(programs) ?? compile(programs);
  folders.set(programs, folder);
  return pathToFileURL(join(folder, "test", programs, `${name}.js`));
}

function compile(programs: string): string {
  const target = mkdtempSync(join(tmpdir(), "heapwright-threads-"));
  process.on("exit", () => rmSync(target, { recursive: true, force: true }));
  symlinkSync(join(root, "node_modules"), join(target, "node_modules"));
  writeFileSync(join(target, "package.json"), '{ "type": "module" }');
  const from = join(root, "test", programs);
  bundle([...readdirSync(from).map((file) => join(from, file)), library], target);
  bundle([library], join(target, "copy"));
  return target;
}

function bundle(entryPoints: string[], outdir: string): void {
  buildSync({
    entryPoints,
    outdir,
    outbase: root,
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node20",
    tsconfig: join(root, "tsconfig.json"),
    logLevel: "warning",
  });
}
