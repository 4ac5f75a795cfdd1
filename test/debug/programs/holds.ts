/** Worker: holds a block until it is terminated. */
import { parentPort } from "node:worker_threads";
import { malloc } from "../../../src/index.js";

malloc(2000);
parentPort!.postMessage("holds");
setInterval(() => {}, 1000);
