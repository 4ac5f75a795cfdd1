/**
 * One worker puts records into a map and their keys into a queue; two others take the keys, and look the records up. A
 * program to take and change.
 *
 *   npm run example:shared-map              100,000 records
 *   npm run example:shared-map -- 5000      so many
 */
import { once } from "node:events";
import { isMainThread, workerData } from "node:worker_threads";
import { HashMap, Queue } from "../src/containers/index.js";
import { type Pointer, stats } from "../src/index.js";
import { startWorker } from "./worker.js";

interface Part {
  readonly map: Pointer;
  readonly queue: Pointer;
  /** How many the worker is to write; 0 for one that reads. */
  readonly records: number;
}

const textOf = (key: string) => `${"lorem ipsum ".repeat(key.length)}${key}`;

/** What each worker does: map and queue are the same in all of them. */
function work(part: Part): void {
  const map = HashMap.at(part.map, "string", "string");
  const queue = Queue.at(part.queue);
  for (let i = 0; i < part.records; i++) {
    const key = `user:${i}`;
    map.set(key, textOf(key));
    queue.push(Buffer.from(key));
  }
  if (part.records > 0) queue.close();
  for (let key = queue.shift()?.toString(); key !== undefined; key = queue.shift()?.toString()) {
    if (map.get(key) !== textOf(key)) throw new Error(`${key} is ${map.get(key)}`);
  }
}

async function main(records: number): Promise<void> {
  if (!Number.isSafeInteger(records) || records < 1)
    throw new Error(`give a number of records, not ${records}`);
  using map = new HashMap("string", "string");
  using queue = new Queue(64 * 1024);
  const start = (records: number) =>
    startWorker(new URL(import.meta.url), { map: map.pointer, queue: queue.pointer, records } satisfies Part);
  await Promise.all([start(records), start(0), start(0)].map((worker) => once(worker, "exit")));
  console.log(`${map.size} records in ${stats().allocated} bytes, written by one worker and read by two`);
}

if (isMainThread) {
  await main(Number(process.argv[2] ?? 100_000));
  console.log(`${stats().allocated} bytes are left in the heap`);
} else work(workerData as Part);
