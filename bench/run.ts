/**
 * The figures of the project, from one command:
 *
 *   tsx bench/run.ts [pair|access|arena|traces|trace-off|scaling|remote|start|all] [--quick] [--json FILE]
 *
 * Prints a table per figure as soon as it is there. --quick runs everything for a moment only, to see that it
 * still runs; --json writes the numbers to FILE as well. A missed target is printed, and is no error; a child
 * that fails or takes too long ends the run with status 1.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { Figure } from "./compare.js";
import { type Effort, FULL, QUICK } from "./effort.js";
import { accessFigure, arenaFigure, pairFigure, traceOffFigure, tracesFigure } from "./figures.js";
import { describeMachine, formatMachine } from "./machine.js";
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
};

const USAGE = `usage: tsx bench/run.ts [${Object.keys(figures).join("|")}|all] [--quick] [--json FILE]\n`;

interface Wish {
  readonly names: readonly string[];
  readonly quick: boolean;
  readonly json: string | undefined;
}

/** null when the arguments make no sense. */
function parseWish(args: string[]): Wish | null {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { quick: { type: "boolean", default: false }, json: { type: "string" } },
    });
    const asked =
      positionals.length === 0 || positionals.includes("all") ? Object.keys(figures) : positionals;
    const known = asked.every((name) => name in figures);
    return known ? { names: asked, quick: values.quick, json: values.json } : null;
  } catch {
    return null;
  }
}

async function run({ names, quick, json }: Wish): Promise<void> {
  const machine = describeMachine();
  process.stdout.write(formatMachine(machine));
  if (quick) process.stdout.write("Quick: this shows that everything runs; the figures mean nothing.\n");
  const done: Figure[] = [];
  for (const name of names) {
    const figure = await figures[name]!(quick ? QUICK : FULL);
    done.push(figure);
    process.stdout.write(`\n${formatFigure(figure)}`);
  }
  const rows = done.flatMap((figure) => figure.comparisons);
  const promised = rows.filter((row) => row.target !== null);
  const missed = promised.filter((row) => row.verdict === "misses");
  process.stdout.write(`\n${promised.length - missed.length} of ${promised.length} targets met\n`);
  if (json !== undefined)
    writeFileSync(json, `${JSON.stringify({ machine, quick, figures: done }, null, 2)}\n`);
}

const wish = parseWish(process.argv.slice(2));
if (wish === null) {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else {
  try {
    await run(wish);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
