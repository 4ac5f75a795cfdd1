/**
 * One allocation and its release, 64 bytes, as each contestant does it; timed by tinybench.
 *
 * tinybench spends some hundred nanoseconds per iteration on its own account, which would swamp an operation
 * of five. So one iteration is a loop of PAIRS pairs, and what it took is divided by PAIRS.
 *
 * Contestants are imported on demand: a process that times libc must not load heapwright, and a Node program
 * without either has neither.
 */
import { Bench } from "tinybench";

export interface PairResult {
  /** ns per pair: the median iteration. Garbage collections seldom fall into it, which favours Buffers. */
  readonly median: number;
  /** ns per pair over all iterations, collections included. */
  readonly mean: number;
}

export interface PairOptions {
  readonly milliseconds: number;
  readonly warmupMilliseconds: number;
}

export const PAIRS = 10_000;
const BYTES = 64;

/** Where results go, exported so that no allocation can be optimized away. */
export let sink: unknown;

const contestants: Record<string, () => Promise<() => void>> = {
  heapwright: heapwrightPairs,
  "heapwright, tracing was on": async () => {
    await traceFor(1000, false);
    return heapwrightPairs();
  },
  "heapwright, tracing is on": async () => {
    await traceFor(1000, true);
    return heapwrightPairs();
  },
  "libc through koffi": async () => {
    const { free, malloc } = await import("./libc.js");
    return () => {
      for (let i = 0; i < PAIRS; i++) free(malloc(BYTES));
    };
  },
  "koffi.alloc": async () => {
    const { default: koffi } = await import("koffi");
    return () => {
      for (let i = 0; i < PAIRS; i++) koffi.free(koffi.alloc("uint8_t", BYTES));
    };
  },
  "Buffer.allocUnsafeSlow": async () => () => {
    for (let i = 0; i < PAIRS; i++) sink = Buffer.allocUnsafeSlow(BYTES);
  },
  "new Uint8Array": async () => () => {
    for (let i = 0; i < PAIRS; i++) sink = new Uint8Array(BYTES);
  },
};

async function heapwrightPairs(): Promise<() => void> {
  const { free, malloc } = await import("../src/index.js");
  return () => {
    for (let i = 0; i < PAIRS; i++) free(malloc(BYTES));
  };
}

/** Runs some pairs with a tracer that does nothing, and leaves it on or takes it away again. */
async function traceFor(pairs: number, stay: boolean): Promise<void> {
  const { configure, free, malloc } = await import("../src/index.js");
  configure({ trace: () => {} });
  for (let i = 0; i < pairs; i++) free(malloc(BYTES));
  if (!stay) configure({ trace: false });
}

/** Times one contestant in this process. */
export async function measurePair(name: string, options: PairOptions): Promise<PairResult> {
  const prepare = contestants[name];
  if (prepare === undefined) throw new Error(`no contestant "${name}"`);
  const bench = new Bench({
    time: options.milliseconds,
    warmupTime: options.warmupMilliseconds,
    iterations: 5,
    warmupIterations: 5,
  });
  bench.add(name, await prepare(), { async: false });
  const result = bench.runSync()[0]?.result;
  if (result?.state !== "completed") throw new Error(`${name}: the run ended as ${result?.state}`);
  const { p50, mean } = result.latency;
  return { median: (p50 * 1e6) / PAIRS, mean: (mean * 1e6) / PAIRS };
}
