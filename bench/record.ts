/**
 * Records what a program asks of malloc, as a trace:
 *
 *   tsx bench/record.ts [--out FILE.hwt.br] PROGRAM [ARGUMENT]...
 *
 * The trace is written to FILE, or to PROGRAM.hwt.br in the working directory; in bench/traces/ the benchmarks find it.
 * It is replayed once, with the contents of every block verified. Needs cc, and a program that is linked with glibc.
 * Only the process that was started is recorded, not what it forks.
 */
import { writeFileSync } from "node:fs";
import { basename } from "node:path";
import { recordProgram } from "./native/recorder.js";
import { pack } from "./recording.js";
import { parseTrace } from "./trace.js";
import { replayVerified } from "./verified.js";

const USAGE = "usage: tsx bench/record.ts [--out FILE.hwt.br] PROGRAM [ARGUMENT]...\n";
function main(args: string[]): void {
  const named = args[0] === "--out" ? args[1] : undefined;
  const [program, ...rest] = named === undefined ? args : args.slice(2);
  if (program === undefined || program.startsWith("-")) {
    process.stderr.write(USAGE);
    process.exitCode = 2;
    return;
  }
  const name = basename(program);
  const out = named ?? `${name}.hwt.br`;
  const raw = recordProgram(program, rest);
  const trace = parseTrace(name, raw);
  writeFileSync(out, pack(raw));
  const { operations, verified } = replayVerified(trace);
  process.stderr.write(
    `${out}: ${operations.toLocaleString("en-US")} calls, at most ${trace.peakLive.toLocaleString("en-US")} bytes live; ` +
      `replayed, ${verified.toLocaleString("en-US")} blocks verified\n`,
  );
}

try {
  main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
