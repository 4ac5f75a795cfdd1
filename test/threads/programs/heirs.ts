/**
 * Program: what a worker leaves when it ends, and what the main thread makes of it.
 *
 *   heirs.ts SCENARIO   the name of one of the functions below
 */
import { isMainThread, workerData } from "node:worker_threads";
import { startWorker } from "../../../scripts/worker.js";
import {
  alignedAlloc,
  calloc,
  check,
  configure,
  fill,
  free,
  malloc,
  stats,
  view,
} from "../../../src/index.js";
import { tell } from "../../hazards/programs/proc.js";

const KIB = 1024;
const MIB = 1024 * KIB;
const SIZE = 100_000;

/** A worker that fills so many blocks, frees them and ends. */
async function afterWorker(blocks: number): Promise<void> {
  const worker = startWorker(new URL(import.meta.url), blocks);
  await new Promise((resolve, reject) => worker.once("exit", resolve).once("error", reject));
}

function fails(attempt: () => unknown): boolean {
  try {
    attempt();
  } catch {
    return true;
  }
  return false;
}

const scenarios: Record<string, () => Promise<object>> = {
  async "calloc clears what an ended thread had written"() {
    await afterWorker(8);
    const blocks = Array.from({ length: 40 }, () => calloc(1, SIZE / 2));
    const dirty = blocks.filter((block) => view(block, SIZE / 2).some((byte) => byte !== 0));
    return { dirty: dirty.length, blocks: blocks.length };
  },
  async "a mapping at the limit, while ended threads' heaps lie idle"() {
    configure({ limit: 8 * MIB });
    await afterWorker(60);
    return { failed: fails(() => malloc(7_500_000)) };
  },
  async "an aligned block at the limit, from an ended thread's heap"() {
    configure({ limit: 16 * MIB });
    await afterWorker(120);
    let bytes = 0;
    while (bytes < 14 * MIB && !fails(() => alignedAlloc(32, 1000))) bytes += 1024;
    return { bytes };
  },
  /** Each failing call looks into the heaps of ended threads: the next worker must find them still. */
  async "calls that fail leave ended threads' heaps to others"() {
    configure({ limit: 64 * MIB });
    for (let round = 0; round < 8; round++) {
      await afterWorker(4);
      fails(() => malloc(200 * MIB));
    }
    const { segments, footprint } = stats();
    return { segments, footprint };
  },
};

if (isMainThread) {
  const result = await scenarios[process.argv[2]!]!();
  check();
  tell(result);
} else {
  const blocks = Array.from({ length: workerData as number }, () => malloc(SIZE));
  for (const block of blocks) fill(block, 0xff, SIZE);
  for (const block of blocks) free(block);
}
