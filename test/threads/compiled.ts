/**
 * The library and the programs of this folder as JavaScript.
 *
 * Workers do not load TypeScript without a loader of their own, which takes each of them half a second; these tests
 * start thousands. So the sources are compiled as they are now, into a folder that goes when the test does. The library
 * is there twice, for programs that load it twice.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
let folder: string | null = null;

/** The program of that name in programs/. */
export function compiled(name: string): URL {
  folder ??= compile();
  return pathToFileURL(join(folder, "test/threads/programs", `${name}.js`));
}

function compile(): string {
  const target = mkdtempSync(join(tmpdir(), "heapwright-threads-"));
  process.on("exit", () => rmSync(target, { recursive: true, force: true }));
  symlinkSync(join(root, "node_modules"), join(target, "node_modules"));
  writeFileSync(join(target, "package.json"), '{ "type": "module" }');
  const project = {
    extends: join(root, "tsconfig.json"),
    compilerOptions: {
      rootDir: root,
      outDir: target,
      noCheck: true,
      declaration: false,
      declarationMap: false,
    },
    include: [join(root, "src"), join(root, "test/threads/programs")],
  };
  writeFileSync(join(target, "tsconfig.json"), JSON.stringify(project));
  const compiler = dirname(createRequire(import.meta.url).resolve("typescript/package.json"));
  execFileSync(process.execPath, [join(compiler, "bin/tsc"), "-p", target], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  cpSync(join(target, "src"), join(target, "copy"), { recursive: true });
  return target;
}
