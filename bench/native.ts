/**
 * Heapwright beside native allocators called from C: the workloads, and the recorded programs.
 *
 *   tsx bench/native.ts [--quick] [--only NAME]... [--node PATH]... [--json FILE] [--chart FILE.svg]
 *
 * glibc always; mimalloc, jemalloc and tcmalloc where the system has them (see native/allocators.ts). All of them take
 * turns in one run. Without a C compiler there is nothing to compare with: one line says so.
 */
import { writeFileSync } from "node:fs";
import { formatContest } from "./contest-table.js";
import { CONTEST, QUICK } from "./effort.js";
import { nativeContest } from "./events.js";
import { describeMachine, formatMachine } from "./machine.js";
import { buildNative } from "./native/build.js";
import { OPTIONS_USAGE, type Options, parseOptions } from "./options.js";
import { traceNames } from "./trace.js";

async function run({ quick, only, nodes, json, chart }: Options): Promise<void> {
  const machine = describeMachine();
  process.stdout.write(formatMachine(machine));
  const build = buildNative("bench");
  if (build.program === null) {
    process.stdout.write(`${build.reason}\n`);
    return;
  }
  if (quick) process.stdout.write("Quick: this shows that everything runs; the figures mean nothing.\n");
  const contest = nativeContest(quick ? QUICK : CONTEST, nodes, only);
  process.stdout.write(`\n${formatContest(contest, true)}`);
  if (json !== undefined)
    writeFileSync(json, `${JSON.stringify({ machine, quick, figures: [contest] }, null, 2)}\n`);
  if (chart !== undefined) {
    const { drawContest } = await import("./chart.js");
    writeFileSync(chart, drawContest(contest, machine));
  }
}

function parse(): Options | null {
  try {
    return parseOptions(process.argv.slice(2), [], traceNames);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nusage: tsx bench/native.ts ${OPTIONS_USAGE}\n`);
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
