/**
 * The library on arm64, under qemu-user: the import, the README's examples, threads that come and go, and the unit tests of
 * the rooms below the API.
 *
 *   npm run test:arm64               all of it, in six minutes and more
 *   npm run test:arm64 -- --smoke    what there is time for in two minutes, downloads included
 *
 * The emulator and arm64's libc come from Debian, Node and koffi from npm, once, into node_modules/.cache. Where they cannot
 * be had a line says so, and nothing is tested. Everything is compiled here, and only run there.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import { EMULATOR_VARIABLE, SLOWNESS_VARIABLE } from "../test/support/surroundings.js";
import { type Emulator, emulator } from "./arm64/emulator.js";
import { buildOnce } from "./build.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const smoke = process.argv.includes("--smoke");
const deadline = Date.now() + (smoke ? 105_000 : 40 * 60_000);
/** Emulated code is about ten times slower, and the machine may be busy. */
const SLOWNESS = "20";
/** The rooms below the API, whose unit tests run, below test/. */
const ROOMS = ["platform", "memory", "block", "shared", "space", "large", "heap", "process"];
/** These start programs of their own in TypeScript. */
const UNFIT = ["heap/use-after-free.test.ts"];
/** What differs between processors comes first: there may be no time for all. */
const FIRST = ["os", "liveness", "rendezvous", "memory", "lock", "heaps", "freed-by-two", "cut-off-sending"];

let passed = 0;
let failed = 0;

/** Runs a program there; its output, or null when time was up and nothing can be said. */
function runThere(
  there: Emulator,
  args: readonly string[],
  more: Readonly<Record<string, string>> = {},
): { ok: boolean; text: string } | null {
  const left = deadline - Date.now();
  if (left < 1000) return null;
  const [program, ...before] = there.command;
  const { status, stdout, stderr, error } = spawnSync(program!, [...before, ...args], {
    cwd: there.folder,
    encoding: "utf8",
    timeout: left,
    killSignal: "SIGKILL",
    env: {
      ...process.env,
      [SLOWNESS_VARIABLE]: SLOWNESS,
      [EMULATOR_VARIABLE]: "qemu",
      FORCE_COLOR: "0",
      ...more,
    },
  });
  if (error !== undefined && (error as NodeJS.ErrnoException).code === "ETIMEDOUT") return null;
  return { ok: status === 0, text: stdout + stderr };
}

/** One that must end well and say what `judge` wants. Whether there was time for it. */
function check(
  there: Emulator,
  name: string,
  args: readonly string[],
  judge: (text: string) => boolean,
): boolean {
  const start = Date.now();
  const outcome = runThere(there, args);
  if (outcome === null) return false;
  report(name, start, outcome.ok && judge(outcome.text), outcome.text);
  return true;
}

function report(name: string, start: number, good: boolean, text: string): void {
  if (good) passed++;
  else failed++;
  console.log(`${good ? "passed" : "FAILED"}  ${name}  ${((Date.now() - start) / 1000).toFixed(1)} s`);
  if (!good) console.log(text.split("\n").slice(-40).join("\n"));
}

/** Whether the instructions that run at a wrong access of C's note its address. Explained here, where the note is. */
function checkCrash(there: Emulator): boolean {
  const start = Date.now();
  const notes = join(there.folder, "notes");
  mkdirSync(notes);
  const guard = { HEAPWRIGHT_GUARD: "1", HEAPWRIGHT_GUARD_NOTES: notes };
  const outcome = runThere(there, ["crashes.mjs", "written behind"], guard);
  if (outcome === null) return false;
  const explain = [
    join(root, "dist/cli.js"),
    "explain",
    ...readdirSync(notes).map((file) => join(notes, file)),
  ];
  const { stdout, stderr } = spawnSync(process.execPath, explain, { encoding: "utf8" });
  const good = !outcome.ok && / is 0 bytes past the end of the block of 64 bytes at /.test(stdout);
  report("a wrong access of C's", start, good, outcome.text + stdout + stderr);
  return true;
}

/** The code of the README's examples, each with the lines that it says it prints. */
function examples(): { code: string; promised: string[] }[] {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  return [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => ({
    code: code!,
    promised: [...code!.matchAll(/console\.log\(.*\); \/\/ (\S.*)$/gm)].map(([, text]) => text!),
  }));
}

/** The first example explains one of its lines, where the others quote them. */
function keepsPromise(text: string, promised: readonly string[]): boolean {
  const lines = text.split("\n").filter(Boolean);
  return lines.at(0) === promised.at(0) && lines.at(-1) === promised.at(-1);
}

function isFine(text: string): boolean {
  const [total, good] = ["Total", "Passed"].map((word) => new RegExp(`${word}:\\s+(\\d+)`).exec(text)?.[1]);
  return total !== undefined && total !== "0" && total === good;
}

function coreTests(): string[] {
  const rank = (file: string) => (FIRST.indexOf(basename(file, ".test.ts")) + 1 || FIRST.length + 1) - 1;
  const filesIn = (room: string) => readdirSync(join(root, "test", room)).map((file) => `${room}/${file}`);
  return ROOMS.flatMap(filesIn)
    .filter((file) => file.endsWith(".test.ts") && !UNFIT.includes(file))
    .sort((one, other) => rank(one) - rank(other));
}

/** Compiles programs of the project into the emulator's folder, at the same paths. */
function compileInto(folder: string, files: readonly string[]): void {
  buildSync({
    entryPoints: files.map((file) => join(root, file)),
    outdir: folder,
    outbase: root,
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node20",
    tsconfig: join(root, "tsconfig.json"),
    logLevel: "warning",
  });
}

/** All that there is to do, in order; each says whether there was time for it. */
function* work(there: Emulator): Generator<boolean> {
  const imports = `import("heapwright").then((h) => { h.free(h.malloc(100)); h.check(); console.log(process.arch) })`;
  yield check(there, "import", ["-e", imports], (text) => text === "arm64\n");
  yield check(there, "require", ["-p", `require("heapwright").stats().blocks`], (text) => text === "0\n");
  for (const [index, { code, promised }] of examples().entries()) {
    const file = join(there.folder, `example-${index}.mjs`);
    writeFileSync(file, code);
    yield check(there, `example ${index + 1} of the README`, [file], (text) => keepsPromise(text, promised));
  }
  const generations = "test/threads/programs/generations.js";
  yield check(there, "threads that come and go", [generations, "leak", "6"], (text) =>
    text.trimEnd().split("\n").at(-1)!.includes('"threads":1,'),
  );
  yield checkCrash(there);
  for (const file of coreTests()) {
    yield check(there, file, [`test/${file.replace(/\.ts$/, ".js")}`], isFine);
  }
}

const there = emulator(join(root, "node_modules/.cache/heapwright-arm64"), deadline);
if (there === null) process.exit(0); // it has said why
await buildOnce();
there.install(root);
compileInto(there.folder, [
  "test/threads/programs/generations.ts",
  "test/platform/in-worker.ts",
  ...coreTests().map((file) => `test/${file}`),
]);
const boot = "test/hazards/programs/boot.mjs"; // of tests that start a worker
cpSync(join(root, boot), join(there.folder, boot));
cpSync(join(root, "test/cli/programs/crashes.mjs"), join(there.folder, "crashes.mjs"));
let leftOut = 0;
for (const hadTime of work(there)) if (!hadTime) leftOut++;
rmSync(there.folder, { recursive: true, force: true });
if (leftOut > 0) console.log(`${leftOut} left out: the time is over`);
console.log(`arm64: ${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && (smoke || leftOut === 0) ? 0 : 1;
