/**
 * Starts a worker whose program is TypeScript. On Node 20 the loader that the main thread was started with does not
 * reach workers, so each registers its own.
 */
import { Worker, type WorkerOptions } from "node:worker_threads";
import { transpiled } from "./runnable.js";

export function startWorker(program: URL, workerData: unknown, options: WorkerOptions = {}): Worker {
  const javascript = transpiled(program);
  if (javascript !== null) return new Worker(javascript, { ...options, workerData });
  const loader = import.meta.resolve("tsx/esm/api");
  const boot = `import { register } from ${JSON.stringify(loader)}; register(); await import(${JSON.stringify(program.href)});`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(boot)}`), { ...options, workerData });
}
