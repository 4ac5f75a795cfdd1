/**
 * The programs of programs.mjs, which stay as they were written: on heapwright, beside the same on JavaScript objects, and
 * by hand on one DataView.
 */
import { build } from "../../scripts/build.js";
import { answerOf } from "../answer.js";
import { type Comparison, compare, geometricMeans } from "../compare.js";
import type { Effort } from "../effort.js";
import { isFresh, typeScriptIn } from "../fresh.js";
import type { Node } from "../options.js";
import { ROOT } from "../root.js";
import { interleave } from "../spawn.js";

const FILE = `${ROOT}/bench/clients/programs.mjs`;
/** What programs.mjs has. */
export const programNames: readonly string[] = ["list", "vector", "tree", "records"];
/** How it calls the three ways. */
export const SIDES = ["heap", "objects", "bytes"] as const;

/** What it prints of one side: milliseconds, and what the program computed. */
export interface ProgramResult {
  readonly first: number;
  readonly best: number;
  readonly result: number;
}

/** By side and round. */
type Runs = readonly (readonly ProgramResult[])[];

export async function writtenRows(
  names: readonly string[],
  { rounds }: Effort,
  node: Node,
): Promise<Comparison[]> {
  if (names.length === 0) return [];
  await buildPackage();
  const runs = names.map((name) => interleave(SIDES, rounds, (side) => runProgram(name, side, node)));
  for (const [index, name] of names.entries()) assertSame(name, runs[index]!.flat());
  const each = names.flatMap((name, index) => programRows(name, [runs[index]!]));
  return names.length > 1 ? [...programRows("all written", runs), ...each] : each;
}

/** The program says where the library is taken from by PROJECT, and what to run by its arguments. */
export function runProgram(name: string, side: string, { path = process.execPath }: Node): ProgramResult {
  const env = { ...process.env, PROJECT: ROOT };
  return answerOf(`${FILE} ${name} ${side}`, path, [FILE, name, side], { env }) as ProgramResult;
}

export function assertSame(name: string, results: readonly ProgramResult[]): void {
  const different = results.find(({ result }) => result !== results[0]!.result);
  if (different === undefined) return;
  throw new Error(`${name}: one side computed ${results[0]!.result}, another ${different.result}`);
}

function programRows(workload: string, runs: readonly Runs[]): Comparison[] {
  const times = (side: number, measure: "first" | "best") =>
    geometricMeans(runs.map((sides) => sides[side]!.map((run) => run[measure])));
  const subject = { workload, unit: "ms" } as const;
  const objects = { ...subject, peerName: "JavaScript objects" };
  const byHand = { ...subject, peerName: "one DataView" };
  return [
    compare({ ...objects, measure: "first run" }, times(0, "first"), times(1, "first")),
    compare({ ...objects, measure: "best of 11" }, times(0, "best"), times(1, "best")),
    compare({ ...byHand, measure: "best of 11" }, times(0, "best"), times(2, "best")),
  ];
}

/** The programs import what is published. */
async function buildPackage(): Promise<void> {
  const sources = ["src", "scripts"].flatMap((folder) => typeScriptIn(`${ROOT}/${folder}`));
  if (!isFresh(`${ROOT}/dist/index.js`, sources)) await build();
}
