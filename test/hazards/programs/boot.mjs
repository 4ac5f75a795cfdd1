/**
 * Boots a worker that runs TypeScript: loads the module that workerData names, and posts what its function returns. Where the
 * tests were transpiled beforehand, the module is JavaScript: at the same place, or at the same path in that folder.
 */
import { existsSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";

const root = new URL("../../../", import.meta.url).href;
const folder = process.env.HEAPWRIGHT_TEST_TRANSPILED;
const place = folder === undefined ? root : `file://${folder}/`;
const compiled = workerData.module.replace(root, place).replace(/\.ts$/, ".js");
const isCompiled = existsSync(new URL(compiled));
if (!isCompiled) (await import("tsx/esm/api")).register();
const module = await import(isCompiled ? compiled : workerData.module);
parentPort.postMessage(await module[workerData.run](...workerData.args));
