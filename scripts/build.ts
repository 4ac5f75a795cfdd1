/**
 * Makes what is published: for each entry of the table in entries.ts one module, dist/index.js for the library itself, and
 * its types as one, dist/index.d.ts; and both again for those who require() it, as index.cjs and index.d.cts.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { isFresh, typeScriptIn } from "../bench/fresh.js";
import { bundle } from "./bundle.js";
import { COMMAND, COPIED, ENTRIES, type Entry, MAIN, updatePackage } from "./entries.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
const modules = join(dist, "modules");
/** A package for the time of the build: what a subpath takes from the library, as the extractor sees it. */
const STAND_IN = "heapwright-itself";
const mainModule = join(modules, "index.js");
/** What a build is made by and is not in src/. */
const BUILT_WITH = [
  "tsconfig.json",
  ...["build", "bundle", "constants", "entries", "extractor"].map((script) => `scripts/${script}.ts`),
];

const withoutMaps = ["--declarationMap", "false", "--sourceMap", "false"];
/** With the sources inside: what a debugger and `node --enable-source-maps` show is what is in src/. */
const withSources = ["--declarationMap", "false", "--inlineSources"];

/** The compiler's own arguments after the project's. */
function compile(...args: string[]): void {
  const compiler = dirname(createRequire(import.meta.url).resolve("typescript/package.json"));
  execFileSync(process.execPath, [join(compiler, "bin/tsc"), "-p", root, ...args], { stdio: "inherit" });
}

/** Builds unless what is there is newer than all that it is made of. */
export async function buildOnce(): Promise<void> {
  const made = ENTRIES.flatMap(({ file }) =>
    ["js", "cjs", "d.ts", "d.cts"].map((ending) => `${file}.${ending}`),
  );
  const sources = [...typeScriptIn(join(root, "src")), ...BUILT_WITH.map((file) => join(root, file))];
  if (!made.every((file) => isFresh(join(dist, file), sources))) await build();
}

export async function build(): Promise<void> {
  updatePackage();
  rmSync(dist, { recursive: true, force: true });
  try {
    // Comments are for those who read the source or the types: loading a program, V8 reads them all.
    compile("--outDir", modules, "--declaration", "false", "--removeComments", ...withSources);
    compile("--outDir", modules, "--emitDeclarationOnly", ...withoutMaps);
    for (const entry of ENTRIES) {
      for (const ending of ["js", "cjs"]) await bundleEntry(entry, ending);
      await extractTypes(entry);
    }
    await bundleCommand();
  } finally {
    rmSync(modules, { recursive: true, force: true });
  }
}

async function bundleEntry(entry: Entry, ending: string): Promise<void> {
  const input = join(modules, `${entry.source}.js`);
  const output = join(dist, `${entry.file}.${ending}`);
  if (entry === MAIN) {
    await bundle(input, output);
    return;
  }
  const made = await bundle(input, output, { module: mainModule, path: `./${MAIN.file}.${ending}` });
  const own = dirname(entry.source);
  const foreign = made
    .map((file) => relative(modules, file).replace(/\.js$/, ""))
    .filter((file) => !file.startsWith(`${own}/`) && !COPIED.includes(file));
  if (foreign.length > 0) {
    throw new Error(
      `${entry.name} would have a second copy of ${foreign.join(", ")}: take it from index.ts, or name it in COPIED ` +
        "(scripts/entries.ts) if it keeps no state",
    );
  }
}

/** Of the library it may have what draws and writes, and nothing that attaches a heap. */
async function bundleCommand(): Promise<void> {
  const made = await bundle(join(modules, `${COMMAND.source}.js`), join(dist, `${COMMAND.file}.js`));
  const foreign = made
    .map((file) => relative(modules, file).replace(/\.js$/, ""))
    .filter((file) => !/^(cli|debug)\//.test(file) && !COPIED.includes(file));
  if (foreign.length > 0) throw new Error(`the command line would have ${foreign.join(", ")} in it`);
}

/** A subpath's types name those of the library, and do not repeat them: a brand declared twice is two brands. */
async function extractTypes(entry: Entry): Promise<void> {
  const { extract } = await import("./extractor.js"); // takes seconds to load, which only a build should
  if (entry !== MAIN) nameTheLibrary(entry);
  const types = join(dist, `${entry.file}.d.ts`);
  const dtsRollup = { enabled: true, untrimmedFilePath: types };
  extract(join(modules, `${entry.source}.d.ts`), { dtsRollup }, () => {}); // what it says of docstrings the reference hears
  const text = readFileSync(types, "utf8");
  for (const [ending, main] of [
    ["d.ts", "js"],
    ["d.cts", "cjs"],
  ]) {
    const named = text.replaceAll(`'${STAND_IN}'`, `"./${MAIN.file}.${main}"`);
    writeFileSync(join(dist, `${entry.file}.${ending}`), named);
  }
}

/** Has the declarations of a subpath take the library's from a package: those the extractor leaves where they are. */
function nameTheLibrary(entry: Entry): void {
  const library = join(modules, "node_modules", STAND_IN);
  mkdirSync(library, { recursive: true });
  writeFileSync(join(library, "package.json"), JSON.stringify({ name: STAND_IN, types: "index.d.ts" }));
  writeFileSync(join(library, "index.d.ts"), readFileSync(join(dist, `${MAIN.file}.d.ts`)));
  const folder = join(modules, dirname(entry.source));
  for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".d.ts")) continue;
    const text = readFileSync(join(folder, file), "utf8");
    const main = `"${relative(dirname(join(folder, file)), folder)}/../${MAIN.file}.js"`.replace('"/', '"');
    writeFileSync(join(folder, file), text.replaceAll(main, `"${STAND_IN}"`));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build();
