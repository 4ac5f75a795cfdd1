/**
 * Work for several threads, timed: started together, and as long as all of them are busy.
 *
 * Runs in a process of its own. The threads meet on words of a SharedArrayBuffer; whoever waits too long throws, so
 * that a hang is a failure.
 */
import { Worker } from "node:worker_threads";
import { median } from "./compare.js";

/** Words of the buffer that a crew shares; those that different threads write lie on different cache lines. */
export const Meeting = { go: 0, ready: 16, head: 32, tail: 48, slots: 64 } as const;
/** Pointers on their way from one thread to the other, at most. */
export const RING = 4096;
export const BLOCK_BYTES = 64;
/** How long anybody waits for anybody, in ms. */
export const PATIENCE = 60_000;

export type Job = "pair" | "slots" | "produce" | "consume" | "hand over" | "take over";

export interface Order {
  readonly job: Job;
  readonly operations: number;
  readonly meeting: SharedArrayBuffer;
  readonly seed: number;
}

export interface ThreadsAsk {
  readonly jobs: readonly Job[];
  /** Of each thread. */
  readonly operations: number;
  readonly repetitions: number;
}

export interface ThreadsResult {
  /** ns from the common start to the end of the last one, per operation of one thread; the median repetition. */
  readonly ns: number;
  /** Most bytes that stats().footprint was after a repetition. */
  readonly footprint: number;
}

/** What a worker answers after each repetition. */
export interface Report {
  readonly ended: number;
  readonly footprint: number;
}

export async function measureThreads({ jobs, operations, repetitions }: ThreadsAsk): Promise<ThreadsResult> {
  const meeting = new SharedArrayBuffer(Meeting.slots * 4 + RING * 8);
  const words = new Int32Array(meeting);
  const workers = jobs.map((job, index) => {
    const workerData: Order = { job, operations, meeting, seed: index + 1 };
    return new Worker(new URL("./threads-worker.js", import.meta.url), { workerData });
  });
  const times: number[] = [];
  let footprint = 0;
  for (let round = 1; round <= repetitions; round++) {
    const reports = workers.map(reportOf);
    await until(words, Meeting.ready, round * workers.length);
    words.fill(0, Meeting.head);
    const start = process.hrtime.bigint();
    Atomics.store(words, Meeting.go, round);
    Atomics.notify(words, Meeting.go);
    for (const { ended, footprint: held } of await Promise.all(reports)) {
      times[round - 1] = Math.max(times[round - 1] ?? 0, ended - Number(start));
      footprint = Math.max(footprint, held);
    }
  }
  await Promise.all(workers.map((worker) => worker.terminate()));
  // The first repetitions are V8's.
  return { ns: median(times.slice(times.length >>> 1)) / operations, footprint };
}

function reportOf(worker: Worker): Promise<Report> {
  return new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
}

async function until(words: Int32Array, word: number, value: number): Promise<void> {
  const deadline = performance.now() + PATIENCE;
  while (Atomics.load(words, word) < value) {
    if (performance.now() > deadline) throw new Error(`a worker is not ready after ${PATIENCE} ms`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
