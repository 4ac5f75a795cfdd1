/** Makes what is published: the library as one module, dist/index.js, and its types as one, dist/index.d.ts. */
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.js";
import { extract } from "./extractor.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");

/** The compiler's own arguments after the project's. */
function compile(...args: string[]): void {
  const compiler = dirname(createRequire(import.meta.url).resolve("typescript/package.json"));
  execFileSync(process.execPath, [join(compiler, "bin/tsc"), "-p", root, ...args], { stdio: "inherit" });
}

export async function build(): Promise<void> {
  rmSync(dist, { recursive: true, force: true });
  const modules = join(dist, "modules");
  try {
    compile("--outDir", modules, "--declarationMap", "false", "--sourceMap", "false");
    await bundle(join(modules, "index.js"), join(dist, "index.js"));
    const dtsRollup = { enabled: true, untrimmedFilePath: join(dist, "index.d.ts") };
    extract(join(modules, "index.d.ts"), { dtsRollup }, () => {}); // what it says of docstrings the reference hears
  } finally {
    rmSync(modules, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build();
