/**
 * One thread of several: waits for the common start, does its job, reports when it ended.
 */
import { parentPort, workerData } from "node:worker_threads";
import { free, malloc, read, stats, write } from "../src/index.js";
import { BLOCK_BYTES, type Job, Meeting, type Order, PATIENCE, type Report, RING } from "./threads.js";

const { job, operations, meeting, seed } = workerData as Order;
const words = new Int32Array(meeting);
const ring = new Float64Array(meeting, Meeting.slots * 4, RING);
/** Pointers are published in groups of so many: else the two threads pull at one word. */
const GROUP = 64;
const SLOTS = 4096;
const held = new Float64Array(SLOTS);
/** Blocks that travel in "hand over", which neither allocates nor frees. */
const lent = new Float64Array(RING);

type Pointer = ReturnType<typeof malloc>;

const jobs: Record<Job, () => void> = {
  pair: () => {
    for (let i = 0; i < operations; i++) free(malloc(BLOCK_BYTES));
  },
  slots: () => {
    let random = seed;
    for (let i = 0; i < operations; i++) {
      random = (Math.imul(random, 1103515245) + 12345) >>> 0;
      const slot = (random >>> 8) & (SLOTS - 1);
      free(held[slot] as Pointer);
      held[slot] = malloc(16 + (random >>> 23));
    }
  },
  produce: () => send((_, stamp) => stamped(malloc(BLOCK_BYTES), stamp)),
  consume: () =>
    receive((pointer, stamp) => {
      verify(pointer, stamp);
      free(pointer);
    }),
  "hand over": () => {
    for (let i = 0; i < RING; i++) if (lent[i] === 0) lent[i] = malloc(BLOCK_BYTES);
    send((slot, stamp) => stamped(lent[slot] as Pointer, stamp));
  },
  "take over": () => receive(verify),
};

function stamped(pointer: Pointer, stamp: number): Pointer {
  write.u32(pointer, stamp);
  return pointer;
}

function verify(pointer: Pointer, stamp: number): void {
  if (read.u32(pointer) !== stamp) throw new Error(`block ${stamp} holds ${read.u32(pointer)}`);
}

function send(make: (slot: number, stamp: number) => Pointer): void {
  for (let sent = 0; sent < operations; ) {
    const room = spinUntilMoreThan(Meeting.tail, sent - RING) + RING;
    const end = Math.min(room, operations, sent + GROUP);
    for (; sent < end; sent++) ring[sent & (RING - 1)] = make(sent & (RING - 1), sent);
    Atomics.store(words, Meeting.head, sent);
  }
}

function receive(take: (pointer: Pointer, stamp: number) => void): void {
  for (let taken = 0; taken < operations; ) {
    const end = Math.min(spinUntilMoreThan(Meeting.head, taken), taken + GROUP);
    for (; taken < end; taken++) take(ring[taken & (RING - 1)] as Pointer, taken);
    Atomics.store(words, Meeting.tail, taken);
  }
}

/** Waits until the word is more than `value`, and returns it. */
function spinUntilMoreThan(word: number, value: number): number {
  let seen = Atomics.load(words, word);
  if (seen > value) return seen;
  const deadline = performance.now() + PATIENCE;
  for (;;) {
    for (let spins = 0; spins < 1000; spins++) {
      seen = Atomics.load(words, word);
      if (seen > value) return seen;
    }
    if (performance.now() > deadline) throw new Error(`the other thread stands still after ${PATIENCE} ms`);
  }
}

/**
 * Waits until the round may begin; false when that takes too long. A notification does not say so: that of the round before
 * may come late, when who sleeps here did not need it and has finished that round.
 */
function waitForGo(round: number): boolean {
  for (let go = Atomics.load(words, Meeting.go); go < round; go = Atomics.load(words, Meeting.go)) {
    if (Atomics.wait(words, Meeting.go, go, PATIENCE) === "timed-out") return false;
  }
  return true;
}

for (let round = 1; ; round++) {
  Atomics.add(words, Meeting.ready, 1);
  if (!waitForGo(round)) break;
  jobs[job]();
  const report: Report = { ended: Number(process.hrtime.bigint()), footprint: stats().footprint };
  parentPort!.postMessage(report);
}
