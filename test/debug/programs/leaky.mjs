/**
 * Program: leaks in the main thread and in workers that live, end and are terminated; some blocks are freed by another thread.
 *
 *   leaky.mjs URL-OF-THE-LIBRARY
 */
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

const url = process.argv[2] ?? workerData.url;
const { free, Heap, malloc } = await import(url);

function forget(bytes) {
  return malloc(bytes);
}

if (isMainThread) {
  forget(1000);
  free(forget(2000));
  const start = (how) => new Worker(new URL(import.meta.url), { workerData: { url, how } });
  const said = (worker) => new Promise((resolve) => worker.once("message", resolve));
  const gone = (worker) => new Promise((resolve) => worker.once("exit", resolve));

  const ended = start("ends");
  const [pointer] = await Promise.all([said(ended), gone(ended)]);
  free(pointer);
  const terminated = start("waits");
  await said(terminated);
  await terminated.terminate();
  const living = start("waits");
  await said(living);
  process.exit(0);
} else {
  forget(300);
  new Heap().malloc(7); // which ends with its thread
  parentPort.postMessage(forget(4000));
  if (workerData.how === "waits") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
