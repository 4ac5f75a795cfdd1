/**
 * The figures of the project, from one command:
 *
 *   tsx bench/run.ts [pair|access|arena|traces|trace-off|scaling|remote|start|workloads|records|crowded|all] [--quick]
 *                    [--only WORKLOAD]... [--node PATH]... [--json FILE] [--chart FILE.svg]
 *
 * Prints a table per figure as soon as it is there. --quick runs everything for a moment only, to see that it
 * still runs; --only limits the workloads, and --node adds a column for another version of Node to them; --json writes
 * the numbers to FILE, and --chart draws the workloads. A missed target is printed, and is no error; a child that fails
 * ends the run with status 1.
 */
import { writeFileSync } from "node:fs";
import type { Comparison, Figure } from "./compare.js";
import type { Contest } from "./contest.js";
import { formatContest } from "./contest-table.js";
import { CONTEST, type Effort, FULL, QUICK } from "./effort.js";
import { scriptContest } from "./events.js";
import { accessFigure, arenaFigure, pairFigure, traceOffFigure, tracesFigure } from "./figures.js";
import { crowdedFigure, recordsFigure } from "./live-heap.js";
import { describeMachine, formatMachine } from "./machine.js";
import { OPTIONS_USAGE, type Options, parseOptions } from "./options.js";
import { formatFigure } from "./table.js";
import { remoteFigure, scalingFigure, startFigure } from "./thread-figures.js";

const figures: Record<string, (effort: Effort) => Figure | Promise<Figure>> = {
  pair: pairFigure,
  access: accessFigure,
  arena: arenaFigure,
  traces: tracesFigure,
  "trace-off": traceOffFigure,
  scaling: scalingFigure,
  remote: remoteFigure,
  start: startFigure,
  records: recordsFigure,
  crowded: crowdedFigure,
};
const WORKLOADS = "workloads";

const names = [...Object.keys(figures), WORKLOADS];
const USAGE = `usage: tsx bench/run.ts [${names.join("|")}|all] ${OPTIONS_USAGE}\n`;

async function run(options: Options): Promise<void> {
  const { quick, json, chart, nodes, only } = options;
  const machine = describeMachine();
  process.stdout.write(formatMachine(machine));
  if (quick) process.stdout.write("Quick: this shows that everything runs; the figures mean nothing.\n");
  const done: (Figure | Contest)[] = [];
  for (const name of options.names) {
    const figure =
      name === WORKLOADS
        ? scriptContest(quick ? QUICK : CONTEST, nodes, only)
        : await figures[name]!(quick ? QUICK : FULL);
    done.push(figure);
    const text = "comparisons" in figure ? formatFigure(figure) : formatContest(figure, false);
    process.stdout.write(`\n${text}`);
    if (chart !== undefined && !("comparisons" in figure)) {
      const { drawContest } = await import("./chart.js");
      writeFileSync(chart, drawContest(figure, machine));
    }
  }
  printTargets(done.flatMap((figure) => ("comparisons" in figure ? figure.comparisons : [])));
  if (json !== undefined)
    writeFileSync(json, `${JSON.stringify({ machine, quick, figures: done }, null, 2)}\n`);
}

function printTargets(rows: readonly Comparison[]): void {
  const promised = rows.filter((row) => row.target !== null);
  const missed = promised.filter((row) => row.verdict === "misses");
  if (promised.length === 0) return;
  process.stdout.write(`\n${promised.length - missed.length} of ${promised.length} targets met\n`);
}

function parse(): Options | null {
  try {
    return parseOptions(process.argv.slice(2), names, []);
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
