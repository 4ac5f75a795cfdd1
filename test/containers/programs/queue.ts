/**
 * Program: writers and readers on one queue, some of which are terminated; every record arrives once and whole.
 *
 *   queue.ts TERMINATIONS
 *
 * Each writer that is started has a number, and its records have that number, a serial and bytes that follow from both.
 * What is counted: how many serials each writer has seen push() return for, and how often each record was taken.
 */
import { setTimeout as delay } from "node:timers/promises";
import { isMainThread } from "node:worker_threads";
import { Queue } from "../../../src/containers/index.js";
import { check, type Pointer, stats } from "../../../src/index.js";
import { tell } from "../../hazards/programs/proc.js";
import { Random, testSeed } from "../../support/seed.js";
import { given, left, type Member, start, terminate, within } from "../../threads/programs/crew.js";

const CAPACITY = 2048;
const WRITERS = 2;
const READERS = 2;
const RECORDS = 4000;
const LONGEST = 700;
/** Beyond the ring: in blocks of their own. */
const LONG = 6000;

interface Part {
  readonly pointer: Pointer;
  readonly seed: number;
  readonly writer: number | null;
  /** For each writer, how many of its records were added. */
  readonly added: SharedArrayBuffer;
  /** For each record of each writer, how often it was taken. */
  readonly taken: SharedArrayBuffer;
  /** How many threads have begun. */
  readonly begun: SharedArrayBuffer;
}

export interface Findings {
  records: number;
  /** Added, as its writer knows, and not taken. */
  missing: number;
  /** Taken more than once. */
  twice: number;
  /** Taken, and its writer did not live to know that it was added. */
  unknown: number;
  endedWriters: number;
  endedReaders: number;
  blocks: number;
}

function lengthOf(seed: number, writer: number, serial: number): number {
  const random = new Random(seed ^ (writer << 16) ^ serial);
  if (serial % 5 === 0) return random.int(CAPACITY, LONG);
  return 8 + random.int(0, serial % 7 === 0 ? LONGEST : 40);
}

function write(part: Part, writer: number): void {
  const queue = Queue.at(part.pointer);
  const added = new Int32Array(part.added);
  for (let serial = 0; serial < RECORDS; serial++) {
    const record = Buffer.alloc(lengthOf(part.seed, writer, serial), writer + serial);
    record.writeInt32LE(writer, 0);
    record.writeInt32LE(serial, 4);
    if (!queue.push(record, 20_000)) throw new Error(`writer ${writer} waited in vain`);
    Atomics.store(added, writer, serial + 1);
  }
}

function take(part: Part): void {
  const queue = Queue.at(part.pointer);
  const taken = new Int32Array(part.taken);
  const latest = new Map<number, number>();
  for (;;) {
    const record = queue.shift(20_000);
    if (record === undefined) {
      if (queue.closed) return;
      throw new Error("a reader waited in vain");
    }
    const [writer, serial] = [record.readInt32LE(0), record.readInt32LE(4)];
    Atomics.add(taken, writer * RECORDS + serial, 1);
    const wanted = Buffer.alloc(lengthOf(part.seed, writer, serial), writer + serial);
    if (!record.subarray(8).equals(wanted.subarray(8)))
      throw new Error(`record ${serial} of ${writer} is not whole`);
    if ((latest.get(writer) ?? -1) >= serial) throw new Error(`record ${serial} of ${writer} came late`);
    latest.set(writer, serial);
  }
}

async function main(terminations: number): Promise<Findings> {
  const random = new Random(testSeed("queue"));
  const blocks = stats().blocks;
  const queue = new Queue(CAPACITY);
  const most = WRITERS + terminations;
  const shared = {
    pointer: queue.pointer,
    seed: random.next(),
    added: new SharedArrayBuffer(4 * most),
    taken: new SharedArrayBuffer(4 * most * RECORDS),
    begun: new SharedArrayBuffer(4),
  };
  const begun = new Int32Array(shared.begun);
  const found = { endedWriters: 0, endedReaders: 0 };
  let writers = 0;
  const failed: unknown[] = [];
  const begin = async (isWriter: boolean): Promise<Member<string>> => {
    const before = Atomics.load(begun, 0);
    const member = start<string>(import.meta.url, { ...shared, writer: isWriter ? writers++ : null });
    member.worker.on("error", (error) => failed.push(error));
    await left(begun, 0, before); // not while it loads koffi, which does not survive it
    return member;
  };
  const crew: { member: Member<string>; isWriter: boolean }[] = [];
  for (let i = 0; i < WRITERS; i++) crew.push({ member: await begin(true), isWriter: true });
  for (let i = 0; i < READERS; i++) crew.push({ member: await begin(false), isWriter: false });
  for (let i = 0; i < terminations; i++) {
    await delay(random.int(0, 15));
    const place = random.int(0, crew.length - 1);
    const { member, isWriter } = crew[place]!;
    await terminate(member);
    if (isWriter) found.endedWriters++;
    else found.endedReaders++;
    crew[place] = { member: await begin(isWriter), isWriter };
  }
  const ended = crew.map(({ member }) => member.ended);
  await within(Promise.all(ended.filter((_, i) => crew[i]!.isWriter)), "the writers");
  queue.close();
  await within(Promise.all(ended), "the readers");
  if (failed.length > 0) throw failed[0];
  queue.free();
  check();
  const added = new Int32Array(shared.added);
  const taken = new Int32Array(shared.taken);
  const counts = { records: 0, missing: 0, twice: 0, unknown: 0 };
  for (let writer = 0; writer < writers; writer++) {
    counts.records += added[writer]!;
    for (let serial = 0; serial < RECORDS; serial++) {
      const times = taken[writer * RECORDS + serial]!;
      if (times > 1) counts.twice++;
      if (times === 0 && serial < added[writer]!) counts.missing++;
      if (times > 0 && serial >= added[writer]!) counts.unknown++;
    }
  }
  return { ...counts, ...found, blocks: stats().blocks - blocks };
}

if (isMainThread) {
  tell(await main(Number(process.argv[2])));
} else {
  const part = given<Part>();
  Atomics.add(new Int32Array(part.begun), 0, 1);
  if (part.writer === null) take(part);
  else write(part, part.writer);
}
