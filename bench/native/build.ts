/**
 * Builds the replayer in C, and runs it. Where there is no C compiler, says so in one line instead: figures
 * that need the native peer are then left out, not invented.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Trace } from "../trace.js";

export interface NativeResult {
  /** ns per operation, pass by pass. */
  readonly ns: number[];
  /** Resident bytes that the first pass added, at their peak. */
  readonly peakResidentGrowth: number;
  readonly peakLive: number;
  readonly ops: number;
}

export type Build = { readonly program: string } | { readonly program: null; readonly reason: string };

const SOURCE = fileURLToPath(new URL("./replay.c", import.meta.url));
const FOLDER = fileURLToPath(new URL("./build/", import.meta.url));
const LIMIT_MS = 120_000;

/** Compiles replay.c with `cc -O2` unless a build newer than the source is there. */
export function buildNative(): Build {
  const program = `${FOLDER}replay`;
  if (modified(program) > modified(SOURCE)) return { program };
  mkdirSync(FOLDER, { recursive: true });
  const cc = spawnSync("cc", ["-std=c11", "-O2", "-Wall", "-Wextra", "-o", program, SOURCE], {
    encoding: "utf8",
    timeout: LIMIT_MS,
  });
  if (cc.error) return { program: null, reason: `no native peer: cc cannot be run (${cc.error.message})` };
  if (cc.status !== 0) {
    const first =
      cc.stderr.split("\n").find((line) => line.includes("error")) ?? `cc ended with ${cc.status}`;
    return { program: null, reason: `no native peer: replay.c does not compile (${first})` };
  }
  return { program };
}

/** Replays `trace` in a fresh native process. `preload` puts another malloc before glibc's. */
export function runNative(program: string, trace: Trace, passes: number, preload?: string): NativeResult {
  const file = `${FOLDER}${trace.name}.hwt`;
  writeFileSync(file, trace.raw);
  const env = preload === undefined ? process.env : { ...process.env, LD_PRELOAD: preload };
  const run = spawnSync(program, [file, String(passes)], {
    encoding: "utf8",
    env,
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
  });
  if (run.status !== 0) {
    const why = run.error?.message ?? (run.stderr.trim() || `signal ${run.signal}`);
    throw new Error(`the native replay of ${trace.name} failed: ${why}`);
  }
  return JSON.parse(run.stdout) as NativeResult;
}

function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
