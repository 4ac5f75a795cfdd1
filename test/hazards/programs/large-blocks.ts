/** Worker: allocates and frees large blocks, which takes the lock, until it is told to end; then says how many. */
import { parentPort } from "node:worker_threads";
import { free, malloc } from "../../../src/index.js";

let pairs = 0;
let ended = false;
parentPort!.once("message", () => (ended = true));
parentPort!.postMessage("ready");
while (!ended) {
  for (let i = 0; i < 20; i++) free(malloc(200_000));
  pairs += 20;
  await new Promise((resolve) => setImmediate(resolve));
}
parentPort!.postMessage(pairs);
parentPort!.close();
