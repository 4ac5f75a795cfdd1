/** A contest as aligned plain text: its legend, a table of times, and, where asked for, one of peak memory. */
import { type Cell, type Contest, comparable, geometricMean, type Row, rowsOf } from "./contest.js";
import { judge } from "./judge.js";

type Measure = "ratio" | "peakRatio";

const GAP = "  ";
const EXPLANATION = "ns per operation; in brackets heapwright's divided by theirs: above 1 heapwright loses";

export function formatContest(contest: Contest, withMemory: boolean): string {
  const underline = "=".repeat(contest.title.length);
  const times = table(contest, "ratio", (cell) => nanoseconds(cell.ns));
  const memory = `\nPeak memory, MiB\n${table(contest, "peakRatio", (cell) => mebibytes(cell.peak))}`;
  const legend = contest.rows.map(({ workload, what }) => `* ${workload}: ${what}\n`).join("");
  const notes = contest.notes.map((note) => `* ${note}\n`).join("");
  const body = withMemory ? times + memory : times;
  const head = `${contest.title}\n${underline}\n${EXPLANATION}\n`;
  return `${head}${body}${legend}${notes}${goals(contest)}`;
}

/** What was missed, and how much was not. */
function goals(contest: Contest): string {
  const judgements = judge(contest);
  if (judgements.length === 0) return "";
  const missed = judgements.filter(({ met }) => !met);
  const lines = missed.map(
    ({ workload, bounds }) => `misses its goal: ${workload}, ${bounds.join(" or ")}\n`,
  );
  return `${lines.join("")}${judgements.length - missed.length} of ${judgements.length} goals reached\n`;
}

function table(contest: Contest, measure: Measure, show: (cell: Cell) => string): string {
  const means = (rows: readonly Row[]) =>
    contest.columns.map((_, column) => {
      const mean = column === 0 ? null : geometricMean(contest, column, measure, rows);
      return mean === null ? "" : `(${mean.toFixed(2)})`;
    });
  const { groups = [] } = contest;
  const lines = [
    ["", ...contest.columns],
    ...contest.rows.map((row) => [row.workload, ...cells(row, measure, show)]),
    ["geometric mean", ...means(contest.rows)],
    ...groups.flatMap((group) => {
      const rows = rowsOf(contest, group);
      return rows === null ? [] : [[`  of ${group.name}`, ...means(rows)]];
    }),
  ];
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines.map((line) => `${align(line, widths)}\n`).join("");
}

function cells(row: Row, measure: Measure, show: (cell: Cell) => string): string[] {
  return row.cells.map((cell, column) => {
    if (cell === "absent") return "-";
    if (cell === "too slow") return cell;
    if (column === 0 || !comparable(cell, measure)) return show(cell);
    return `${show(cell)} (${cell[measure].toFixed(2)})`;
  });
}

function align(line: readonly string[], widths: readonly number[]): string {
  return line
    .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
    .join(GAP)
    .trimEnd();
}

function nanoseconds(ns: number): string {
  if (ns >= 1000) return Math.round(ns).toLocaleString("en-US");
  return ns.toFixed(ns < 10 ? 2 : 1);
}

function mebibytes(bytes: number): string {
  return Number.isNaN(bytes) ? "?" : (bytes / 2 ** 20).toFixed(2);
}
