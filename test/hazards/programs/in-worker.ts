/**
 * Program: the same as refused.ts, but a worker loads the library, and the main thread does not.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { tell } from "./proc.js";

const worker = new Worker(new URL("./boot.mjs", import.meta.url), {
  argv: [],
  workerData: {
    module: new URL("./refused.ts", import.meta.url).href,
    run: "refusedRun",
    args: [process.argv[2]],
  },
});
const [found] = await once(worker, "message");
tell(found as object);
