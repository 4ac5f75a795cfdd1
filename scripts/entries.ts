/**
 * What can be imported: `heapwright`, and a subpath for each further line of the table.
 *
 * A subpath is a bundle of its own. What it takes from src/index.ts it imports from the main bundle, in the format that it
 * is itself in, so that the heap is there once however many are loaded, and who imports `heapwright` alone loads nothing
 * of them. Besides its own folder it may take files that keep no state, which are copied into it.
 *
 * To add one: a line here, then `npm run build`, which brings package.json in step.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export interface Entry {
  /** As it is imported: "heapwright", "heapwright/containers". */
  readonly name: string;
  /** Its files in dist/, without their endings. */
  readonly file: string;
  /** Its module in src/, without its ending. */
  readonly source: string;
}

export const MAIN: Entry = { name: "heapwright", file: "index", source: "index" };
/** Folders of src/ that have an index.ts. */
const SUBPATHS = ["containers", "debug"];

export const ENTRIES: readonly Entry[] = [
  MAIN,
  ...SUBPATHS.map((folder) => ({ name: `heapwright/${folder}`, file: folder, source: `${folder}/index` })),
];

/** What `npx heapwright` runs; no module of the library with a heap is in it. */
export const COMMAND = { file: "cli", source: "cli/index" };

/** Files without state: a subpath has copies of its own. */
export const COPIED: readonly string[] = ["errors"];

const packageFile = fileURLToPath(new URL("../package.json", import.meta.url));

/** What of package.json follows from the table. */
export function derived(): { bin: object; exports: object; typesVersions: object } {
  const exports: Record<string, unknown> = {};
  const types: Record<string, readonly string[]> = {};
  for (const { name, file } of ENTRIES) {
    exports[name.replace("heapwright", ".")] = {
      import: { types: `./dist/${file}.d.ts`, default: `./dist/${file}.js` },
      require: { types: `./dist/${file}.d.cts`, default: `./dist/${file}.cjs` },
    };
    if (file !== MAIN.file) types[file] = [`./dist/${file}.d.cts`];
  }
  exports["./package.json"] = "./package.json";
  const bin = { heapwright: `dist/${COMMAND.file}.js` };
  return { bin, exports, typesVersions: { "*": types } }; // the second for compilers that do not know exports
}

/** Brings package.json in step with the table; written only where it was not. */
export function updatePackage(): void {
  const text = readFileSync(packageFile, "utf8");
  const updated = `${JSON.stringify({ ...JSON.parse(text), ...derived() }, null, 2)}\n`;
  if (updated !== text) writeFileSync(packageFile, updated);
}
