/**
 * Runs one task of child.ts in a fresh process and waits for its answer. A child that takes too long is
 * killed by its own id, and that is a failure, never a missing figure.
 */
import { spawnSync } from "node:child_process";
import type { Tasks } from "./child.js";
import { compiled } from "./compile.js";

const LIMIT_MS = 120_000;

export interface ChildOptions {
  /** Another node to run it with. */
  readonly node?: string;
  /** Arguments of node itself. */
  readonly nodeArgs?: readonly string[];
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly limitMs?: number;
}

/** Thrown for a child that ran out of time. */
export class TooSlow extends Error {}

export function runChild<K extends keyof Tasks>(
  task: K,
  ask: Tasks[K]["ask"],
  { node = process.execPath, nodeArgs = [], env = {}, limitMs = LIMIT_MS }: ChildOptions = {},
): Tasks[K]["answer"] {
  const args = [...nodeArgs, compiled("child"), JSON.stringify({ task, ask })];
  const child = spawnSync(node, args, {
    encoding: "utf8",
    env: { ...process.env, ...env },
    timeout: limitMs,
    killSignal: "SIGKILL",
  });
  const name = `the task ${task} ${JSON.stringify(ask)}`;
  if ((child.error as NodeJS.ErrnoException | undefined)?.code === "ETIMEDOUT") {
    throw new TooSlow(`${name} took more than ${limitMs / 1000} s`);
  }
  if (child.status !== 0) {
    const why = child.error?.message ?? (child.stderr.trim() || `signal ${child.signal}`);
    throw new Error(`${name} failed: ${why}`);
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
