/**
 * The examples in the docstrings compile and run as they stand, and print what their comments say.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { runProgram } from "./support/child.js";
import { patience } from "./support/surroundings.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const LIMIT_MS = 120_000;

interface Example {
  readonly name: string;
  readonly code: string;
}

/** Every TypeScript block under an @example of the sources. */
function examples(): Example[] {
  const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).sort();
  return files.flatMap((file) => {
    if (!file.endsWith(".ts")) return [];
    const text = readFileSync(join(root, "src", file), "utf8");
    return [...text.matchAll(/@example[^`]*```ts\n([\s\S]*?)```/g)].map((match, index) => ({
      name: `${file} #${index + 1}`,
      code: match[1]!.replaceAll(/^ *\* ?/gm, ""),
    }));
  });
}

/** What an example says that it prints: the comments behind its calls of console.log. */
function promised(code: string): string[] {
  return [...code.matchAll(/console\.log\(.*\);? *\/\/ (.*)$/gm)].map((match) => match[1]!);
}

const all = examples();
// Inside the package, which finds itself by its name there.
const folder = mkdtempSync(join(root, "test/examples-"));
for (const [index, { code }] of all.entries()) writeFileSync(join(folder, `${index}.mts`), code);

test.after(() => rmSync(folder, { recursive: true }));

test("there are examples", () => {
  assert.ok(all.length >= 13, `${all.length} found`);
});

test("all of them are strict TypeScript", () => {
  const options = {
    extends: "../../tsconfig.json",
    compilerOptions: {
      outDir: ".",
      rootDir: ".",
      noUnusedLocals: false,
      declaration: false,
      declarationMap: false,
      sourceMap: false,
    },
  };
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ ...options, include: ["*.mts"], exclude: [] }),
  );
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  const { status, stdout } = spawnSync(process.execPath, [compiler, "-p", folder], {
    encoding: "utf8",
    timeout: patience(LIMIT_MS),
  });
  assert.equal([status, stdout], [0, ""]);
});

for (const [index, { name, code }] of all.entries()) {
  test(name, async () => {
    assert.match(code, /from "heapwright["/]/);
    const {
      code: status,
      stdout,
      stderr,
    } = await runProgram(pathToFileURL(join(folder, `${index}.mjs`)), { limitMs: LIMIT_MS });
    assert.is(stderr, "");
    assert.is(status, 0);
    assert.equal(stdout.trimEnd().split("\n").filter(Boolean), promised(code));
  });
}

test.run();
