/**
 * Another thread that has a heap, does nothing, and can be ended.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";

export interface AnotherThread {
  /** Its thread.id. */
  readonly id: number;
  end(): Promise<void>;
}

const idle = `
const { parentPort, workerData } = require("node:worker_threads");
const { thread } = require(workerData);
parentPort.on("message", () => {});
parentPort.postMessage(thread.id);
`;

/** With the library as it is built. */
export async function anotherThread(): Promise<AnotherThread> {
  const library = new URL("../../dist/index.cjs", import.meta.url).pathname;
  const worker = new Worker(idle, { eval: true, workerData: library });
  const [id] = (await once(worker, "message")) as [number];
  return {
    id,
    end: async () => {
      await worker.terminate();
    },
  };
}
