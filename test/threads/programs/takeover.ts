/**
 * Program: several threads take over the same heaps of ended threads at the same moment, again and again.
 *
 *   takeover.ts THREADS ROUNDS
 */
import { isMainThread, parentPort } from "node:worker_threads";
import { heap } from "../../../src/api/malloc.js";
import * as lib from "../../../src/index.js";
import { tell } from "../../hazards/programs/proc.js";
import { adopt } from "../../support/adopt.js";
import { Random, testSeed } from "../../support/seed.js";
import { finish, given, Meeting, start } from "./crew.js";
import { Slots } from "./slots.js";
import { LEAST, Stamps, verdict } from "./stamps.js";

/** The threads that compete have one each at once. */
const HEAPS = 8;
const LEFT = 100;

interface Task {
  readonly play: "leave" | "compete";
  readonly meeting: SharedArrayBuffer;
  /** Who meets there. */
  readonly threads: number;
  readonly slots: SharedArrayBuffer;
  readonly rounds: number;
  readonly seed: number;
  readonly stream: number;
}

function make(stamps: Stamps, random: Random): lib.Pointer {
  const size = random.spread(LEAST, 5000);
  const pointer = lib.malloc(size);
  stamps.write(pointer, size, random);
  return pointer;
}

function leave({ slots, seed, stream }: Task, meeting: Meeting): void {
  const [stamps, random] = [new Stamps(lib, seed), new Random(seed + stream)];
  const table = new Slots(slots);
  for (let i = 0; i < table.length; i++) {
    table.swap(i, make(stamps, random));
    lib.free(make(stamps, random));
  }
  meeting.meet(); // so that each has a heap of its own
}

/** How many heaps this thread got. */
function compete({ rounds, seed, stream }: Task, meeting: Meeting): number {
  const [stamps, random] = [new Stamps(lib, seed), new Random(seed + stream)];
  const others = heap.others!;
  let got = 0;
  for (let round = 0; round < rounds; round++) {
    meeting.meet();
    for (let taken = adopt(heap); taken !== null; taken = adopt(heap)) {
      got++;
      const pointer = taken.allocateWithin(500);
      if (pointer === lib.NULL) continue;
      stamps.write(pointer, 500, random);
      stamps.verify(pointer);
      lib.free(pointer);
    }
    lib.check();
    meeting.meet();
    for (const taken of [...others.heaps]) others.abandon(taken);
  }
  return got;
}

async function main(): Promise<void> {
  const [threads, rounds] = process.argv.slice(2).map(Number) as [number, number];
  const seed = testSeed("takeover");
  const tables = Array.from({ length: HEAPS }, () => Slots.memory(LEFT));
  const common = { rounds, seed };
  const born = { ...common, play: "leave" as const, meeting: Meeting.memory(), threads: HEAPS };
  await finish(tables.map((slots, stream) => start<number>(import.meta.url, { ...born, slots, stream })));
  const crew = { ...common, play: "compete" as const, meeting: Meeting.memory(), threads, slots: tables[0]! };
  const streams = Array.from({ length: threads }, (_, i) => HEAPS + i);
  const got = await finish(streams.map((stream) => start<number>(import.meta.url, { ...crew, stream })));
  const stamps = new Stamps(lib, seed);
  for (const table of tables.map((memory) => new Slots(memory))) {
    for (let i = 0; i < table.length; i++) {
      stamps.verify(table.peek(i));
      lib.free(table.swap(i, lib.NULL));
    }
  }
  verdict(lib);
  tell({ got, left: HEAPS - threads });
}

if (isMainThread) await main();
else {
  const task = given<Task>();
  const meeting = new Meeting(task.meeting, task.threads);
  parentPort!.postMessage(task.play === "leave" ? leave(task, meeting) : compete(task, meeting));
}
