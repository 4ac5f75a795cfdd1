/**
 * One workload with one allocator in this process, timed by tinybench: an iteration is a pass, divided by its
 * operations.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { loadAllocator, OURS } from "./allocators/registry.js";
import { startCrew } from "./crew.js";
import { type TimedOptions, timed, timedAsync } from "./timed.js";
import { visitorsOf } from "./visitors.js";
import { findWorkload, isCrewWorkload, isThreadsWorkload } from "./workloads/index.js";
import type { Workload } from "./workloads/workload.js";

export interface WorkloadAsk extends TimedOptions {
  readonly workload: string;
  readonly allocator: string;
  readonly scale: number;
}

/** The same from the native twin. Times are nanoseconds per operation. */
export interface WorkloadResult {
  /** The first pass, with compilation and page faults. */
  readonly first: number;
  /** The median pass after that; of a recorded program the fastest of all. */
  readonly median: number;
  /**
   * Bytes: how much the resident memory of the process had grown at its peak, up to the end of the first pass; null
   * where the kernel does not say.
   */
  readonly resident: number | null;
  /** Bytes: stats().peakFootprint after the first pass; null for others than heapwright. */
  readonly footprint: number | null;
}

const LEAST_PASSES = 3;

export async function measureWorkload(ask: WorkloadAsk): Promise<WorkloadResult> {
  // What the allocator itself takes to load is no growth of the workload's.
  await loadAllocator(ask.allocator);
  const known = resetPeak();
  const before = statusBytes("VmRSS");
  const workload = findWorkload(ask.workload);
  const { operations, pass, stop } = await prepare(workload, ask);
  const start = performance.now();
  await pass();
  const first = ((performance.now() - start) * 1e6) / operations;
  const resident = known ? statusBytes("VmHWM") - before : null;
  const footprint = ask.allocator === OURS ? (await import("../src/index.js")).stats().peakFootprint : null;
  const time = isThreadsWorkload(workload) ? timedAsync : timed;
  const { median } = await time(ask.workload, pass as () => void, ask, LEAST_PASSES);
  stop();
  return { first, median: median / operations, resident, footprint };
}

interface Passes {
  readonly operations: number;
  pass(): void | Promise<void>;
  stop(): void;
}

async function prepare(workload: Workload, ask: WorkloadAsk): Promise<Passes> {
  if (isThreadsWorkload(workload)) return { ...(await visitorsOf(workload, ask.allocator)), stop: () => {} };
  if (isCrewWorkload(workload)) return startCrew(workload, ask.allocator, ask.scale);
  return { ...workload.prepare(await loadAllocator(ask.allocator), ask.scale), stop: () => {} };
}

/** Lets VmHWM start anew from what is resident now; false where that is not to be had. */
function resetPeak(): boolean {
  try {
    writeFileSync("/proc/self/clear_refs", "5");
    return true;
  } catch {
    return false;
  }
}

/** A field of /proc/self/status that is given in KiB; 0 where it is missing. */
export function statusBytes(field: string): number {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(readFileSync("/proc/self/status", "latin1"));
  return found === null ? 0 : Number(found[1]) * 1024;
}
