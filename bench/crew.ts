/**
 * Worker threads that do one workload together, pass by pass, as the main thread tells them.
 *
 * The main thread and its crew meet on the words below, in a SharedArrayBuffer. While a pass runs the main thread
 * sleeps: it is no member, and its time is the crew's.
 *
 *   word  0   START      the number of the pass that is to be done; -1: there will be none
 *        32   LEFT       members that have not finished it
 *        64   ARRIVED    members at the barrier
 *        96   PHASE      how often the barrier was passed
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { loadAllocator } from "./allocators/registry.js";
import {
  CREW_BLOCKS,
  CREW_WORDS,
  type Crew,
  type CrewWorkload,
  type Prepared,
} from "./workloads/workload.js";

const START = 0;
const LEFT = 32;
const ARRIVED = 64;
const PHASE = 96;
const CONTROL_WORDS = 128;
const STOP = -1;
/** A pass that takes longer has failed; its member has told why. */
const LIMIT_MS = 100_000;

/** What a member is given. */
export interface Membership {
  readonly workload: string;
  readonly allocator: string;
  readonly scale: number;
  readonly index: number;
  readonly members: number;
  readonly shared: SharedArrayBuffer;
}

/** Starts the crew of a workload; `stop` lets it go. */
export async function startCrew(
  workload: CrewWorkload,
  allocator: string,
  scale: number,
): Promise<Prepared & { stop(): void }> {
  // In the main thread first, as a program would: the heap is then made here.
  await loadAllocator(allocator);
  const { members } = workload;
  const shared = new SharedArrayBuffer((CONTROL_WORDS + CREW_WORDS) * 4 + CREW_BLOCKS * 8);
  const control = new Int32Array(shared, 0, CONTROL_WORDS);
  const workers = Array.from({ length: members }, (_, index) => {
    const workerData: Membership = { workload: workload.name, allocator, scale, index, members, shared };
    return new Worker(new URL("./crew-member.js", import.meta.url), { workerData });
  });
  const ready = await Promise.all(workers.map((worker) => once(worker, "message")));
  const pass = () => {
    Atomics.store(control, LEFT, members);
    Atomics.add(control, START, 1);
    Atomics.notify(control, START);
    for (let left = members; left > 0; left = Atomics.load(control, LEFT)) {
      if (Atomics.wait(control, LEFT, left, LIMIT_MS) === "timed-out") {
        throw new Error(`${workload.name}: a member of the crew did not finish its pass`);
      }
    }
  };
  const stop = () => {
    Atomics.store(control, START, STOP);
    Atomics.notify(control, START);
  };
  return { operations: ready[0]![0] as number, pass, stop };
}

/** The member's side: what it sees of its crew. */
export function crewOf({ index, members, shared }: Membership): Crew {
  const control = new Int32Array(shared, 0, CONTROL_WORDS);
  const barrier = () => {
    const phase = Atomics.load(control, PHASE);
    if (Atomics.add(control, ARRIVED, 1) + 1 < members) {
      while (Atomics.load(control, PHASE) === phase) Atomics.wait(control, PHASE, phase);
      return;
    }
    Atomics.store(control, ARRIVED, 0); // before the phase: whoever sees that may arrive again
    Atomics.add(control, PHASE, 1);
    Atomics.notify(control, PHASE);
  };
  const words = new Int32Array(shared, CONTROL_WORDS * 4, CREW_WORDS);
  const blocks = new Float64Array(shared, (CONTROL_WORDS + CREW_WORDS) * 4, CREW_BLOCKS);
  return { index, members, barrier, words, blocks };
}

/** The member's side: does passes until there are no more. */
export function serve({ shared }: Membership, pass: () => void): void {
  const control = new Int32Array(shared, 0, CONTROL_WORDS);
  for (let done = 0; ; done++) {
    while (Atomics.load(control, START) === done) Atomics.wait(control, START, done);
    if (Atomics.load(control, START) === STOP) return;
    pass();
    Atomics.sub(control, LEFT, 1);
    Atomics.notify(control, LEFT);
  }
}
