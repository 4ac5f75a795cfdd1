/**
 * The package as people get it: packed, installed into an empty project elsewhere, and used from there.
 *
 * On the Node that runs the tests, and on the newest one where npm can fetch it.
 */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { COMMAND, derived, ENTRIES, MAIN } from "../scripts/entries.js";
import { makeProject, root, runIn } from "./support/project.js";

const NEWER = "24";

const project = makeProject("module");
const compiler = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");
const example = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(root, "README.md"), "utf8"))![1]!;

/** The newer Node's executable, or null with a line that says why there is none. */
function newerNode(): string | null {
  if (Number(process.versions.node.split(".")[0]) >= Number(NEWER)) return process.execPath;
  const folder = project.fetch(`node@${NEWER}`);
  if (folder === null) return null;
  const found = join(folder, "node_modules/node/bin/node");
  assert.match(project.run(found, ["--version"]), new RegExp(`^v${NEWER}\\.`));
  return found;
}

test.after(() => project.remove());

test("what is in it", () => {
  assert.equal([...project.packed].sort(), [
    "LICENSE",
    "README.md",
    ...[
      ...ENTRIES.flatMap(({ file }) =>
        ["cjs", "cjs.map", "d.cts", "d.ts", "js", "js.map"].map((ending) => `dist/${file}.${ending}`),
      ),
      ...["js", "js.map"].map((ending) => `dist/${COMMAND.file}.${ending}`),
    ].sort(),
    "package.json",
  ]);
  assert.ok(existsSync(join(project.folder, "node_modules/heapwright/dist/index.js")));
});

test("package.json says what the table of entries says", () => {
  const { bin, exports, typesVersions } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  assert.equal({ bin, exports, typesVersions }, derived());
});

/** In one format, the library and all its subpaths: they throw the library's errors, and have its heap. */
const SUBPATHS = `
import { createRequire } from "node:module";
const required = createRequire(import.meta.url);
const found = [];
for (const load of [(name) => import(name), required]) {
  const { HeapError, stats } = await load("heapwright");
  const before = stats().blocks;
  const { Vector } = await load("heapwright/containers");
  const vector = new Vector("f64");
  vector.push(1.5);
  let error;
  try { vector.get(1); } catch (thrown) { error = thrown; }
  found.push([stats().blocks - before, vector.get(0), error instanceof HeapError, error.code]);
  vector.free();
}
console.log(JSON.stringify(found));
`;

function usesIt(node: string): void {
  project.write("example.mjs", example);
  assert.match(project.run(node, ["example.mjs"]), /^9\nUint8Array\(16\)[\s\S]*\n0\n$/);
  const program =
    'const { malloc, usableSize } = require("heapwright"); console.log(usableSize(malloc(100)));';
  project.write("required.cjs", program);
  assert.is(project.run(node, ["required.cjs"]), "104\n");
  project.write("both.mjs", BOTH);
  assert.equal(JSON.parse(project.run(node, ["both.mjs"])), {
    copies: 2,
    codes: ["ERR_DOUBLE_FREE", "ERR_DOUBLE_FREE", "ERR_DISPOSED"],
    worker: 42,
    agree: true,
    blocks: 0,
  });
  project.write("subpaths.mjs", SUBPATHS);
  const alike = [2, 1.5, true, "ERR_INVALID_ARG"];
  assert.equal(JSON.parse(project.run(node, ["subpaths.mjs"])), [alike, alike]);
}

test("no subpath is loaded, or copied, with the library", () => {
  for (const { file } of ENTRIES.filter((entry) => entry !== MAIN)) {
    for (const ending of ["js", "cjs"]) {
      const text = readFileSync(join(root, `dist/${file}.${ending}`), "utf8");
      assert.match(text, `'./${MAIN.file}.${ending}'`);
      assert.not.match(text, "koffi");
      const main = readFileSync(join(root, `dist/${MAIN.file}.${ending}`), "utf8");
      const imported = new RegExp(`(from|require\\()\\s*['"]\\./${file}\\.${ending}`);
      assert.not.match(main, imported); // load("./debug.cjs") is for when the environment asks
    }
  }
});

test("a stack leads to the sources, whose text the maps have", () => {
  for (const file of ["index.js", "index.cjs"]) {
    const map = JSON.parse(
      readFileSync(join(project.folder, "node_modules/heapwright/dist", `${file}.map`), "utf8"),
    );
    assert.is(map.sources.length, map.sourcesContent.length);
    assert.ok(map.sources.includes("../src/api/malloc.ts"), map.sources.join(" "));
    for (const [index, source] of map.sources.entries()) {
      const text = readFileSync(join(root, "dist", source), "utf8");
      assert.is(map.sourcesContent[index], text, source);
    }
  }
  project.write(
    "thrown.mjs",
    'import { free } from "heapwright";\ntry { free(16); } catch (error) { console.log(error.stack); }',
  );
  assert.match(
    project.run(process.execPath, ["--enable-source-maps", "thrown.mjs"]),
    /src\/api\/malloc\.ts:\d+/,
  );
});

