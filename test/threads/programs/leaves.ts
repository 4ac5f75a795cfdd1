/** Allocates what workerData says, tells where it lies, and stays until it is terminated. */
import { parentPort, workerData } from "node:worker_threads";
import { free, malloc } from "../../../src/index.js";

const pointers = (workerData as number[]).map((size) => malloc(size));
for (let i = 0; i < 50; i++) free(malloc(300 + i)); // what it freed is its own heap's too
parentPort!.postMessage(pointers);
setInterval(() => {}, 1000);
