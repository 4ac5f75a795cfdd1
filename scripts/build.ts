/**
 * Makes what is published: dist/index.js, the library as one module, and its types.
 *
 * One module, because a worker that imports fifty spends 15 ms on finding them. Bundled by rollup, which leaves a const
 * a const: V8 folds the value of a module's const into the code that uses it, and a bundler that turns them into vars
 * (esbuild does) doubles the price of malloc.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { rollup } from "rollup";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");

/** The compiler's own arguments after the project's. */
function compile(...args: string[]): void {
  const compiler = dirname(createRequire(import.meta.url).resolve("typescript/package.json"));
  execFileSync(process.execPath, [join(compiler, "bin/tsc"), "-p", root, ...args], { stdio: "inherit" });
}

export async function build(): Promise<void> {
  rmSync(dist, { recursive: true, force: true });
  compile("--outDir", dist, "--emitDeclarationOnly");
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
    const bundle = await rollup({
      input: join(modules, "index.js"),
      external: [/^node:/, "koffi"],
      onwarn(warning, report) {
        // What the compiler puts in for `using` asks for a `this`, which a module has not, before it does without.
        if (warning.code !== "THIS_IS_UNDEFINED") report(warning);
      },
    });
    await bundle.write({ file: join(dist, "index.js"), format: "es" });
    await bundle.close();
  } finally {
    rmSync(modules, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build();
