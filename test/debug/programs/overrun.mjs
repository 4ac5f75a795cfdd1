/**
 * Program: writes where it must not, past all checks, and ends without a free.
 *
 *   overrun.mjs URL-OF-THE-LIBRARY behind|freed|nothing
 */
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

const [url, what] = isMainThread ? process.argv.slice(2) : [workerData.url, workerData.what];
const { free, malloc, read, view } = await import(url);

const block = malloc(40);
const bytes = view(block);
const memory = new Uint8Array(bytes.buffer, bytes.byteOffset, 60);
if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url), { workerData: { url, what } });
  const message = await new Promise((resolve) => worker.once("message", resolve));
  try {
    read.u8(message.pointer, 40);
  } catch (error) {
    console.log(JSON.stringify({ own: message.code, other: error.code }));
  }
  free(message.pointer); // of another thread
  await new Promise((resolve) => worker.once("exit", resolve));
  if (what === "behind") memory[40] = 1;
  if (what === "freed") free(block);
  if (what === "freed") memory[7] = 1;
} else {
  let code = "nothing";
  try {
    read.u8(block, 40);
  } catch (error) {
    code = error.code;
  }
  parentPort.postMessage({ pointer: malloc(40), code });
}
