/**
 * Program: workers make allocators and end, in each way; how many files are open before and after.
 */
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { isMainThread, parentPort } from "node:worker_threads";
import { startWorker } from "../../../scripts/worker.js";
import { nativeAllocator } from "../../../src/index.js";
import { report } from "./report.js";

const WORKERS = 6;

function openFiles(): number {
  return readdirSync("/proc/self/fd").length;
}

async function startAndEnd(terminated: boolean): Promise<void> {
  const worker = startWorker(new URL(import.meta.url), null);
  await once(worker, "message");
  if (terminated) {
    await worker.terminate();
    return;
  }
  worker.postMessage("exit");
  await once(worker, "exit");
}

if (isMainThread) {
  nativeAllocator();
  await startAndEnd(true);
  const before = openFiles();
  for (let i = 0; i < WORKERS; i++) await startAndEnd(i % 2 === 0);
  report({ before, after: openFiles() });
} else {
  nativeAllocator().malloc;
  parentPort!.once("message", () => process.exit());
  parentPort!.postMessage("made");
}
