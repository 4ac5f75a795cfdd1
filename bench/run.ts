/**
 * The figures of the project, from one command:
 *
 *   tsx bench/run.ts [cold|clients|pair|access|arena|containers|trace-off|scaling|remote|workloads|records|crowded|all] [--quick]
 *                    [--only NAME]... [--node PATH]... [--json FILE] [--chart FILE.svg]
 *
 * Prints a table per figure as soon as it is there. --quick runs everything for a moment only, to see that it
 * still runs; --only limits the programs and the workloads; --node adds another version of Node, tables of the programs
 * and a column of the workloads; --json writes the numbers to FILE, and --chart draws the workloads. A missed target is
 * printed, and is no error; a child that fails ends the run with status 1.
 */
import { writeFileSync } from "node:fs";
import { clientsFigure } from "./clients/figure.js";
import { programNames } from "./clients/written.js";
import { coldFigure } from "./cold-figure.js";
import type { Comparison, Figure } from "./compare.js";
import { containersFigure } from "./container-figure.js";
import type { Contest } from "./contest.js";
import { formatContest } from "./contest-table.js";
import { CONTEST, type Effort, FULL, QUICK } from "./effort.js";
import { contestsOf } from "./events.js";
import { accessFigure, arenaFigure, pairFigure, traceOffFigure } from "./figures.js";
import { crowdedFigure, recordsFigure } from "./live-heap.js";
import { describeMachine, formatMachine, type Machine } from "./machine.js";
import { type Node, OPTIONS_USAGE, type Options, parseOptions } from "./options.js";
import { formatFigure } from "./table.js";
import { remoteFigure, scalingFigure } from "./thread-figures.js";
import { traceNames } from "./trace.js";
import { workloads } from "./workloads/index.js";

/** Programs as people write them. */
const programs: Record<
  string,
  (effort: Effort, node: Node, only: readonly string[]) => Figure | Promise<Figure>
> = {
  cold: coldFigure,
  clients: clientsFigure,
};
const loops: Record<string, (effort: Effort) => Figure> = {
  pair: pairFigure,
  access: accessFigure,
  arena: arenaFigure,
  containers: containersFigure,
  "trace-off": traceOffFigure,
  scaling: scalingFigure,
  remote: remoteFigure,
  records: recordsFigure,
  crowded: crowdedFigure,
};
const WORKLOADS = "workloads";

/** What --only chooses from, where it does. */
const parts: Record<string, readonly string[]> = {
  cold: traceNames,
  clients: [...traceNames, ...programNames],
  [WORKLOADS]: workloads.map(({ name }) => name),
};

const names = [...Object.keys(programs), ...Object.keys(loops), WORKLOADS];
const USAGE = `usage: tsx bench/run.ts [${names.join("|")}|all] ${OPTIONS_USAGE}\n`;

const TUNED = `
From here on tuned loops: written to be measured, and compiled by V8 before the clock counts. A program sees that only
where it does the same thing a million times.
`;

async function run(options: Options): Promise<void> {
  const machine = describeMachine();
  process.stdout.write(formatMachine(machine));
  if (options.quick)
    process.stdout.write("Quick: this shows that everything runs; the figures mean nothing.\n");
  const done: (Figure | Contest)[] = [];
  let tuned = false;
  for (const name of names.filter((known) => options.names.includes(known))) {
    if (!tuned && !(name in programs)) process.stdout.write(TUNED);
    tuned ||= !(name in programs);
    for (const measure of benchesOf(name, options)) {
      const figure = await measure();
      done.push(figure);
      await show(figure, options, machine);
    }
  }
  printTargets(done.flatMap((figure) => ("comparisons" in figure ? figure.comparisons : [])));
  if (options.json !== undefined) {
    const results = { machine, quick: options.quick, figures: done };
    writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`);
  }
}

/** What is measured under a name; each makes one table. Nothing where --only leaves nothing of it. */
function benchesOf(
  name: string,
  { quick, nodes, only }: Options,
): (() => Figure | Contest | Promise<Figure>)[] {
  if (only.length > 0 && !(parts[name]?.some((part) => only.includes(part)) ?? true)) return [];
  if (name === WORKLOADS) {
    return contestsOf(only).map((contest) => () => contest(quick ? QUICK : CONTEST, nodes, only));
  }
  const effort = quick ? QUICK : FULL;
  const program = programs[name];
  if (program !== undefined) return nodes.map((node) => () => program(effort, node, only));
  return [() => loops[name]!(effort)];
}

async function show(figure: Figure | Contest, { chart }: Options, machine: Machine): Promise<void> {
  if ("comparisons" in figure) {
    process.stdout.write(`\n${formatFigure(figure)}`);
    return;
  }
  process.stdout.write(`\n${formatContest(figure, false)}`);
  if (chart === undefined || figure.name !== WORKLOADS) return;
  const { drawContest } = await import("./chart.js");
  writeFileSync(chart, drawContest(figure, machine));
}

function printTargets(rows: readonly Comparison[]): void {
  const promised = rows.filter((row) => row.target !== null);
  const missed = promised.filter((row) => row.verdict === "misses");
  if (promised.length === 0) return;
  process.stdout.write(`\n${promised.length - missed.length} of ${promised.length} targets met\n`);
}

function parse(): Options | null {
  try {
    return parseOptions(process.argv.slice(2), names, parts.clients!);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}`);
    return null;
  }
}

const options = parse();
if (options === null) {
  process.exitCode = 2;
} else {
  try {
    await run(options);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
