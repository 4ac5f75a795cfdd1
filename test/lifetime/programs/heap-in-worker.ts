/**
 * Threads of heap-threads.test.ts. `free`: frees the pointers that it is given, until many were refused, and says how many.
 * `make`: makes a heap, says what is in it, and waits.
 */
import { parentPort, workerData } from "node:worker_threads";
import { free, Heap, HeapError, malloc, type Pointer } from "../../../src/index.js";

const MOST_REFUSED = 300;
const { task, pointers, state } = workerData as { task: string; pointers: Float64Array; state: Int32Array };

if (task === "free") {
  let refused = 0;
  malloc(10); // it has a heap of its own
  Atomics.add(state, 0, 1);
  Atomics.notify(state, 0);
  for (const pointer of pointers) {
    try {
      free(pointer as Pointer);
    } catch (error) {
      if (!(error instanceof HeapError)) throw error;
      if (++refused > MOST_REFUSED) break; // each makes an error, which takes long
    }
  }
  parentPort!.postMessage(refused);
} else {
  const made = new Heap({ name: "guest" });
  const blocks = Array.from({ length: 1000 }, () => made.malloc(5000));
  const mine = Array.from({ length: 100 }, () => malloc(5000));
  parentPort!.postMessage({ blocks, mine });
  parentPort!.on("message", () => parentPort!.postMessage(made.stats()));
}