/** A program that imports it, while something that it uses requires it, in a worker too. */
const BOTH = `
import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import * as imported from "heapwright";
const required = createRequire(import.meta.url)("heapwright");

const code = (work) => {
  try { work(); } catch (error) { return error.code; }
};
const [a, b, c] = [imported.malloc(100), required.malloc(5000), required.malloc(4)];
required.free(a);
imported.free(b);
const codes = [code(() => imported.free(a)), code(() => required.free(b))];
required.write.i32(c, 42);
const made = new required.Heap();
imported.nativeAllocator({ heap: made }).dispose();
made.destroy();
codes.push(code(() => imported.nativeAllocator({ heap: made })));
const inWorker = \`const { parentPort, workerData: c } = require("node:worker_threads");
const { free, read } = require("heapwright");
parentPort.postMessage(read.i32(c));
free(c);\`;
const worker = new Worker(inWorker, { eval: true, workerData: c });
let read = 0;
worker.on("message", (message) => (read = message));
worker.on("exit", () => {
  imported.check();
  required.check();
  imported.trim();
  const figures = (copy) => JSON.stringify({ ...copy.stats(), external: 0 }); // that is V8's, and moves
  const agree = figures(imported) === figures(required);
  const copies = new Set([imported.malloc, required.malloc]).size;
  console.log(JSON.stringify({ copies, codes, worker: read, agree, blocks: imported.stats().blocks }));
});
`;

test("import and require, on this Node", () => usesIt(process.execPath));

/** What a profile is for pprof, without the package that writes it. */
const WITHOUT_PEER = `
import { writeProfile } from "heapwright/debug";
try { writeProfile({ every: 1, startTime: 0, durationMs: 0, samples: [] }, "profile.pb.gz"); }
catch (error) { console.log(error.code, error.message); }
`;

test("its command, and what an optional peer is needed for", () => {
  project.write("example.mjs", example);
  const command = join(project.folder, "node_modules/.bin/heapwright");
  assert.match(project.run(command, ["--help"]), /npx heapwright run/);
  project.run(command, ["run", "--map", "heap.html", "example.mjs"]);
  assert.match(readFileSync(join(project.folder, "heap.html"), "utf8"), /^<!doctype html>/);
  project.write("peer.mjs", WITHOUT_PEER);
  assert.match(project.run(process.execPath, ["peer.mjs"]), /^ERR_INVALID_STATE .*npm install pprof-format/);
  project.write("never.mjs", 'import { writeFileSync } from "node:fs"; writeFileSync("has-run", "");');
  assert.throws(
    () => project.run(command, ["run", "--profile", "p.pb.gz", "never.mjs"]),
    /--profile: .*npm install pprof-format/,
  );
  assert.not(existsSync(join(project.folder, "has-run")));
});

test("and on a newer one", () => {
  const node = newerNode();
  if (node !== null) usesIt(node);
});

test("from TypeScript: types are found, and hold", () => {
  project.write(
    "typed.ts",
    `${example.replace("let list", "let list: Pointer").replace("import { ", "import { buffer, nativeAllocator, type Pointer, ")}
// @ts-expect-error: an address made up by hand
free(4096);
new Blob([view(list, 4), buffer(list, 4)]);
write.pointer(list, nativeAllocator().malloc);
import { Vector } from "heapwright/containers";
const numbers = new Vector("f64");
const same: Pointer = numbers.pointer;
numbers.push(1.5);
// @ts-expect-error: a text among numbers
numbers.push("1.5");
`,
  );
  for (const module of ["nodenext", "esnext"]) {
    const resolution = module === "nodenext" ? "nodenext" : "bundler";
    const options = ["--strict", "--target", "es2022", "--module", module, "--moduleResolution", resolution];
    project.run(process.execPath, [
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
  project.write("bundled.mjs", example);
  const options = [
    "--bundle",
    "--platform=node",
    "--format=cjs",
    "--external:koffi",
    "--outfile=bundled.cjs",
  ];
  project.run(join(root, "node_modules/.bin/esbuild"), ["bundled.mjs", "--log-level=error", ...options]);
  assert.match(project.run(process.execPath, ["bundled.cjs"]), /^9\nUint8Array\(16\)[\s\S]*\n0\n$/);
});

test("the lint for packages finds nothing", () => {
  assert.match(runIn(root, "npx", ["publint", "--strict"]), /All good/);
  runIn(root, "npx", ["attw", project.tarball, "--quiet"]);
});

test.run();
