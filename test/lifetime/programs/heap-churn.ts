/** Makes heaps, uses and destroys them, and shows the pointers of one, until it is terminated. */
import { workerData } from "node:worker_threads";
import { Heap, malloc, realloc } from "../../../src/index.js";

const { shown, state } = workerData as { shown: Float64Array; state: Int32Array };

malloc(100);
for (let round = 0; ; round++) {
  const heaps = Array.from({ length: 3 }, () => new Heap({ limit: 8 * 2 ** 20 }));
  for (const heap of heaps) {
    for (let i = 0; i < shown.length; i++) {
      const block = heap.malloc(16 + ((i * 37 + round) % 3000));
      if (i % 3 === 0) heap.free(block);
      else shown[i] = i % 5 === 0 ? realloc(block, 5000) : block;
    }
  }
  Atomics.store(state, 0, round + 1);
  for (const heap of heaps.slice(1)) heap.destroy();
}
