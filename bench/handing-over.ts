/**
 * Records from a worker to this thread, timed: through a Queue, by postMessage, and through a ring in a SharedArrayBuffer by
 * hand. Runs in a process of its own.
 *
 * By hand means: one writer, one reader, records of one length. Whoever waits sleeps, all three ways.
 */
import { once } from "node:events";
import { type MessagePort, parentPort, Worker, workerData } from "node:worker_threads";
import { Queue } from "../src/containers/index.js";
import { median } from "./compare.js";

export type Way = "heapwright" | "postMessage" | "SharedArrayBuffer";

export interface HandingOverAsk {
  readonly way: Way;
  readonly records: number;
  readonly bytes: number;
  readonly repetitions: number;
}

interface Order extends HandingOverAsk {
  /** The queue's address. */
  readonly pointer: number;
  readonly ring: SharedArrayBuffer;
}

const QUEUE_BYTES = 256 * 1024;
const [HEAD, TAIL, DATA] = [0, 16, 128];
/** How long anybody waits, in ms. */
const PATIENCE = 60_000;

export async function measureHandingOver(ask: HandingOverAsk): Promise<number> {
  using queue = new Queue(QUEUE_BYTES);
  const order: Order = { ...ask, pointer: queue.pointer, ring: new SharedArrayBuffer(DATA + QUEUE_BYTES) };
  const worker = new Worker(new URL(import.meta.url), { workerData: order });
  await once(worker, "message");
  const times: number[] = [];
  for (let round = 0; round < ask.repetitions; round++) {
    const start = process.hrtime.bigint();
    worker.postMessage("go");
    const first = await receivers[ask.way](order, queue, worker);
    if (first !== ask.bytes) throw new Error(`a record of ${first} bytes came, not of ${ask.bytes}`);
    times.push(Number(process.hrtime.bigint() - start));
  }
  await worker.terminate();
  // The first repetitions are V8's.
  return median(times.slice(times.length >>> 1)) / ask.records;
}

/** Each takes all records, and tells how long the last one was. */
const receivers: Record<Way, (order: Order, queue: Queue, worker: Worker) => number | Promise<number>> = {
  heapwright: ({ records }, queue) => {
    let length = 0;
    for (let i = 0; i < records; i++) length = queue.shift(PATIENCE)?.length ?? -1;
    return length;
  },
  postMessage: ({ records }, _, worker) =>
    new Promise((resolve) => {
      let left = records;
      const take = (record: Uint8Array) => {
        if (--left > 0) return;
        worker.off("message", take);
        resolve(record.length);
      };
      worker.on("message", take);
    }),
  SharedArrayBuffer: ({ records, bytes, ring }) => {
    const words = new Int32Array(ring, 0, DATA / 4);
    const data = new Uint8Array(ring, DATA);
    let record = new Uint8Array(0);
    for (let i = 0; i < records; i++) {
      const head = Atomics.load(words, HEAD);
      while (Atomics.load(words, TAIL) === head) Atomics.wait(words, TAIL, head, PATIENCE);
      const place = (head * bytes) % (QUEUE_BYTES - (QUEUE_BYTES % bytes));
      record = data.slice(place, place + bytes);
      Atomics.store(words, HEAD, (head + 1) | 0);
      Atomics.notify(words, HEAD);
    }
    return record.length;
  },
};

const senders: Record<Way, (order: Order, record: Uint8Array, port: MessagePort) => void> = {
  heapwright: ({ records, pointer }, record) => {
    const queue = Queue.at(pointer as Queue["pointer"]);
    for (let i = 0; i < records; i++) queue.push(record, PATIENCE);
  },
  postMessage: ({ records }, record, port) => {
    for (let i = 0; i < records; i++) port.postMessage(record);
  },
  SharedArrayBuffer: ({ records, bytes, ring }, record) => {
    const words = new Int32Array(ring, 0, DATA / 4);
    const data = new Uint8Array(ring, DATA);
    const room = Math.floor(QUEUE_BYTES / bytes);
    for (let i = 0; i < records; i++) {
      const tail = Atomics.load(words, TAIL);
      for (let head = Atomics.load(words, HEAD); tail - head >= room; head = Atomics.load(words, HEAD)) {
        Atomics.wait(words, HEAD, head, PATIENCE);
      }
      data.set(record, (tail * bytes) % (QUEUE_BYTES - (QUEUE_BYTES % bytes)));
      Atomics.store(words, TAIL, (tail + 1) | 0);
      Atomics.notify(words, TAIL);
    }
  },
};

const order = workerData as Order | null;
if (order !== null && "way" in order) {
  const record = new Uint8Array(order.bytes).fill(7);
  parentPort!.on("message", () => senders[order.way](order, record, parentPort!));
  parentPort!.postMessage("ready");
}
