/** One function timed by tinybench in this process. */
import { Bench, type Task } from "tinybench";

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
  const bench = benchFor(options, least).add(name, pass, { async: false });
  return latencyOf(bench.runSync());
}

/** The same where a call ends later. */
export async function timedAsync(
  name: string,
  pass: () => Promise<void> | void,
  options: TimedOptions,
  least: number,
): Promise<Latency> {
  return latencyOf(await benchFor(options, least).add(name, pass, { async: true }).run());
}

function benchFor(options: TimedOptions, least: number): Bench {
  return new Bench({
    time: options.milliseconds,
    warmupTime: options.warmupMilliseconds,
    iterations: least,
    warmupIterations: 1,
  });
}

function latencyOf([task]: readonly Task[]): Latency {
  const result = task?.result;
  if (result?.state !== "completed") throw new Error(`${task?.name}: the run ended as ${result?.state}`);
  const { p50, mean } = result.latency;
  return { median: p50 * 1e6, mean: mean * 1e6 };
}
