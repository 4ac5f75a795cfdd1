/** Worker: allocates the number of blocks that it is given, tells where they are, and waits in its event loop. */
import { parentPort, workerData } from "node:worker_threads";
import { malloc } from "../../../src/index.js";

parentPort!.postMessage(Array.from({ length: workerData as number }, () => malloc(100)));
parentPort!.on("message", () => {});
