/**
 * One worker fills a map, two others read it as it grows: shared in the heap, and by postMessage.
 *
 *   npm run example:shared-map              100,000 records
 *   npm run example:shared-map -- 5000      so many
 *
 * By messages, each value is made a JavaScript string once for each reader, read or not, and each reader holds a copy
 * of all; shared, there is one copy, and a string is made of a value each time that it is read. So the first is as quick
 * or quicker where everything is read once, and the second where few are read, or memory counts.
 *
 * A program to take and change: shared-map/map.ts is the map, shared-map/worker.ts what the threads do. A pointer is a
 * plain number that is valid in each of them. Both ways do the same work and verify every value that they read.
 */
import { once } from "node:events";
import { MessageChannel, type Worker } from "node:worker_threads";
import { stats } from "../src/index.js";
import type { Part } from "./shared-map/job.js";
import { SharedMap } from "./shared-map/map.js";
import { startWorker } from "./worker.js";

const READERS = 2;
/** Whoever reads few of the records still gets all of them by messages. */
const READ_FEW = 20;
const LIMIT_MS = 120_000;

interface Result {
  readonly milliseconds: number;
  /** What each reader counted. */
  readonly characters: readonly number[];
}

const records = Number(process.argv[2] ?? 100_000);
if (!Number.isSafeInteger(records) || records < 1)
  throw new Error(`give a number of records, not ${records}`);
const timer = setTimeout(() => {
  console.error(`not done after ${LIMIT_MS} ms`);
  process.exit(1);
}, LIMIT_MS);

const before = stats().allocated;
console.log(`${records} records written by one worker and read by ${READERS}, each as it comes:`);
for (const every of [1, READ_FEW]) {
  const shared = await run(every, SharedMap.newIndex(records));
  const posted = await run(every, undefined);
  const counts = new Set([...shared.characters, ...posted.characters]);
  if (counts.size !== 1) throw new Error(`the readers disagree: ${[...counts].join(", ")} characters`);
  console.log(every === 1 ? "each reader reads all of them" : `each reader reads one of ${every}`);
  console.log(`  shared heap   ${shared.milliseconds.toFixed(0)} ms`);
  console.log(`  postMessage   ${posted.milliseconds.toFixed(0)} ms`);
}
clearTimeout(timer);
console.log(`${stats().allocated - before} bytes are left in the heap`);

/** Does the job, in new threads; the clock runs from when they are ready until both readers have read everything. */
async function run(every: number, index: SharedArrayBuffer | undefined): Promise<Result> {
  const progress = new SharedArrayBuffer(4);
  const program = new URL("shared-map/worker.ts", import.meta.url);
  const start = (role: Part["role"]) => startWorker(program, { role, records, every, index, progress });
  const writer = start("writer");
  const readers = Array.from({ length: READERS }, () => start("reader"));
  await Promise.all([writer, ...readers].map(answer));

  const channels = readers.map(() => new MessageChannel());
  const from = performance.now();
  const counted = readers.map((reader, i) => {
    const done = answer(reader);
    const port = channels[i]!.port2;
    reader.postMessage({ go: [port] }, [port]);
    return done;
  });
  const written = answer(writer);
  const ports = channels.map(({ port1 }) => port1);
  writer.postMessage({ go: ports }, ports);
  const characters = (await Promise.all(counted)) as number[];
  const milliseconds = performance.now() - from;

  await written;
  const released = answer(writer);
  writer.postMessage({ release: true });
  await released;
  await Promise.all([writer, ...readers].map((worker) => worker.terminate()));
  return { milliseconds, characters };
}

/** The next thing that a worker says; what it throws ends the program. */
async function answer(worker: Worker): Promise<unknown> {
  const [message] = await once(worker, "message");
  return message;
}
