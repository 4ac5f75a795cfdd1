/**
 * Builds the programs in C, and runs them. Where there is no C compiler, says so in one line instead: figures
 * that need a native peer are then left out, not invented.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { answerOf } from "../answer.js";
import { isFresh } from "../fresh.js";
import type { WorkloadAsk, WorkloadResult } from "../measure.js";
import { ROOT } from "../root.js";
import { type Trace, unpack } from "../trace.js";

export interface NativeResult {
  /** ns per operation, pass by pass. */
  readonly ns: number[];
  /** Resident bytes that the first pass added, at their peak. */
  readonly peakResidentGrowth: number;
  readonly peakLive: number;
  readonly ops: number;
}

export type Build = { readonly program: string } | { readonly program: null; readonly reason: string };

const SOURCES = `${ROOT}/bench/native/`;
const FOLDER = `${SOURCES}build/`;
const COMPILE_LIMIT_MS = 120_000;
/** malloc and free are nothing that the compiler may know about. */
const FLAGS = ["-std=c11", "-O2", "-Wall", "-Wextra", "-pthread", "-fno-builtin-malloc", "-fno-builtin-free"];

const programs = {
  replay: () => ["replay.c", "support.c"],
  bench: () => ["bench.c", "support.c", ...inFolder("workloads/")],
};

/** The library that records a program's calls. */
export function buildRecorder(): Build {
  return build("record.so", [`${SOURCES}record.c`], ["-shared", "-fPIC"]);
}

/** Compiles a program with `cc -O2` unless a build newer than its sources is there. */
export function buildNative(name: keyof typeof programs = "replay"): Build {
  return build(
    name,
    programs[name]().map((file) => SOURCES + file),
    [],
  );
}

function build(name: string, sources: readonly string[], flags: readonly string[]): Build {
  const program = FOLDER + name;
  const headers = ["support.h", "bench.h"].map((file) => SOURCES + file);
  if (isFresh(program, [...sources, ...headers])) return { program };
  mkdirSync(FOLDER, { recursive: true });
  const args = [...FLAGS, ...flags, "-o", program, ...sources];
  const cc = spawnSync("cc", args, { encoding: "utf8", timeout: COMPILE_LIMIT_MS });
  if (cc.error) return { program: null, reason: `no native peer: cc cannot be run (${cc.error.message})` };
  if (cc.status !== 0) {
    const first =
      cc.stderr.split("\n").find((line) => line.includes("error")) ?? `cc ended with ${cc.status}`;
    return { program: null, reason: `no native peer: ${name} does not compile (${first})` };
  }
  return { program };
}

export interface NativeOptions {
  /** Another malloc before glibc's. */
  readonly preload?: string | undefined;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly limitMs?: number;
}

/** Replays `trace` in a fresh native process. */
export function runNative(
  program: string,
  trace: Trace,
  passes: number,
  { preload, env = {}, limitMs }: NativeOptions = {},
): NativeResult {
  const args = [unpack(trace), String(passes)];
  return run(program, args, { ...environment(preload), ...env }, limitMs) as NativeResult;
}

/** Runs one workload in a fresh native process. */
export function runNativeWorkload(
  program: string,
  { workload, scale, warmupMilliseconds, milliseconds }: Omit<WorkloadAsk, "allocator">,
  { preload, env = {}, limitMs }: NativeOptions = {},
): WorkloadResult {
  const args = [workload, String(scale), String(warmupMilliseconds), String(milliseconds)];
  const result = run(program, args, { ...environment(preload), ...env }, limitMs);
  return { ...(result as Omit<WorkloadResult, "footprint">), footprint: null };
}

function environment(preload: string | undefined): NodeJS.ProcessEnv {
  return preload === undefined ? process.env : { ...process.env, LD_PRELOAD: preload };
}

function run(program: string, args: string[], env: NodeJS.ProcessEnv, limitMs?: number): unknown {
  return answerOf(`${program} ${args.join(" ")}`, program, args, { env, limitMs });
}

function inFolder(folder: string): string[] {
  return readdirSync(SOURCES + folder)
    .filter((file) => file.endsWith(".c"))
    .map((file) => folder + file);
}
