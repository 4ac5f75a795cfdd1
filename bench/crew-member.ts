/** The program of a crew's worker thread. Loaded compiled: see compile.ts. */
import { writeSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { loadAllocator } from "./allocators/registry.js";
import { crewOf, type Membership, serve } from "./crew.js";
import { findWorkload, isCrewWorkload } from "./workloads/index.js";

const STDERR = 2;

async function main(membership: Membership): Promise<void> {
  const workload = findWorkload(membership.workload);
  if (!isCrewWorkload(workload)) throw new Error(`${workload.name} is no workload for several threads`);
  const allocator = await loadAllocator(membership.allocator);
  const { operations, pass } = workload.join(allocator, crewOf(membership), membership.scale);
  parentPort!.postMessage(operations);
  try {
    serve(membership, pass);
  } catch (error) {
    // Told at once: the main thread sleeps, and process.stderr of a worker goes through it.
    writeSync(STDERR, `${error instanceof Error ? error.stack : String(error)}\n`);
    throw error;
  }
}

await main(workerData as Membership);
