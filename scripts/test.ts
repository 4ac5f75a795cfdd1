/**
 * Runs the tests: every test/**\/*.test.ts in a process of its own, as many at a time as there are processors, each bounded
 * in time.
 *
 *   npm test                    the first tier: all but those of scripts/slow-tests.ts
 *   npm run test:slow           the second tier: those
 *   npm run test:all            both
 *   npm test -- walk peers      those of both whose path contains one of the words
 *
 * All TypeScript is made JavaScript first, once (scripts/transpile.ts): by itself, `npx tsx test/walk.test.ts`, a file and each
 * process that it starts do that again. What a file prints comes out when it has ended, in the order of the files. Ends with a line `N passed, N failed`. A file that
 * crashes, hangs or runs no test counts as one failure at least.
 */
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isFresh, typeScriptIn } from "../bench/fresh.js";
import { patience } from "../test/support/surroundings.js";
import { build } from "./build.js";
import { nodeArguments, TRANSPILED_VARIABLE } from "./runnable.js";
import { SLOW_TESTS } from "./slow-tests.js";
import { transpile } from "./transpile.js";

/** Far above what any file takes, also with as many threads as were asked for; a hang is a failure and not a stuck run. */
const FILE_LIMIT_MS = patience(300_000 + Number(process.env.HEAPWRIGHT_TEST_THREADS ?? 0) * 200);

/** What a build is made by and is not in src/. */
const BUILT_WITH = [
  "tsconfig.json",
  ...["build", "bundle", "constants", "entries", "extractor"].map((script) => `scripts/${script}.ts`),
];

interface Outcome {
  readonly text: string;
  readonly passed: number;
  readonly failed: number;
}

const root = fileURLToPath(new URL("..", import.meta.url));
const options = process.argv.slice(2).filter((word) => word.startsWith("--"));
const words = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const files = selected();

// Some tests use what is published: it must be made of what is there now.
const sources = [...typeScriptIn(join(root, "src")), ...BUILT_WITH.map((file) => join(root, file))];
if (!isFresh(join(root, "dist/index.js"), sources)) await build();

if (process.env.NODE_V8_COVERAGE === undefined) process.env[TRANSPILED_VARIABLE] = await transpile(); // c8 wants the sources

let idle = availableParallelism();
const waiting: (() => void)[] = [];

let passed = 0;
let failed = files.length === 0 ? 1 : 0;
if (files.length === 0) console.error(`no test file matches ${words.join(" ")}`);
for (const run of files.map(runInTurn)) {
  const outcome = await run;
  console.log(outcome.text);
  passed += outcome.passed;
  failed += outcome.failed;
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

/** The files that the command line asks for, in order. */
function selected(): string[] {
  const all = readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.ts"))
    .sort();
  const slow = Object.values(SLOW_TESTS).flat();
  const gone = slow.filter((file) => !all.includes(file));
  if (gone.length > 0)
    throw new Error(`scripts/slow-tests.ts names ${gone.join(", ")}, which is not in test/`);
  if (words.length > 0) return all.filter((file) => words.some((word) => file.includes(word)));
  switch (options[0]) {
    case undefined:
      return all.filter((file) => !slow.includes(file));
    case "--slow":
      return slow;
    case "--all":
      return all;
    default:
      throw new Error(`unknown option ${options[0]}: --slow, --all or words that paths contain`);
  }
}

/** Runs a file as soon as a processor is idle. */
async function runInTurn(file: string): Promise<Outcome> {
  if (idle > 0) idle--;
  else await new Promise<void>((resolve) => waiting.push(resolve));
  const outcome = await runFile(file);
  const next = waiting.shift();
  if (next === undefined) idle++;
  else next();
  return outcome;
}

async function runFile(file: string): Promise<Outcome> {
  const start = Date.now();
  const program = pathToFileURL(join(root, "test", file));
  const child = spawn(process.execPath, ["--enable-source-maps", ...nodeArguments(program)], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, FORCE_COLOR: "0" },
  });
  let printed = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => (printed += part));
  child.stderr.setEncoding("utf8").on("data", (part: string) => (printed += part));
  const timer = setTimeout(() => {
    child.kill("SIGKILL");
    child.stdout.destroy(); // programs that it started may still have the other ends
    child.stderr.destroy();
  }, FILE_LIMIT_MS);
  const ending = await new Promise<string>((resolve) => {
    child.on("close", (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  clearTimeout(timer);
  return judge(file, printed, ending, (Date.now() - start) / 1000);
}

/** From the two lines that uvu closes with; a file that did not get there failed. */
function judge(file: string, printed: string, ending: string, seconds: number): Outcome {
  const all = Number(/Total:\s+(\d+)/.exec(printed)?.[1] ?? 0);
  const good = Number(/Passed:\s+(\d+)/.exec(printed)?.[1] ?? 0);
  const bad = all - good; // those that were skipped are not in either
  const text = `--- ${file}\n${printed.trimEnd()}\n    ${seconds.toFixed(1)} s\n`;
  if (bad > 0 || (ending === "exit code 0" && good > 0)) return { text, passed: good, failed: bad };
  const why = `${file}: ended with ${ending} after ${good} passed tests\n`;
  return { text: text + why, passed: good, failed: 1 };
}
