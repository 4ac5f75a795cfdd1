/**
 * Program: what people use of the published package, in whichever runtime this is; one line of findings.
 */
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import koffi from "koffi";
import * as heap from "../../../dist/index.js";

const OTHER_THREAD_MS = 10_000;

function blocks() {
  const pointer = heap.calloc(4, 16);
  heap.write.i32(pointer, 42);
  const grown = heap.realloc(pointer, 100_000);
  const found = [heap.read.i32(grown), heap.view(grown)[0]];
  heap.free(grown);
  heap.free(heap.malloc(10_000_000));
  return found;
}

function records() {
  const Point = heap.struct({ x: "f64", tag: "u8" });
  const points = Point.array(1000);
  for (let i = 0; i < points.length; i++) points.at(i).x = i;
  const { x } = points.at(999);
  heap.free(points.pointer);
  return x;
}

function refusal() {
  const pointer = heap.malloc(10);
  heap.free(pointer);
  try {
    heap.free(pointer);
    return "none";
  } catch (error) {
    return error.code;
  }
}

function functions() {
  const memory = heap.nativeAllocator();
  const malloc = koffi.decode(memory.malloc, koffi.proto("uintptr_t", ["size_t"]));
  const free = koffi.decode(memory.free, koffi.proto("void", ["uintptr_t"]));
  free(malloc(100));
  const held = malloc(100);
  const found = [memory.blocks, memory.bytes];
  free(held);
  memory.dispose();
  return [...found, memory.blocks, malloc(1), memory.failures];
}

/** Calls of another thread, which wait for this one's event loop. */
async function otherThread() {
  const memory = heap.nativeAllocator();
  const malloc = koffi.decode(memory.malloc, koffi.proto("uintptr_t", ["size_t"]));
  const pointer = await new Promise((resolve, reject) => {
    malloc.async(100, (error, value) => (error ? reject(error) : resolve(value)));
    setTimeout(() => resolve(0), OTHER_THREAD_MS).unref();
  });
  if (pointer > 0) heap.free(pointer);
  return pointer > 0;
}

/** A block goes to a worker, which frees it and sends one of its own. */
async function worker() {
  const pointer = heap.malloc(8);
  heap.write.i32(pointer, 5);
  const other = new Worker(new URL(import.meta.url), { workerData: pointer });
  const [value, own] = await new Promise((resolve, reject) => {
    other.on("message", resolve);
    other.on("error", reject);
  });
  const found = [value, heap.read.i32(own)];
  heap.free(own);
  await other.terminate();
  return found;
}

if (isMainThread) {
  const found = {
    blocks: blocks(),
    records: records(),
    refusal: refusal(),
    functions: functions(),
    otherThread: await otherThread(),
    worker: await worker(),
  };
  heap.check();
  console.log(JSON.stringify(found));
} else {
  const value = heap.read.i32(workerData);
  heap.free(workerData);
  const own = heap.malloc(8);
  heap.write.i32(own, 6);
  parentPort.postMessage([value, own]);
}
