/**
 * The one form every figure is given in: heapwright against a peer, with the ratio and the target that the
 * ratio must not exceed. Knows nothing of processes, files or layout on the screen.
 */

export interface Comparison {
  /** The workload: what was done. */
  readonly workload: string;
  readonly measure: string;
  readonly unit: "ns" | "ms" | "bytes";
  readonly ours: number;
  readonly peerName: string;
  readonly peer: number;
  /** ours / peer: the median over the rounds. Below 1 heapwright is faster, or smaller. */
  readonly ratio: number;
  /** The lowest and the highest ratio of a round. */
  readonly spread: readonly [number, number];
  /** The highest ratio that is good enough; null where none was promised. */
  readonly target: number | null;
  readonly verdict: "meets" | "misses" | "loses" | "";
}

export interface Figure {
  readonly name: string;
  readonly title: string;
  /** How it was measured, and what it therefore does not show. */
  readonly notes: readonly string[];
  readonly comparisons: readonly Comparison[];
}

/** What is being compared: everything but the numbers. */
export type Subject = Pick<Comparison, "workload" | "measure" | "unit" | "peerName"> & { target?: number };

/** Sample k of ours and sample k of the peer come from the same round. */
export function compare(subject: Subject, ours: readonly number[], peer: readonly number[]): Comparison {
  const { workload, measure, unit, peerName, target = null } = subject;
  const ratios = ours.map((value, round) => value / peer[round]!);
  const ratio = median(ratios);
  return {
    workload,
    measure,
    unit,
    ours: median(ours),
    peerName,
    peer: median(peer),
    ratio,
    spread: [Math.min(...ratios), Math.max(...ratios)],
    target,
    verdict: judge(ratio, target),
  };
}

/** Without a target a loss is still called one. NaN, from a round that went missing, never passes. */
function judge(ratio: number, target: number | null): Comparison["verdict"] {
  if (target !== null) return ratio <= target ? "meets" : "misses";
  return ratio <= 1 ? "" : "loses";
}

/** The best of the passes: what the machine disturbed least, and nearly all is compiled by then. */
export function fastest(passes: readonly number[]): number {
  return Math.min(...passes);
}

/** Round by round, of as many columns as there are. */
export function geometricMeans(columns: readonly (readonly number[])[]): number[] {
  return columns[0]!.map((_, round) => {
    const logarithms = columns.map((column) => Math.log(column[round]!));
    return Math.exp(logarithms.reduce((sum, logarithm) => sum + logarithm, 0) / columns.length);
  });
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >>> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return (sorted[middle - 1]! + sorted[middle]!) / 2;
}
