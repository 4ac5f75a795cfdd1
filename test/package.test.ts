/**
 * The package as people get it: packed, installed into an empty project elsewhere, and used from there.
 *
 * On the Node that runs the tests, and on the newest one where npm can fetch it.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";

const root = fileURLToPath(new URL("..", import.meta.url));
const LIMIT_MS = 120_000;
const NEWER = "24";

const project = mkdtempSync(join(tmpdir(), "heapwright-project-"));
const compiler = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");
const example = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(root, "README.md"), "utf8"))![1]!;

let tarball = "";

function run(program: string, args: readonly string[], cwd = project): string {
  return execFileSync(program, args, { cwd, encoding: "utf8", timeout: LIMIT_MS, stdio: "pipe" });
}

function npm(args: readonly string[], cwd = project): string {
  return run("npm", [...args, "--no-audit", "--no-fund", "--loglevel=error"], cwd);
}

/** The newer Node's executable, or null with a line that says why there is none. */
function newerNode(): string | null {
  if (Number(process.versions.node.split(".")[0]) >= Number(NEWER)) return process.execPath;
  const folder = join(project, "newer");
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), "{}");
  try {
    npm(["install", `node@${NEWER}`, "--prefer-offline"], folder);
    const found = join(folder, "node_modules/node/bin/node");
    assert.match(run(found, ["--version"]), new RegExp(`^v${NEWER}\\.`));
    return found;
  } catch (error) {
    process.stdout.write(`skipped: Node ${NEWER} cannot be installed (${String(error).split("\n", 1)[0]})\n`);
    return null;
  }
}

test.before(() => {
  const [packed] = JSON.parse(
    npm(["pack", "--json", "--ignore-scripts", "--pack-destination", project], root),
  ) as [{ filename: string; files: { path: string }[] }];
  tarball = join(project, packed.filename);
  const paths = packed.files.map(({ path }) => path);
  assert.equal(paths.sort(), ["LICENSE", "README.md", "dist/index.d.ts", "dist/index.js", "package.json"]);
  writeFileSync(join(project, "package.json"), '{ "private": true, "type": "module" }');
  // What it depends on as it is installed here: the project needs no network.
  const [koffi, types] = ["koffi", "@types/node"].map((name) => join(root, "node_modules", name)) as [
    string,
    string,
  ];
  npm(["install", "--ignore-scripts", "--prefer-offline", tarball, koffi, types]);
  assert.ok(existsSync(join(project, "node_modules/heapwright/dist/index.js")));
});

test.after(() => rmSync(project, { recursive: true, force: true }));

function usesIt(node: string): void {
  writeFileSync(join(project, "example.mjs"), example);
  assert.match(run(node, ["example.mjs"]), /^9\nUint8Array\(16\)[\s\S]*\n0\n$/);
  const program =
    'const { malloc, usableSize } = require("heapwright"); console.log(usableSize(malloc(100)));';
  writeFileSync(join(project, "required.cjs"), program);
  const requires = run(node, ["-p", "process.features.require_module === true"]).trim() === "true";
  if (requires) assert.is(run(node, ["required.cjs"]), "104\n");
  else assert.throws(() => run(node, ["required.cjs"]), /ERR_REQUIRE_ESM/);
}

test("import and require, on this Node", () => usesIt(process.execPath));

test("and on a newer one", () => {
  const node = newerNode();
  if (node !== null) usesIt(node);
});

test("from TypeScript: types are found, and hold", () => {
  writeFileSync(
    join(project, "typed.ts"),
    `${example.replace("let list", "let list: Pointer").replace("import { ", "import { buffer, nativeAllocator, type Pointer, ")}
// @ts-expect-error: an address made up by hand
free(4096);
new Blob([view(list, 4), buffer(list, 4)]);
write.pointer(list, nativeAllocator().malloc);
`,
  );
  for (const module of ["nodenext", "esnext"]) {
    const resolution = module === "nodenext" ? "nodenext" : "bundler";
    const options = ["--strict", "--target", "es2022", "--module", module, "--moduleResolution", resolution];
    run(process.execPath, [
      compiler,
      "--noEmit",
      "--lib",
      "es2022,dom,esnext.disposable",
      ...options,
      "typed.ts",
    ]);
  }
});

test("bundled as CommonJS, with koffi as external", () => {
  writeFileSync(join(project, "bundled.mjs"), example);
  const options = [
    "--bundle",
    "--platform=node",
    "--format=cjs",
    "--external:koffi",
    "--outfile=bundled.cjs",
  ];
  run(join(root, "node_modules/.bin/esbuild"), ["bundled.mjs", "--log-level=error", ...options]);
  assert.match(run(process.execPath, ["bundled.cjs"]), /^9\nUint8Array\(16\)[\s\S]*\n0\n$/);
});

test("the lint for packages finds nothing", () => {
  assert.match(run("npx", ["publint", "--strict"], root), /All good/);
  run("npx", ["attw", tarball, "--profile", "esm-only", "--quiet"], root);
});

test.run();
