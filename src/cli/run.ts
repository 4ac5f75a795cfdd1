/**
 * `heapwright run`: starts a program with the environment that has the tools begin.
 *
 * The library reads it in every process and thread that loads it, so nothing is put into Node's own options, and a program that
 * tsx or another tool starts has the same.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync } from "node:fs";
import { createRequire } from "node:module";
import { constants, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { encoderFor } from "../debug/formats/write.js";
import { rendererFor } from "../debug/map/renderers.js";
import { tellNotes } from "./explain.js";
import { type Options, parsed, positive, UsageError, usage } from "./usage.js";

const OPTIONS: Options = {
  leaks: { type: "string" },
  profile: { type: "string" },
  map: { type: "string" },
  trace: { type: "boolean" },
  debug: { type: "boolean" },
  guard: { type: "string" },
};
/** Options that may have a value, by `=`; and what stands for none. */
const MAY_HAVE_VALUE = ["--leaks", "--guard"];
/** A terminal sends these to the program as well. */
const FROM_TERMINAL: readonly NodeJS.Signals[] = ["SIGINT", "SIGQUIT"];
const PASSED_ON: readonly NodeJS.Signals[] = [...FROM_TERMINAL, "SIGTERM", "SIGHUP", "SIGUSR2"];

/** Returns the program's exit code; ends by the signal that the program ended by. */
export async function run(args: readonly string[]): Promise<number> {
  const own = args.slice(0, programAt(args)).map((arg) => (MAY_HAVE_VALUE.includes(arg) ? `${arg}=` : arg));
  const { values } = parsed(own, OPTIONS);
  const environment = environmentOf(values);
  const [program, ...rest] = args.slice(own.length);
  if (program === undefined) throw new UsageError("run: no program to run");
  if (own.at(-1) === "--leaks=" && /\.json$/i.test(program))
    throw new UsageError(`run: ${program} is no program; for a report as data write --leaks=${program}`);
  const file = fileOf(program);
  const notes = values.guard === undefined ? null : mkdtempSync(join(tmpdir(), "heapwright-"));
  if (notes !== null) environment.HEAPWRIGHT_GUARD_NOTES = notes;
  const child = spawn(process.execPath, [...process.execArgv, file, ...rest], {
    stdio: "inherit",
    env: { ...process.env, ...environment },
  });
  const [code, signal] = await ending(child);
  if (notes !== null) tellNotes(notes, child.pid!, signal);
  if (signal !== null) process.kill(process.pid, signal);
  return code ?? 128 + constants.signals[signal!];
}

/** Where the first word stands that is no option, and no value of one. */
function programAt(args: readonly string[]): number {
  for (let at = 0; at < args.length; at++) {
    const name = args[at]!;
    if (!name.startsWith("-")) return at;
    const takesNext = OPTIONS[name.slice(2)]?.type === "string" && !MAY_HAVE_VALUE.includes(name);
    if (takesNext) at++;
  }
  return args.length;
}

function environmentOf({ leaks, profile, map, trace, debug, guard }: Readonly<Record<string, unknown>>) {
  const environment: Record<string, string> = {};
  if (leaks !== undefined) environment.HEAPWRIGHT_LEAKS = leaks === "" ? "1" : writable("--leaks", leaks);
  if (profile !== undefined) {
    usage(() => encoderFor("--profile", profile));
    environment.HEAPWRIGHT_PROFILE = writable("--profile", profile);
  }
  if (map !== undefined) {
    usage(() => rendererFor("--map", map));
    environment.HEAPWRIGHT_MAP = writable("--map", map);
  }
  if (trace === true) environment.HEAPWRIGHT_TRACE = "1";
  if (debug === true) environment.HEAPWRIGHT_DEBUG = "1";
  if (guard !== undefined) environment.HEAPWRIGHT_GUARD = guard === "" ? "on" : positive("--guard", guard);
  return environment;
}

/** The path of a file that is to be written, which holds wherever the program goes. */
function writable(option: string, file: unknown): string {
  const path = resolve(String(file));
  if (!existsSync(dirname(path))) throw new UsageError(`${option}: there is no folder ${dirname(path)}`);
  return path;
}

/** As Node finds it: the ending may be left out. */
function fileOf(program: string): string {
  const path = resolve(program);
  try {
    return createRequire(path).resolve(path);
  } catch {
    throw new UsageError(`run: there is no program ${path}`);
  }
}

/** The exit code, or the signal. */
function ending(child: ChildProcess): Promise<[number | null, NodeJS.Signals | null]> {
  const isTerminal = [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY);
  const pass = (signal: NodeJS.Signals) => {
    if (!isTerminal || !FROM_TERMINAL.includes(signal)) child.kill(signal);
  };
  for (const signal of PASSED_ON) process.on(signal, pass);
  return new Promise((settle, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      for (const each of PASSED_ON) process.off(each, pass);
      settle([code, signal]);
    });
  });
}
