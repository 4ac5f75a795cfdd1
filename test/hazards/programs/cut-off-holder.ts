/**
 * Program: a worker is cut off while it often holds a lock, and never uses the heap again; the main thread must not be kept waiting.
 *
 *   cut-off-holder.ts large   it takes and gives back large blocks: that is under the lock
 *   cut-off-holder.ts idle    it gives its heap up and takes one again: that is under the adoption mutex
 */

import vm from "node:vm";
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { startWorker } from "../../../scripts/worker.js";
import { free, idle, malloc, trim } from "../../../src/index.js";
import { tell } from "./proc.js";

const ROUNDS = 12;
const LARGE = 300_000;
const TIMEOUT_MS = 2;

const loops = {
  large(): void {
    for (;;) free(malloc(LARGE));
  },
  idle(): void {
    for (;;) {
      free(malloc(100));
      idle();
    }
  },
};

if (isMainThread) {
  const times: number[] = [];
  const worker = startWorker(new URL(import.meta.url), process.argv[2]);
  for (let round = 0; round < ROUNDS; round++) {
    worker.postMessage("begin");
    await new Promise((resolve) => worker.once("message", resolve)); // it was cut off
    const start = performance.now();
    free(malloc(LARGE));
    trim();
    times.push(performance.now() - start);
  }
  worker.postMessage("end");
  await new Promise((resolve) => worker.once("exit", resolve));
  tell({ longest: Math.max(...times), rounds: times.length });
} else {
  const context = vm.createContext({ useHeap: loops[workerData as keyof typeof loops] });
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
