/** One function timed by tinybench in this process. */
import { Bench } from "tinybench";

export interface TimedOptions {
  readonly milliseconds: number;
  readonly warmupMilliseconds: number;
}

/** What one call took, in nanoseconds. */
export interface Latency {
  /** Of the median call. */
  readonly median: number;
  readonly mean: number;
}

/** Times `pass` for as long as was asked for, and `least` calls at any rate. */
export function timed(name: string, pass: () => void, options: TimedOptions, least: number): Latency {
  const bench = new Bench({
    time: options.milliseconds,
    warmupTime: options.warmupMilliseconds,
    iterations: least,
    warmupIterations: 1,
  });
  bench.add(name, pass, { async: false });
  const result = bench.runSync()[0]?.result;
  if (result?.state !== "completed") throw new Error(`${name}: the run ended as ${result?.state}`);
  const { p50, mean } = result.latency;
  return { median: p50 * 1e6, mean: mean * 1e6 };
}
