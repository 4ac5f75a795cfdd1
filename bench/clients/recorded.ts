/** The recorded programs: the plain client's replay, beside the same in C on glibc, and through koffi. */
import { type Comparison, compare, fastest, geometricMeans, median } from "../compare.js";
import type { Effort } from "../effort.js";
import { RECORDED } from "../goal.js";
import { type NativeResult, runNative } from "../native/build.js";
import type { Node } from "../options.js";
import type { PeakResult } from "../resident.js";
import { interleave, runChild } from "../spawn.js";
import { readTrace, type Trace } from "../trace.js";

const OURS = "heapwright";
const LIBC = "libc through koffi";
const IN_C = "glibc in C";

/** Nanoseconds per operation by contestant and round, and bytes. */
interface Replays {
  readonly name: string;
  readonly ns: Readonly<Record<string, readonly number[]>>;
  readonly peak: PeakResult;
  /** Of glibc; null without a C compiler. */
  readonly peerPeak: number | null;
}

/** `program`: the replayer in C; null where there is none, and then there is no glibc to stand beside. */
export function recordedRows(
  names: readonly string[],
  effort: Effort,
  node: Node,
  program: string | null,
): Comparison[] {
  const replays = names.map((name) => replay(readTrace(name), effort, node, program));
  const each = replays.flatMap((one) => replayRows(one.name, [one], "worst"));
  return names.length > 1 ? [...replayRows("all recorded", replays, "mean"), ...each] : each;
}

function replay(trace: Trace, { rounds, passes }: Effort, { path }: Node, program: string | null): Replays {
  const ask = { trace: trace.name, passes };
  const native: NativeResult[] = [];
  const samples: Record<string, () => number[]> = {
    [OURS]: () => runChild("heapwright", ask, { node: path }),
    [LIBC]: () => runChild("libc", ask, { node: path }),
  };
  if (program !== null) {
    samples[IN_C] = () => {
      const result = runNative(program, trace, passes);
      native.push(result);
      return result.ns;
    };
  }
  const names = Object.keys(samples);
  const columns = interleave(names, rounds, (name) => fastest(samples[name]!()));
  return {
    name: trace.name,
    ns: Object.fromEntries(names.map((name, column) => [name, columns[column]!])),
    // Once is enough: a replay allocates the same blocks in the same order every time.
    peak: runChild("peak", { trace: trace.name }, { node: path }),
    peerPeak: native.length === 0 ? null : median(native.map((result) => result.peakResidentGrowth)),
  };
}

/** Of one recorded program, or the means of several. */
function replayRows(workload: string, replays: readonly Replays[], bound: "worst" | "mean"): Comparison[] {
  const speed = { workload, measure: "per operation", unit: "ns" } as const;
  const ns = (name: string) => geometricMeans(replays.map((one) => one.ns[name]!));
  const rows = [compare({ ...speed, peerName: LIBC }, ns(OURS), ns(LIBC))];
  const peers = replays.flatMap(({ peerPeak }) => (peerPeak === null ? [] : [[peerPeak]]));
  if (peers.length < replays.length) return rows;
  const memory = { workload, unit: "bytes", peerName: IN_C } as const;
  const mean = (pick: (peak: PeakResult) => number) =>
    geometricMeans(replays.map(({ peak }) => [pick(peak)]));
  const resident = mean((peak) => peak.resident ?? Number.NaN);
  return [
    compare({ ...speed, peerName: IN_C, target: RECORDED.times[bound] }, ns(OURS), ns(IN_C)),
    ...rows,
    compare(
      { ...memory, measure: "peak footprint", target: RECORDED.peaks[bound] },
      mean((peak) => peak.footprint),
      geometricMeans(peers),
    ),
    ...(Number.isNaN(resident[0])
      ? []
      : [compare({ ...memory, measure: "resident at peak" }, resident, geometricMeans(peers))]),
  ];
}
