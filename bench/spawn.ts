/** Runs one task of child.ts in a fresh process and waits for its answer. */
import { answerOf } from "./answer.js";
import type { Tasks } from "./child.js";
import { compiled } from "./compile.js";

export interface ChildOptions {
  /** Another node to run it with. */
  readonly node?: string | undefined;
  /** Arguments of node itself. */
  readonly nodeArgs?: readonly string[];
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly limitMs?: number;
}

export function runChild<K extends keyof Tasks>(
  task: K,
  ask: Tasks[K]["ask"],
  { node = process.execPath, nodeArgs = [], env = {}, limitMs }: ChildOptions = {},
): Tasks[K]["answer"] {
  const args = [...nodeArgs, compiled("child"), JSON.stringify({ task, ask })];
  const options = { env: { ...process.env, ...env }, limitMs };
  return answerOf(`the task ${task} ${JSON.stringify(ask)}`, node, args, options) as Tasks[K]["answer"];
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
