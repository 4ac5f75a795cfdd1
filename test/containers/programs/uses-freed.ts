/** Worker: opens containers and uses them, and does so again once they were freed; tells with which errors it was refused. */
import { once } from "node:events";
import { parentPort, workerData } from "node:worker_threads";
import type { HeapError, Pointer } from "../../../src/index.js";
import { usesOf } from "../uses.js";

const uses = (workerData as { name: string; pointer: Pointer }[]).flatMap(({ name, pointer }) =>
  usesOf(name, pointer),
);

function codes(): string[] {
  return uses.flatMap((use) => {
    try {
      use();
      return [];
    } catch (error) {
      return [(error as HeapError).code];
    }
  });
}

parentPort!.postMessage(codes());
await once(parentPort!, "message");
parentPort!.postMessage(codes());
