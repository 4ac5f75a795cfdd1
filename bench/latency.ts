/**
 * Single calls of malloc and free within a workload, timed each by itself in this process.
 *
 * Around each call the clock is read twice, and nothing else is done but a store into an array that was made before. What it
 * costs is part of each figure: it is many times what most calls take, so only the slow ones can be told apart.
 */
import type { Allocator } from "./allocators/allocator.js";
import { loadAllocator } from "./allocators/registry.js";
import type { WorkloadAsk } from "./measure.js";
import { findWorkload, isSingleWorkload } from "./workloads/index.js";

/** Nanoseconds per call: the 99th percentile. */
export interface LatencyResult {
  readonly malloc: number;
  readonly free: number;
  /** Of nothing: two readings of the clock. */
  readonly clock: number;
}

/** Calls that are kept, the latest ones. */
const KEPT = 2 ** 18;
const PERCENTILE = 0.99;

/** The times of the latest calls of one kind. */
class Calls {
  readonly #times = new Float64Array(KEPT);
  #count = 0;

  note(milliseconds: number): void {
    this.#times[this.#count++ & (KEPT - 1)] = milliseconds;
  }

  forget(): void {
    this.#count = 0;
  }

  /** In nanoseconds. */
  percentile(): number {
    const sorted = this.#times.slice(0, Math.min(KEPT, this.#count)).sort();
    return (sorted[Math.floor(sorted.length * PERCENTILE)] ?? 0) * 1e6;
  }
}

export async function measureLatency(ask: WorkloadAsk): Promise<LatencyResult> {
  const workload = findWorkload(ask.workload);
  if (!isSingleWorkload(workload)) throw new Error(`${workload.name} is no workload for one thread`);
  const allocator = await loadAllocator(ask.allocator);
  const [malloc, free, clock] = [new Calls(), new Calls(), new Calls()];
  const { pass } = workload.prepare(clocked(allocator, malloc, free), ask.scale);
  passesFor(pass, ask.warmupMilliseconds);
  malloc.forget();
  free.forget();
  passesFor(pass, ask.milliseconds);
  for (let i = 0; i < KEPT; i++) {
    const start = performance.now();
    clock.note(performance.now() - start);
  }
  return { malloc: malloc.percentile(), free: free.percentile(), clock: clock.percentile() };
}

/** The same allocator, whose calls are noted. */
function clocked(of: Allocator, mallocs: Calls, frees: Calls): Allocator {
  const { malloc, free } = of;
  return {
    ...of,
    malloc(bytes) {
      const start = performance.now();
      const block = malloc(bytes);
      mallocs.note(performance.now() - start);
      return block;
    },
    free(block) {
      const start = performance.now();
      free(block);
      frees.note(performance.now() - start);
    },
  };
}

function passesFor(pass: () => void, milliseconds: number): void {
  const end = performance.now() + milliseconds;
  do pass();
  while (performance.now() < end);
}
