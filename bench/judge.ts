/** What heapwright reached in a contest, and what it missed. */
import { type Contest, comparable, type Group, geometricMean, type Row, rowsOf } from "./contest.js";

export interface Judgement {
  readonly workload: string;
  readonly met: boolean;
  /** Each bound that could be checked, with what was measured. */
  readonly bounds: readonly string[];
}

/** Of the rows that have a goal of which at least one bound can be checked, and of the groups. */
export function judge(contest: Contest): Judgement[] {
  const { groups = [] } = contest;
  return [
    ...judgeRows(contest),
    ...groups.flatMap((group) => [
      ...judgeMean(contest, group, "ratio", group.goal?.times),
      ...judgeMean(contest, group, "peakRatio", group.goal?.peaks),
    ]),
  ];
}

/** Each contestant by itself. */
function judgeMean(
  contest: Contest,
  group: Group,
  measure: "ratio" | "peakRatio",
  goal: Readonly<Record<string, number>> = {},
): Judgement[] {
  const rows = rowsOf(contest, group);
  if (rows === null) return [];
  const workload = `mean of ${group.name}${measure === "ratio" ? "" : ", peak"}`;
  return Object.entries(goal).flatMap(([contestant, most]) => {
    const column = contest.columns.indexOf(contestant);
    const value = column < 0 ? null : geometricMean(contest, column, measure, rows);
    return value === null ? [] : judged(workload, [{ value, most, unit: `times ${contestant}` }]);
  });
}

function judgeRows(contest: Contest): Judgement[] {
  return contest.rows.flatMap((row) => [
    ...judged(row.workload, boundsOf(row, contest.columns)),
    ...peakBoundsOf(row, contest.columns).flatMap((bound) => judged(`${row.workload}, peak`, [bound])),
  ]);
}

/** Nothing where no bound could be checked. */
function judged(workload: string, bounds: readonly Bound[]): Judgement[] {
  if (bounds.length === 0) return [];
  const met = bounds.some(({ value, most }) => value <= most);
  return [{ workload, met, bounds: bounds.map(show) }];
}

interface Bound {
  readonly value: number;
  readonly most: number;
  readonly unit: string;
}

function boundsOf({ goal, cells }: Row, columns: readonly string[]): Bound[] {
  const bounds: Bound[] = [];
  const own = cells[0]!;
  if (goal?.ns !== undefined && typeof own !== "string") {
    bounds.push({ value: own.ns, most: goal.ns, unit: "ns" });
  }
  for (const [name, most] of Object.entries(goal?.times ?? {})) {
    const cell = cells[columns.indexOf(name)];
    if (cell === undefined || typeof cell === "string") continue;
    bounds.push({ value: cell.ratio, most, unit: `times ${name}` });
  }
  return bounds;
}

function peakBoundsOf({ goal, cells }: Row, columns: readonly string[]): Bound[] {
  return Object.entries(goal?.peaks ?? {}).flatMap(([name, most]) => {
    const cell = cells[columns.indexOf(name)];
    if (cell === undefined || typeof cell === "string" || !comparable(cell, "peakRatio")) return [];
    return [{ value: cell.peakRatio, most, unit: `times ${name}` }];
  });
}

function show({ value, most, unit }: Bound): string {
  return `${value.toFixed(2)} ${unit} (at most ${most})`;
}
