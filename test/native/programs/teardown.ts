/**
 * Program: a library's threads allocate while the thread that gave them its functions comes to its end, in this way or that.
 *
 *   teardown.ts LIBRARY end|exit|uncaught|worker-end|worker-exit|worker-terminate
 */
import { once } from "node:events";
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { startWorker } from "../../../scripts/worker.js";
import { check, nativeAllocator } from "../../../src/index.js";
import { koffi } from "../c.js";

const THREADS = 4;
const ENOUGH = 500;
const LIMIT_MS = 20_000;

interface Work {
  readonly path: string;
  readonly way: string;
}

function libraryAt(path: string) {
  const library = koffi.load(path);
  return {
    start: library.func("void start(uintptr_t, uintptr_t, int)"),
    given: library.func("long times_given()"),
    refused: library.func("long times_refused()"),
    wrong: library.func("int times_wrong()"),
  };
}

async function until(reached: () => boolean): Promise<void> {
  const deadline = Date.now() + LIMIT_MS;
  while (!reached()) {
    if (Date.now() > deadline) throw new Error("the library's threads came to nothing");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Has the threads at work, and ends this thread. */
async function work({ path, way }: Work): Promise<void> {
  const library = libraryAt(path);
  const allocator = nativeAllocator();
  library.start(allocator.malloc, allocator.free, THREADS);
  await until(() => library.given() >= ENOUGH);
  if (way === "exit") process.exit(0);
  if (way === "uncaught") throw new Error("uncaught on purpose");
  if (way === "terminate") {
    parentPort!.postMessage("at work");
    setInterval(() => {}, 1000); // until somebody else ends it
  }
}

/** The threads go on when the worker is gone: they get NULL, and this thread's heap is whole. */
async function watchWorker(data: Work): Promise<void> {
  const worker = startWorker(new URL(import.meta.url), data);
  const ended = once(worker, "exit");
  if (data.way === "terminate") {
    await once(worker, "message");
    void worker.terminate();
  }
  await ended;
  const library = libraryAt(data.path);
  const before = library.refused();
  await until(() => library.refused() >= before + THREADS * 5);
  const given = library.given();
  await until(() => library.refused() >= before + THREADS * 10);
  if (library.given() !== given) throw new Error("a thread got a block from a worker that is gone");
  check();
}

if (isMainThread) {
  const [path, way] = process.argv.slice(2) as [string, string];
  if (way.startsWith("worker-")) await watchWorker({ path, way: way.slice("worker-".length) });
  else await work({ path, way });
} else {
  await work(workerData as Work);
}
