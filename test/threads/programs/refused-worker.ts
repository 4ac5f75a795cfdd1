/**
 * Program: a worker that is to use the heap after the main thread has, and what each of them met.
 *
 *   refused-worker.ts [later]
 *
 * `later`: from then on the kernel keeps no list of robust mutexes for new threads.
 */
import { isMainThread, parentPort } from "node:worker_threads";
import * as lib from "../../../src/index.js";
import { tell } from "../../hazards/programs/proc.js";
import { forbidRobustLists } from "../../support/seccomp.js";
import { finish, start } from "./crew.js";

function use(): string {
  try {
    lib.free(lib.malloc(100));
    return "fine";
  } catch (error) {
    const { code, message } = error as lib.HeapError;
    return `${code}: ${message}`;
  }
}

if (isMainThread) {
  const kept = lib.malloc(10);
  if (process.argv[2] === "later" && !forbidRobustLists()) throw new Error("no filter was installed");
  const [worker] = await finish([start<string>(import.meta.url, {})]);
  lib.check();
  tell({ worker, main: lib.stats().blocks });
  lib.free(kept);
} else parentPort!.postMessage(use());
