/**
 * Programs run in a process of their own: for what may crash, needs an environment, or must come before the library
 * is loaded.
 *
 * Owns starting a .ts or .js program under this very Node, its time limit, and reading what it says. Kills nothing but its
 * own child. A program tells its findings as one line of JSON, the last one on its standard output.
 */
import { spawn } from "node:child_process";
import { nodeArguments, TRANSPILED_VARIABLE } from "../../scripts/runnable.js";
import { patience, SLOWNESS_VARIABLE } from "./surroundings.js";

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Whether the child was killed because its time was up. */
  readonly timedOut: boolean;
}

export interface ChildOptions {
  readonly args?: readonly string[];
  /** Added to the environment; HEAPWRIGHT_* settings of the parent are not passed on. */
  readonly env?: Readonly<Record<string, string>>;
  /** Arguments of node itself. */
  readonly nodeArgs?: readonly string[];
  /** Shell commands that come first, in the process that then becomes the program: `ulimit -d 500000`. */
  readonly shell?: string;
  /** A program, with arguments, that runs what is appended to them. */
  readonly under?: readonly string[];
  readonly limitMs?: number;
}

/** Far above what a program takes on a busy machine: it bounds hangs. */
const LIMIT_MS = 180_000;
/** So many lines of each end of what a program printed that failed. */
const LINES = 12;
const KEPT_VARIABLES = ["HEAPWRIGHT_TEST_SEED", SLOWNESS_VARIABLE, TRANSPILED_VARIABLE];

/** Runs a program, given by its URL, to its end. */
export function runProgram(program: URL, options: ChildOptions = {}): Promise<Outcome> {
  const node = [
    ...(options.under ?? []),
    process.execPath,
    ...(options.nodeArgs ?? []),
    ...nodeArguments(program),
    ...(options.args ?? []),
  ];
  const command =
    options.shell === undefined ? node : ["sh", "-c", `${options.shell} && exec "$@"`, "sh", ...node];
  const child = spawn(command[0]!, command.slice(1), {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...inherited(), FORCE_COLOR: "0", ...options.env },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => (stdout += part));
  child.stderr.setEncoding("utf8").on("data", (part: string) => (stderr += part));
  let timedOut = false;
  const timer = setTimeout(
    () => {
      timedOut = true;
      child.kill("SIGKILL");
    },
    patience(options.limitMs ?? LIMIT_MS),
  );
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout, stderr, timedOut });
    });
  });
}

/** Runs a program that must end well, and returns what it found. */
export async function findings<T>(program: URL, options: ChildOptions = {}): Promise<T> {
  const outcome = await runProgram(program, options);
  return findingsOf<T>(outcome, `${program.pathname} ${(options.args ?? []).join(" ")}`);
}

/** What a program that ended well found: its last line. */
export function findingsOf<T>(outcome: Outcome, name: string): T {
  if (outcome.code !== 0) {
    const end = outcome.timedOut
      ? "ran out of time"
      : `ended with ${outcome.signal ?? `code ${outcome.code}`}`;
    throw new Error(`${name} ${end}\n${ends(outcome.stdout)}\n${ends(outcome.stderr)}`);
  }
  const seeds = outcome.stdout.split("\n").filter((line) => line.startsWith("seed "));
  if (seeds.length > 0) console.log(seeds.join("\n"));
  const last = outcome.stdout.trimEnd().split("\n").at(-1) ?? "";
  return JSON.parse(last) as T;
}

/** The first lines, for a fatal error begins with what it is, and the last ones. */
function ends(text: string): string {
  const lines = text.trimEnd().split("\n");
  if (lines.length <= 2 * LINES) return lines.join("\n");
  return [...lines.slice(0, LINES), "…", ...lines.slice(-LINES)].join("\n");
}

function inherited(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => KEPT_VARIABLES.includes(name) || !name.startsWith("HEAPWRIGHT_"),
  );
  return Object.fromEntries(kept);
}

/**
 * Runs a child again, a few times at most, while it does not show what this test is about. In about one process of a
 * hundred V8 has mapped something just above the break before the library is loaded; sbrk is then refused, which other
 * tests are about.
 */
export async function untilShown<T>(run: () => Promise<T>, shown: (found: T) => boolean): Promise<T> {
  let found = await run();
  for (let again = 0; again < 3 && !shown(found); again++) found = await run();
  return found;
}
