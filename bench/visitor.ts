/** One thread of a workload of short-lived ones: see visitors.ts. */
import { workerData } from "node:worker_threads";
import { loadAllocator } from "./allocators/registry.js";
import type { Visit } from "./visitors.js";
import { findWorkload, isThreadsWorkload } from "./workloads/index.js";

const { workload: name, allocator, blocks, chance } = workerData as Visit;
const workload = findWorkload(name);
if (!isThreadsWorkload(workload)) throw new Error(`${name} is no workload for short-lived threads`);
workload.visit(await loadAllocator(allocator), new BigInt64Array(blocks), chance);
