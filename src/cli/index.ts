#!/usr/bin/env node
/**
 * The command line: `npx heapwright run|map|leaks|explain`.
 *
 * Owns which command is meant, and how it ends: 2 for what makes no sense. Must not load the library, which attaches a heap:
 * the program that is run does.
 */
import { explainNote } from "./explain.js";
import { HELP } from "./help.js";
import { renderLeaks, renderMap } from "./render.js";
import { run } from "./run.js";
import { UsageError } from "./usage.js";

const COMMANDS: Readonly<Record<string, (args: readonly string[]) => number | Promise<number>>> = {
  run,
  map: renderMap,
  leaks: renderLeaks,
  explain: explainNote,
};

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === "--help" || name === "-h" || args[0] === "--help") {
    process.stdout.write(HELP);
    return 0;
  }
  try {
    if (name === undefined || !Object.hasOwn(COMMANDS, name))
      throw new UsageError(name === undefined ? "no command" : `there is no command ${name}`);
    return await COMMANDS[name]!(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`heapwright: ${error.message}\nnpx heapwright --help says what there is\n`);
    return 2;
  }
}

process.exitCode = await main(process.argv.slice(2));
