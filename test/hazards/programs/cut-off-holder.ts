/**
 * Program: a worker is cut off while it takes and gives back large blocks, so that it often holds the lock at that moment, and
 * never uses the heap again; the main thread must not be kept waiting.
 */

import vm from "node:vm";
import { isMainThread, parentPort } from "node:worker_threads";
import { startWorker } from "../../../scripts/worker.js";
import { free, malloc } from "../../../src/index.js";
import { tell } from "./proc.js";

const ROUNDS = 12;
const LARGE = 300_000;
const TIMEOUT_MS = 2;

function useHeap(): void {
  for (;;) free(malloc(LARGE));
}

if (isMainThread) {
  const times: number[] = [];
  const worker = startWorker(new URL(import.meta.url), null);
  for (let round = 0; round < ROUNDS; round++) {
    worker.postMessage("begin");
    await new Promise((resolve) => worker.once("message", resolve)); // it was cut off
    const start = performance.now();
    free(malloc(LARGE));
    times.push(performance.now() - start);
  }
  worker.postMessage("end");
  await new Promise((resolve) => worker.once("exit", resolve));
  tell({ longest: Math.max(...times), rounds: times.length });
} else {
  const context = vm.createContext({ useHeap });
  parentPort!.on("message", (what) => {
    if (what === "end") {
      parentPort!.close();
      return;
    }
    try {
      vm.runInContext("useHeap()", context, { timeout: TIMEOUT_MS });
    } catch {
      parentPort!.postMessage("cut off");
    }
  });
}
