/**
 * Boots a worker that runs TypeScript: loads the module that workerData names, and posts what its function returns.
 */
import { parentPort, workerData } from "node:worker_threads";
import { register } from "tsx/esm/api";

register();
const module = await import(workerData.module);
parentPort.postMessage(await module[workerData.run](...workerData.args));
