/**
 * Runs the tests: every test/**\/*.test.ts in a process of its own, one after the other, each bounded in time.
 *
 *   npm test                    all
 *   npm test -- walk peers      those whose path contains one of the words
 *
 * Ends with a line `N passed, N failed`. A file that crashes, hangs or runs no test counts as one failure at least.
 */
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isFresh, typeScriptIn } from "../bench/fresh.js";
import { build } from "./build.js";

/** Far above what any file takes, also with as many threads as were asked for; a hang is a failure and not a stuck run. */
const FILE_LIMIT_MS = 180_000 + Number(process.env.HEAPWRIGHT_TEST_THREADS ?? 0) * 200;

/** What a build is made by and is not in src/. */
const BUILT_WITH = [
  "tsconfig.json",
  ...["build", "bundle", "extractor"].map((script) => `scripts/${script}.ts`),
];

interface Outcome {
  passed: number;
  failed: number;
}

const root = fileURLToPath(new URL("..", import.meta.url));
const words = process.argv.slice(2);
const files = readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".test.ts"))
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .sort();

// Some tests use what is published: it must be made of what is there now.
const sources = [...typeScriptIn(join(root, "src")), ...BUILT_WITH.map((file) => join(root, file))];
if (!isFresh(join(root, "dist/index.js"), sources)) await build();

const total: Outcome = { passed: 0, failed: 0 };
for (const file of files) {
  const { passed, failed } = await runFile(file);
  total.passed += passed;
  total.failed += failed;
}
if (files.length === 0) {
  console.error(`no test file matches ${words.join(" ")}`);
  total.failed = 1;
}
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;

async function runFile(file: string): Promise<Outcome> {
  const start = Date.now();
  console.log(`\n--- ${file}`);
  const child = spawn(process.execPath, ["--import", "tsx", join("test", file)], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, FORCE_COLOR: "0" },
  });
  let text = "";
  child.stdout.on("data", (part: Buffer) => {
    text += part;
    process.stdout.write(part);
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), FILE_LIMIT_MS);
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.on("close", (exitCode, exitSignal) => resolve([exitCode, exitSignal]));
  });
  clearTimeout(timer);
  console.log(`    ${((Date.now() - start) / 1000).toFixed(1)} s`);
  return judge(file, text, code, signal);
}

/** From the two lines that uvu closes with; a file that did not get there failed. */
function judge(file: string, text: string, code: number | null, signal: string | null): Outcome {
  const all = Number(/Total:\s+(\d+)/.exec(text)?.[1] ?? 0);
  const passed = Number(/Passed:\s+(\d+)/.exec(text)?.[1] ?? 0);
  const failed = all - passed; // those that were skipped are not in either
  if (code === 0 && failed === 0 && passed > 0) return { passed, failed };
  if (failed > 0) return { passed, failed };
  console.error(`${file}: ended with ${signal ?? `exit code ${code}`} after ${passed} passed tests`);
  return { passed, failed: 1 };
}
