/**
 * Program: a worker is terminated while Lua, in it, asks for memory and frees it; C gets NULL from then on, and
 * the process goes on with a heap that is whole. What Lua held stays allocated: nobody closed it.
 *
 *   lua-terminated.ts LIBRARY
 */
import { once } from "node:events";
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { startWorker } from "../../../scripts/worker.js";
import { check, free, malloc, nativeAllocator, stats } from "../../../src/index.js";
import { load } from "../c.js";
import { report } from "./report.js";

const TIMES = 5;
const FOREVER = "local t = {} while true do for i = 1, 1000 do t[i] = ('x'):rep(i) .. i end end";

if (isMainThread) await kill(process.argv[2]!);
else churn(workerData as string);

async function kill(path: string): Promise<void> {
  for (let i = 0; i < TIMES; i++) {
    const worker = startWorker(new URL(import.meta.url), path);
    await once(worker, "message");
    await new Promise((resolve) => setTimeout(resolve, 20 + 7 * i)); // somewhere in its work
    await worker.terminate();
    const block = malloc(1000);
    check();
    free(block);
  }
  report({ times: TIMES, allocated: stats().allocated });
}

function churn(path: string): void {
  const lua = load(path);
  const newState = lua.func("uintptr_t lua_newstate(uintptr_t, uintptr_t)");
  const openLibraries = lua.func("void luaL_openlibs(uintptr_t)");
  const loadString = lua.func("int luaL_loadstring(uintptr_t, str)");
  const call = lua.func("int lua_pcallk(uintptr_t, int, int, int, intptr_t, uintptr_t)");
  const allocator = nativeAllocator();
  const state = newState(allocator.luaAlloc, 0);
  openLibraries(state);
  loadString(state, FOREVER);
  parentPort!.postMessage("started");
  call(state, 0, 0, 0, 0, 0);
}
