/**
 * One thread of the job. All are started and have loaded what they need before the clock starts, by a message.
 *
 * Shared: the writer fills the map and counts; a reader looks each record up as soon as it is counted. By messages: the
 * writer posts the records to each reader, which puts them into a Map of its own.
 */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { free, type Pointer } from "../../src/index.js";
import { BATCH, keyOf, lastVersion, type Part, REPLACED, valueFor } from "./job.js";
import { SharedMap } from "./map.js";

const part = workerData as Part;
const progress = new Int32Array(part.progress);
type Batch = readonly (readonly [key: string, value: string])[];

parentPort!.on("message", async (message: { go?: MessagePort[]; release?: true }) => {
  if (message.go !== undefined) parentPort!.postMessage(await work(message.go));
  else release();
});
parentPort!.postMessage("ready");

/** Replaced records, which a reader may still be looking at. */
const retired: Pointer[] = [];

function work(ports: MessagePort[]): number | Promise<number> {
  const map = part.index === undefined ? null : new SharedMap(part.index);
  if (part.role === "reader") return map === null ? readMessages(ports[0]!) : readShared(map);
  if (map === null) postAll(ports);
  else writeShared(map);
  return 0;
}

function writeShared(map: SharedMap): void {
  for (let record = 0; record < part.records; record++) {
    map.set(keyOf(record), valueFor(record, 1));
    if (record % REPLACED === 0) retired.push(map.set(keyOf(record), valueFor(record, 2)));
    if ((record + 1) % BATCH === 0 || record + 1 === part.records) {
      Atomics.store(progress, 0, record + 1);
      Atomics.notify(progress, 0);
    }
  }
}

/** Characters of the values that are read, each looked up once it is there. */
function readShared(map: SharedMap): number {
  let characters = 0;
  for (let record = 0; record < part.records; ) {
    const there = Atomics.load(progress, 0);
    if (there === record) Atomics.wait(progress, 0, there);
    for (; record < there; record++) characters += charactersOf(record, map);
  }
  return characters;
}

function postAll(ports: MessagePort[]): void {
  let batch: (readonly [string, string])[] = [];
  for (let record = 0; record < part.records; record++) {
    batch.push([keyOf(record), valueFor(record, 1)]);
    if (record % REPLACED === 0) batch.push([keyOf(record), valueFor(record, 2)]);
    if ((record + 1) % BATCH !== 0 && record + 1 !== part.records) continue;
    for (const port of ports) port.postMessage(batch);
    batch = [];
  }
}

function readMessages(port: MessagePort): Promise<number> {
  const map = new Map<string, string>();
  let characters = 0;
  let record = 0;
  return new Promise((resolve) => {
    port.on("message", (batch: Batch) => {
      for (const [key, value] of batch) map.set(key, value);
      const there = Math.min(record + BATCH, part.records);
      for (; record < there; record++) characters += charactersOf(record, map);
      if (record < part.records) return;
      port.close();
      resolve(characters);
    });
  });
}

/** Of a record's value, if it is one that is read; it must be whole, and the last one that was written. */
function charactersOf(record: number, map: { get(key: string): string | undefined }): number {
  if (record % part.every !== 0) return 0;
  const value = map.get(keyOf(record));
  if (value !== valueFor(record, lastVersion(record))) throw new Error(`record ${record} reads as ${value}`);
  return value.length;
}

/** The readers are done: what they could have been looking at goes back to the heap. */
function release(): void {
  for (const record of retired) free(record);
  if (part.index !== undefined) for (const record of new SharedMap(part.index).records()) free(record);
  parentPort!.postMessage("released");
}
