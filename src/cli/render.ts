/**
 * `heapwright map` and `heapwright leaks`: what was saved, for eyes.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { pageOf } from "../debug/map/page.js";
import { snapshotsIn } from "../debug/map/saved-file.js";
import { checkSnapshot, LeakReport, type LeakSnapshot } from "../debug/report.js";
import { onlyFile, parsed, positive, UsageError, usage } from "./usage.js";

export function renderMap(args: readonly string[]): number {
  const { values, positionals } = parsed(args, { output: { type: "string", short: "o" } });
  const file = onlyFile("map", positionals);
  const output = String(values.output ?? file.replace(/(\.json)?$/i, ".html"));
  const page = usage(() => pageOf(snapshotsIn(readFileSync(file, "utf8"), file)));
  usage(() => writeFileSync(output, page));
  process.stdout.write(`${output}\n`);
  return 0;
}

export function renderLeaks(args: readonly string[]): number {
  const { values, positionals } = parsed(args, { lines: { type: "string" } });
  const file = onlyFile("leaks", positionals);
  const lines = values.lines === undefined ? undefined : Number(positive("--lines", values.lines));
  process.stdout.write(`${usage(() => leaksIn(file)).toString(lines)}\n`);
  return 0;
}

function leaksIn(file: string): LeakReport {
  const snapshot = contentsOf(readFileSync(file, "utf8"));
  if (!Array.isArray(snapshot?.groups))
    throw new UsageError(`${file}: no saved report; write one with npx heapwright run --leaks=leaks.json`);
  checkSnapshot(file, snapshot);
  return new LeakReport(snapshot as LeakSnapshot);
}

function contentsOf(text: string): Partial<LeakSnapshot> | null {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
