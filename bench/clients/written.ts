/**
 * The programs of programs.mjs and more-programs.mjs, which stay as they were written: on heapwright, beside the same on
 * JavaScript objects, and those of the first by hand on one DataView.
 */
import { build } from "../../scripts/build.js";
import { answerOf } from "../answer.js";
import { type Comparison, compare, geometricMeans } from "../compare.js";
import type { Effort } from "../effort.js";
import { isFresh, typeScriptIn } from "../fresh.js";
import type { Node } from "../options.js";
import { ROOT } from "../root.js";
import { interleave } from "../spawn.js";

/** A file of programs: which it has, and what it calls the ways to run one, heapwright's first. */
interface Programs {
  readonly file: string;
  readonly title: string;
  readonly names: readonly string[];
  readonly sides: readonly string[];
}

export const programFiles: readonly Programs[] = [
  {
    file: "programs.mjs",
    title: "all written",
    names: ["list", "vector", "tree", "records"],
    sides: ["heap", "objects", "bytes"],
  },
  {
    file: "more-programs.mjs",
    title: "more written",
    names: ["lru", "queue", "graph", "strings"],
    sides: ["heap", "objects"],
  },
];
export const programNames: readonly string[] = programFiles.flatMap(({ names }) => names);

/** What it prints of one side: milliseconds, and what the program computed. */
export interface ProgramResult {
  readonly first: number;
  readonly best: number;
  readonly result: number;
}

/** By side and round. */
type Runs = readonly (readonly ProgramResult[])[];

export async function writtenRows(
  chosen: readonly string[],
  effort: Effort,
  node: Node,
): Promise<Comparison[]> {
  if (chosen.length > 0) await buildPackage();
  return programFiles.flatMap((programs) => {
    const names = programs.names.filter((name) => chosen.includes(name));
    return rowsOf({ ...programs, names }, effort, node);
  });
}

function rowsOf({ title, names, sides }: Programs, { rounds }: Effort, node: Node): Comparison[] {
  const runs = names.map((name) => interleave(sides, rounds, (side) => runProgram(name, side, node)));
  for (const [index, name] of names.entries()) assertSame(name, runs[index]!.flat());
  const each = names.flatMap((name, index) => programRows(name, [runs[index]!]));
  return names.length > 1 ? [...programRows(title, runs), ...each] : each;
}

/** The program says where the library is taken from by PROJECT, and what to run by its arguments. */
export function runProgram(name: string, side: string, { path = process.execPath }: Node): ProgramResult {
  const env = { ...process.env, PROJECT: ROOT };
  const { file } = programFiles.find(({ names }) => names.includes(name))!;
  const program = `${ROOT}/bench/clients/${file}`;
  return answerOf(`${program} ${name} ${side}`, path, [program, name, side], { env }) as ProgramResult;
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
    ...(runs[0]!.length > 2
      ? [compare({ ...byHand, measure: "best of 11" }, times(0, "best"), times(2, "best"))]
      : []),
  ];
}

/** The programs import what is published. */
async function buildPackage(): Promise<void> {
  const sources = ["src", "scripts"].flatMap((folder) => typeScriptIn(`${ROOT}/${folder}`));
  if (!isFresh(`${ROOT}/dist/index.js`, sources)) await build();
}
