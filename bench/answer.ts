/**
 * Runs a program that prints one line of JSON, and waits for it. One that takes too long is killed by its own id, and
 * that is a failure, never a missing figure.
 */
import { spawnSync } from "node:child_process";

const LIMIT_MS = 120_000;

export interface RunOptions {
  /** The whole environment. */
  readonly env?: NodeJS.ProcessEnv;
  readonly limitMs?: number | undefined;
}

/** Thrown for a program that ran out of time. */
export class TooSlow extends Error {}

/** What a program printed. `name` is what messages call it. */
export function answerOf(
  name: string,
  program: string,
  args: readonly string[],
  { env = process.env, limitMs = LIMIT_MS }: RunOptions = {},
): unknown {
  const child = spawnSync(program, args, { encoding: "utf8", env, timeout: limitMs, killSignal: "SIGKILL" });
  if ((child.error as NodeJS.ErrnoException | undefined)?.code === "ETIMEDOUT") {
    throw new TooSlow(`${name} took more than ${limitMs / 1000} s`);
  }
  if (child.status !== 0) {
    const why = child.error?.message ?? (child.stderr.trim() || `signal ${child.signal}`);
    throw new Error(`${name} failed: ${why}`);
  }
  return JSON.parse(child.stdout);
}
