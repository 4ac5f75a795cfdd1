/** Workers that come, do one thing and end, as a workload of short-lived threads wants them. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { loadAllocator } from "./allocators/registry.js";
import { next, seedOf } from "./random.js";
import type { ThreadsWorkload } from "./workloads/workload.js";

/** What a worker is given. */
export interface Visit {
  readonly workload: string;
  readonly allocator: string;
  readonly blocks: SharedArrayBuffer;
  /** From 0 to below 1. */
  readonly chance: number;
}

/** A pass: all workers of a workload at a time, until they have ended. */
export async function visitorsOf(
  { name, threads, blocks }: ThreadsWorkload,
  allocator: string,
): Promise<{ operations: number; pass(): Promise<void> }> {
  await loadAllocator(allocator); // in the main thread first, as a program would
  const shared = new SharedArrayBuffer(8 * blocks);
  let state = seedOf(0);
  const visit = async () => {
    state = next(state);
    const workerData: Visit = { workload: name, allocator, blocks: shared, chance: (state >>> 0) / 2 ** 32 };
    const worker = new Worker(new URL("./visitor.js", import.meta.url), { workerData });
    await once(worker, "exit"); // an error in it ends this process
  };
  const pass = async () => void (await Promise.all(Array.from({ length: threads }, visit)));
  return { operations: threads, pass };
}
