/** The one formatter: a figure as aligned plain text. Shows every row it is given, the losses included. */
import type { Comparison, Figure } from "./compare.js";

const GAP = "  ";
const HEADINGS = ["workload", "measure", "heapwright", "peer", "", "ratio", "of the rounds", "target", ""];
/** Columns of text; the others are numbers and stand to the right. */
const TEXT = new Set([0, 1, 4, 8]);

/** A figure with its title, its table and its notes; ends with a line break. */
export function formatFigure(figure: Figure): string {
  const underline = "=".repeat(figure.title.length);
  const notes = figure.notes.map((note) => `* ${note}\n`).join("");
  return `${figure.title}\n${underline}\n${formatTable(figure.comparisons)}${notes}`;
}

function formatTable(comparisons: readonly Comparison[]): string {
  const rows = comparisons.map(cells);
  // A workload or a measure is named once, not on each line about it.
  for (let row = rows.length - 1; row > 0; row--) {
    if (rows[row]![0] !== rows[row - 1]![0]) continue;
    rows[row]![0] = "";
    if (rows[row]![1] === rows[row - 1]![1]) rows[row]![1] = "";
  }
  const table = [HEADINGS, ...rows];
  const widths = HEADINGS.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  return table.map((row) => `${alignRow(row, widths)}\n`).join("");
}

function alignRow(row: readonly string[], widths: readonly number[]): string {
  const align = (cell: string, column: number) =>
    TEXT.has(column) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!);
  return row.map(align).join(GAP).trimEnd();
}

function cells(row: Comparison): string[] {
  const [low, high] = row.spread;
  return [
    row.workload,
    row.measure,
    quantity(row.ours, row.unit),
    quantity(row.peer, row.unit),
    row.peerName,
    row.ratio.toFixed(3),
    low === high ? "" : `${low.toFixed(3)}..${high.toFixed(3)}`,
    row.target === null ? "" : `<= ${row.target.toFixed(3)}`,
    row.verdict,
  ];
}

function quantity(value: number, unit: Comparison["unit"]): string {
  return unit === "bytes" ? `${(value / 2 ** 20).toFixed(2)} MiB` : `${value.toFixed(2)} ${unit}`;
}
