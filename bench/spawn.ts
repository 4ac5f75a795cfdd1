/**
 * Runs one task of child.ts in a fresh process and waits for its answer. A child that takes too long is
 * killed by its own id, and that is a failure, never a missing figure.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Tasks } from "./child.js";

const CHILD = fileURLToPath(new URL("./child.ts", import.meta.url));
const LIMIT_MS = 120_000;

export function runChild<K extends keyof Tasks>(task: K, ask: Tasks[K]["ask"]): Tasks[K]["answer"] {
  const args = ["--import", "tsx", CHILD, JSON.stringify({ task, ask })];
  const child = spawnSync(process.execPath, args, {
    encoding: "utf8",
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
  });
  if (child.status !== 0) {
    const why = child.error?.message ?? (child.stderr.trim() || `signal ${child.signal}`);
    throw new Error(`the task ${task} ${JSON.stringify(ask)} failed: ${why}`);
  }
  return JSON.parse(child.stdout) as Tasks[K]["answer"];
}

/**
 * One sample per name and round. Rounds are interleaved, and every other one runs backwards: a machine that
 * grows slower while we measure does not favour whoever goes first.
 */
export function interleave<T>(names: readonly string[], rounds: number, sample: (name: string) => T): T[][] {
  const columns: T[][] = names.map(() => []);
  for (let round = 0; round < rounds; round++) {
    const order = names.map((_, index) => (round % 2 === 0 ? index : names.length - 1 - index));
    for (const index of order) columns[index]!.push(sample(names[index]!));
  }
  return columns;
}
