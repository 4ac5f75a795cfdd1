/**
 * Everybody at everything: a figure with a column for each contestant, heapwright's first, and a row for each workload.
 *
 * Owns the order of measuring, the medians and the ratios. Knows nothing of processes, or of what a contestant is.
 */
import { TooSlow } from "./answer.js";
import { median } from "./compare.js";
import type { Goal } from "./goal.js";
import type { WorkloadResult } from "./measure.js";
import { interleave } from "./spawn.js";

/** One who measures: what an event needs of it is up to both. */
export interface Contestant {
  readonly name: string;
}

export interface Event<C extends Contestant> {
  readonly name: string;
  readonly what: string;
  readonly goal?: Goal | undefined;
  /** Whether the contestant takes part. */
  admits(contestant: C): boolean;
  sample(contestant: C): WorkloadResult;
}

/** What one contestant came to in one event: medians over the rounds. */
export interface Cell {
  /** Nanoseconds per operation. */
  readonly ns: number;
  readonly first: number;
  /** Bytes at the peak: the footprint for heapwright, the growth of what is resident for others; NaN: unknown. */
  readonly peak: number;
  /**
   * heapwright's divided by this one's, taken within each round: above 1 heapwright loses. Infinity where heapwright did
   * not end in time.
   */
  readonly ratio: number;
  readonly spread: readonly [number, number];
  readonly peakRatio: number;
}

export interface Row {
  readonly workload: string;
  readonly what: string;
  readonly goal?: Goal | undefined;
  /** By column: "absent" does not take part, "too slow" did not end in time. */
  readonly cells: readonly (Cell | "absent" | "too slow")[];
}

/** Rows that have a geometric mean of their own. What it is meant to be holds for each contestant by itself. */
export interface Group {
  readonly name: string;
  readonly rows: readonly string[];
  readonly goal?: Pick<Goal, "times" | "peaks">;
}

export interface Contest {
  readonly name: string;
  readonly title: string;
  readonly notes: readonly string[];
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
  readonly groups?: readonly Group[];
}

/** One event, in rounds in which the contestants take turns. The first contestant is heapwright. */
export function hold<C extends Contestant>(event: Event<C>, contestants: readonly C[], rounds: number): Row {
  const byName = new Map(contestants.map((contestant) => [contestant.name, contestant]));
  const out = new Set<string>();
  const sample = (name: string): WorkloadResult | null => {
    const contestant = byName.get(name)!;
    if (out.has(name) || !event.admits(contestant)) return null;
    try {
      return event.sample(contestant);
    } catch (error) {
      if (!(error instanceof TooSlow)) throw error;
      out.add(name); // it would be as slow in the next round
      return null;
    }
  };
  const columns = interleave([...byName.keys()], rounds, sample);
  const ours = columns[0]!;
  const cells = columns.map((results, column) => {
    const name = contestants[column]!.name;
    if (out.has(name)) return "too slow";
    return results.includes(null) ? "absent" : cellOf(results as WorkloadResult[], ours);
  });
  return { workload: event.name, what: event.what, goal: event.goal, cells };
}

function cellOf(results: readonly WorkloadResult[], ours: readonly (WorkloadResult | null)[]): Cell {
  const ratios = results.map((result, round) => (ours[round]?.median ?? Infinity) / result.median);
  const peakRatios = results.map((result, round) => peakOf(ours[round]) / peakOf(result));
  return {
    ns: median(results.map((result) => result.median)),
    first: median(results.map((result) => result.first)),
    peak: median(results.map(peakOf)),
    ratio: median(ratios),
    spread: [Math.min(...ratios), Math.max(...ratios)],
    peakRatio: median(peakRatios),
  };
}

function peakOf(result: WorkloadResult | null | undefined): number {
  return result?.footprint ?? result?.resident ?? Number.NaN;
}

/**
 * What heapwright takes beside one contestant over the events of `rows` that the contestant finished: Infinity where heapwright
 * did not end one of them in time; null when there is none that can be compared.
 */
export function geometricMean(
  contest: Contest,
  column: number,
  measure: "ratio" | "peakRatio",
  rows: readonly Row[] = contest.rows,
): number | null {
  const ratios = rows.flatMap(({ cells }) => {
    const cell = cells[column]!;
    if (typeof cell === "string") return [];
    return comparable(cell, measure) || cell[measure] === Number.POSITIVE_INFINITY ? [cell[measure]] : [];
  });
  if (ratios.length === 0) return null;
  return Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
}

/** The rows of a group; null when the contest lacks one of them. */
export function rowsOf({ rows }: Contest, group: Group): readonly Row[] | null {
  const chosen = rows.filter(({ workload }) => group.rows.includes(workload));
  return chosen.length < group.rows.length ? null : chosen;
}

/** Of a few pages the ratio says nothing but how many a process begins with. */
const LEAST_PEAK = 2 ** 19;

export function comparable(cell: Cell, measure: "ratio" | "peakRatio"): boolean {
  if (measure === "ratio") return Number.isFinite(cell.ratio);
  return cell.peak >= LEAST_PEAK && cell.peak * cell.peakRatio >= LEAST_PEAK;
}
