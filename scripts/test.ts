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
 * process that it starts do that again. The longest files begin first. What a file prints comes out when it has ended, in the
 * order of the paths; what failed comes once more at last, and then a line `N passed, N failed`. A file that crashes, hangs or
 * has no test counts as one failure at least.
 */
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { patience } from "../test/support/surroundings.js";
import { buildOnce } from "./build.js";
import { nodeArguments, TRANSPILED_VARIABLE } from "./runnable.js";
import { LONGEST, SLOW_TESTS } from "./slow-tests.js";
import { transpile } from "./transpile.js";

/** Far above what any file takes, also with as many threads as were asked for; a hang is a failure and not a stuck run. */
const FILE_LIMIT_MS = patience(600_000 + Number(process.env.HEAPWRIGHT_TEST_THREADS ?? 0) * 1000);

/** Before what failed; .ci/run looks for it. */
const FAILURES = "=== what failed ===";
/** So much of the end of a file's output is shown again where it names no test that failed. */
const LAST_LINES = 40;

interface Outcome {
  readonly text: string;
  readonly passed: number;
  readonly failed: number;
  /** What a reader wants to see of a failure; empty when there was none. */
  readonly failure: string;
}

const root = fileURLToPath(new URL("..", import.meta.url));
const options = process.argv.slice(2).filter((word) => word.startsWith("--"));
const words = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const files = selected();

await buildOnce(); // some tests use what is published
if (process.env.NODE_V8_COVERAGE === undefined) process.env[TRANSPILED_VARIABLE] = await transpile(); // c8 wants the sources

let idle = availableParallelism();
const waiting: (() => void)[] = [];
const runs = new Map(longestFirst(files).map((file) => [file, runInTurn(file)]));

let passed = 0;
let failed = files.length === 0 ? 1 : 0;
const failures = files.length === 0 ? [`no test file matches ${words.join(" ")}`] : [];
for (const file of files) {
  const outcome = await runs.get(file)!;
  console.log(outcome.text);
  passed += outcome.passed;
  failed += outcome.failed;
  if (outcome.failed > 0) failures.push(outcome.failure);
}
if (failures.length > 0) console.log(`${FAILURES}\n${failures.join("\n")}`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

/** The files that the command line asks for, in the order of their paths. */
function selected(): string[] {
  const all = readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.ts"))
    .sort();
  const slow = Object.values(SLOW_TESTS).flat();
  const gone = [...slow, ...LONGEST].filter((file) => !all.includes(file));
  if (gone.length > 0)
    throw new Error(`scripts/slow-tests.ts names ${gone.join(", ")}, which is not in test/`);
  if (words.length > 0) return all.filter((file) => words.some((word) => file.includes(word)));
  switch (options[0]) {
    case undefined:
      return all.filter((file) => !slow.includes(file));
    case "--slow":
      return all.filter((file) => slow.includes(file));
    case "--all":
      return all;
    default:
      throw new Error(`unknown option ${options[0]}: --slow, --all or words that paths contain`);
  }
}

function longestFirst(of: readonly string[]): string[] {
  const [longest, others] = [
    LONGEST.filter((file) => of.includes(file)),
    of.filter((file) => !LONGEST.includes(file)),
  ];
  return [...longest, ...others];
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
  const skipped = Number(/Skipped:\s+(\d+)/.exec(printed)?.[1] ?? 0);
  const bad = all - good; // those that were skipped are not in either
  const text = `--- ${file}\n${printed.trimEnd()}\n    ${seconds.toFixed(1)} s\n`;
  if (bad === 0 && ending === "exit code 0" && good + skipped > 0)
    return { text, passed: good, failed: 0, failure: "" };
  const failure = `--- ${file}\n${failureIn(printed)}\n`;
  if (bad > 0) return { text, passed: good, failed: bad, failure };
  const why = `${file}: ended with ${ending} after ${good} passed tests\n`;
  return { text: text + why, passed: good, failed: 1, failure: failure + why };
}

/** What uvu says of tests that failed, and the seeds; the last lines where it did not get so far. */
function failureIn(printed: string): string {
  const at = printed.search(/^ +FAIL {2}"/m);
  if (at < 0) return printed.trimEnd().split("\n").slice(-LAST_LINES).join("\n");
  const [told] = printed.slice(at).split(/^ {2}Total:/m);
  const seeds = printed.match(/^seed .*$/gm) ?? [];
  return [...seeds, told!.trimEnd()].join("\n");
}
