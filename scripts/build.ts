/** Makes what is published: dist/index.js, the library as one module, and its types. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");

/** The compiler's own arguments after the project's. */
function compile(...args: string[]): void {
  const compiler = dirname(createRequire(import.meta.url).resolve("typescript/package.json"));
  execFileSync(process.execPath, [join(compiler, "bin/tsc"), "-p", root, ...args], { stdio: "inherit" });
}

export async function build(): Promise<void> {
  rmSync(dist, { recursive: true, force: true });
  compile("--outDir", dist, "--emitDeclarationOnly", "--declarationMap", "false");
  const modules = mkdtempSync(join(tmpdir(), "heapwright-build-"));
  try {
    compile(
      "--outDir",
      modules,
      "--declaration",
      "false",
      "--declarationMap",
      "false",
      "--sourceMap",
      "false",
    );
    await bundle(join(modules, "index.js"), join(dist, "index.js"));
  } finally {
    rmSync(modules, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build();
