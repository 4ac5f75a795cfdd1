/**
 * The inside of one fresh process: does the one task that its argument names, prints its result as a line of
 * JSON, and ends. Nothing is imported before the task is known, because libc's figures must not be taken in a
 * process that heapwright lives in.
 */
import type { ColdAsk, ColdResult } from "./cold.js";
import type { CrowdedResult } from "./crowded.js";
import type { HandingOverAsk } from "./handing-over.js";
import type { LatencyResult } from "./latency.js";
import type { WorkloadAsk, WorkloadResult } from "./measure.js";
import type { PairResult } from "./pair.js";
import type { RecordsAsk, RecordsResult } from "./records.js";
import type { Replayable } from "./replay.js";
import type { PeakResult } from "./resident.js";
import type { StartAsk } from "./start.js";
import type { ThreadsAsk, ThreadsResult } from "./threads.js";
import type { TimedOptions } from "./timed.js";
import type { Trace } from "./trace.js";

/** What a child can be asked for, and what it answers. */
export interface Tasks {
  cold: { ask: ColdAsk; answer: ColdResult };
  pair: { ask: { name: string } & TimedOptions; answer: PairResult };
  access: { ask: { name: string } & TimedOptions; answer: number };
  container: { ask: { name: string } & TimedOptions; answer: number };
  "handing over": { ask: HandingOverAsk; answer: number };
  heapwright: { ask: ReplayAsk; answer: number[] };
  libc: { ask: ReplayAsk; answer: number[] };
  peak: { ask: { trace: string }; answer: PeakResult };
  workload: { ask: WorkloadAsk; answer: WorkloadResult };
  latency: { ask: WorkloadAsk; answer: LatencyResult };
  records: { ask: RecordsAsk; answer: RecordsResult };
  crowded: { ask: { blocks: number }; answer: CrowdedResult };
  threads: { ask: ThreadsAsk; answer: ThreadsResult };
  start: { ask: StartAsk; answer: number };
}

interface ReplayAsk {
  readonly trace: string;
  readonly passes: number;
}

const tasks: { [K in keyof Tasks]: (ask: Tasks[K]["ask"]) => Promise<Tasks[K]["answer"]> } = {
  cold: async (ask) => (await import("./cold.js")).measureCold(ask),
  pair: async (ask) => (await import("./pair.js")).measurePair(ask.name, ask),
  access: async (ask) => (await import("./access.js")).measureAccess(ask.name, ask),
  container: async (ask) => (await import("./containers.js")).measureContainer(ask.name, ask),
  "handing over": async (ask) => (await import("./handing-over.js")).measureHandingOver(ask),
  heapwright: async (ask) => {
    const { replayable } = await import("./allocators/heapwright.js");
    return replayed(ask, replayable);
  },
  libc: async (ask) => replayed(ask, (await import("./allocators/libc.js")).replayable),
  peak: async (ask) => (await import("./resident.js")).measurePeak(await load(ask.trace)),
  workload: async (ask) => (await import("./measure.js")).measureWorkload(ask),
  latency: async (ask) => (await import("./latency.js")).measureLatency(ask),
  records: async (ask) => (await import("./records.js")).measureRecords(ask),
  crowded: async (ask) => (await import("./crowded.js")).measureCrowded(ask.blocks),
  threads: async (ask) => (await import("./threads.js")).measureThreads(ask),
  start: async (ask) => (await import("./start.js")).measureStart(ask),
};

/** Nanoseconds per operation, pass by pass. */
async function replayed<P extends number>(ask: ReplayAsk, allocator: Replayable<P>): Promise<number[]> {
  const { replayer } = await import("./replay.js");
  return Array.from({ length: ask.passes }, replayer(await load(ask.trace), allocator));
}

async function load(name: string): Promise<Trace> {
  return (await import("./trace.js")).readTrace(name);
}

async function main(): Promise<void> {
  const { task, ask } = JSON.parse(process.argv[2] ?? "{}") as { task: keyof Tasks; ask: never };
  if (!(task in tasks)) throw new Error(`no task "${task}"`);
  process.stdout.write(`${JSON.stringify(await tasks[task](ask))}\n`);
}

await main();
