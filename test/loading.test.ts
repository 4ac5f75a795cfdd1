/**
 * What a program pays for loading what is published: which modules of Node, how many long buffers, how much to read.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";

const dist = new URL("../dist/", import.meta.url);
const library = new URL("index.js", dist).href;
/** V8 hears of buffers up to this long, and collects nothing. */
const SHORT = 60 * 2 ** 20;
/** On Node 20 and 21 views are made over the heap's own buffer. */
const isNarrow = Number(process.versions.node.split(".")[0]) < 22;

/** What a module of this text prints as JSON. */
function found<T>(text: string): T {
  const args = ["--input-type=module", "--eval", text];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8", timeout: 60_000 })) as T;
}

/** Text that loads the library and has the lengths of the buffers that koffi made meanwhile in `long`. */
const counting = `
  import { createRequire } from "node:module";
  const koffi = createRequire(${JSON.stringify(library)})("koffi");
  const long = [];
  const { view } = koffi;
  koffi.view = (address, bytes) => {
    if (bytes > ${SHORT}) long.push(bytes);
    return view(address, bytes);
  };
  const lib = await import(${JSON.stringify(library)});
`;

test("no module of Node is loaded but those that koffi loads", () => {
  const loaded = (text: string) =>
    found<string[]>(`${text}; console.log(JSON.stringify(process.moduleLoadList))`);
  const folder = mkdtempSync(join(tmpdir(), "heapwright-loading-"));
  try {
    const other = join(folder, "empty.mjs"); // Node 20 needs some to load a module from a file
    writeFileSync(other, "");
    const koffi = `createRequire(${JSON.stringify(library)})("koffi")`;
    const known = new Set(
      loaded(`import ${JSON.stringify(other)}; import { createRequire } from "node:module"; ${koffi}`),
    );
    const more = loaded(`await import(${JSON.stringify(library)})`).filter((name) => !known.has(name));
    assert.equal(
      more.filter((name) => name.startsWith("NativeModule ") && !name.includes("/modules/")),
      [],
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the main thread makes one long buffer while it loads, and one more for its views where it must", () => {
  const text = `
    const loaded = long.length;
    const block = lib.malloc(100);
    for (let i = 0; i < 3; i++) lib.view(block);
    console.log(JSON.stringify([loaded, long.length]));`;
  assert.equal(found(counting + text), [1, isNarrow ? 1 : 2]);
});

test("a worker makes one long buffer, and while it loads that for its views where it must", () => {
  const worker = `${counting}
    import { parentPort } from "node:worker_threads";
    const loaded = long.length;
    lib.view(lib.malloc(100));
    parentPort.postMessage([loaded, long.length]);`;
  const text = `
    import { Worker } from "node:worker_threads";
    const url = new URL("data:text/javascript," + encodeURIComponent(${JSON.stringify(worker)}));
    new Worker(url).on("message", (counts) => console.log(JSON.stringify(counts)));`;
  const expected = isNarrow ? 1 : 2;
  assert.equal(found(text), [expected, expected]);
});

test("without process.getBuiltinModule, which Node 21 and 22.0 to 22.2 do not have", () => {
  const text = `
    delete process.getBuiltinModule;
    const lib = await import(${JSON.stringify(library)});
    const block = lib.malloc(100);
    lib.view(block).fill(7);
    const byte = lib.read.u8(block, 99);
    lib.free(block);
    lib.check();
    console.log(byte);`;
  assert.is(found(text), 7);
});

test("the code has no comments and is ASCII, and keeps its names and lines; the types keep their comments", () => {
  const code = readFileSync(fileURLToPath(new URL("index.js", dist)), "latin1");
  const lines = code.split("\n").filter((line) => !line.startsWith("//# sourceMappingURL="));
  assert.equal(
    lines.filter((line) => /^\s*(\/\/|\/\*|\* )/.test(line) || /[^\x20-\x7e]/.test(line)),
    [],
  );
  assert.match(code, /^function malloc\(size\) \{$/m);
  assert.ok(code.length / lines.length < 50, "a stack trace names a line");
  const types = readFileSync(fileURLToPath(new URL("index.d.ts", dist)), "utf8");
  assert.ok(types.split("/**").length > 150);
});

test.run();
