/**
 * Makes JavaScript of all TypeScript of the project: each file by itself, at the same path below one folder. What it says of
 * its own place, `import.meta.url`, is where its source lies, so that it finds what lies beside that.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { transform } from "esbuild";
import { isFresh, typeScriptIn } from "../bench/fresh.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = join(root, "node_modules/.cache/heapwright-tests");
const OF = ["src", "test", "bench", "scripts"];

/** Returns the folder. Files that are newer than their sources stay. */
export async function transpile(): Promise<string> {
  const sources = OF.flatMap((part) => typeScriptIn(join(root, part)));
  await Promise.all(sources.map(transpileOne));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
  return folder;
}

async function transpileOne(source: string): Promise<void> {
  const target = join(folder, relative(root, source).replace(/ts$/, "js"));
  if (isFresh(target, [source, fileURLToPath(import.meta.url)])) return;
  const { code } = await transform(readFileSync(source, "utf8"), {
    loader: "ts",
    target: "node20",
    sourcefile: source,
    sourcemap: "inline",
    sourcesContent: false,
    define: { "import.meta.url": JSON.stringify(pathToFileURL(source).href) },
  });
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, code);
}
