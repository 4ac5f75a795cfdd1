/**
 * What a worker of the tour does: it has a heap of its own, and carries out one duty after the other.
 *
 * The main thread asks for a duty by name (see crew.ts); a duty that fails ends the worker with its error. Only pointers
 * and figures travel, never contents.
 */
import { parentPort } from "node:worker_threads";
import {
  free,
  malloc,
  NULL,
  type Pointer,
  read,
  realloc,
  trim,
  type WalkedBlock,
  walk,
  write,
} from "../../src/index.js";
import { ownHeap } from "./header.js";
import { Mailbox } from "./mailbox.js";
import { Meeting, PATIENCE_MS } from "./meeting.js";
import { stamp } from "./proof.js";
import { verifyEnds, verifyRecord, writeEnds, writeRecord } from "./records.js";

export interface Exchange {
  readonly operations: number;
  readonly seed: number;
  readonly inbox: SharedArrayBuffer;
  readonly outbox: SharedArrayBuffer;
  readonly meeting: SharedArrayBuffer;
}

const SLOTS = 4096;
/** Of so many blocks one is handed to another thread. */
const HANDED_OVER = 4;
const slots = new Float64Array(SLOTS);
let inbox: Mailbox | undefined;
let freed = 0;

/** Few and not small, so that a picture has room for them. */
const CHURNED = 4;
const LEAST_CHURNED = 1024;
const CHURNED_SPREAD = 2000;

const duties = {
  heap: () => ownHeap(),

  /** Blocks of these sizes, stamped with `seed` and the numbers after it. */
  take: (sizes: readonly number[], seed: number): Pointer[] =>
    sizes.map((size, index) => {
      const pointer = malloc(size);
      stamp(pointer, size, seed + index);
      return pointer;
    }),

  give: (pointers: readonly Pointer[]): void => pointers.forEach(free),

  walk: (): WalkedBlock[] => [...walk()].filter(({ state }) => state !== "mapped"),

  trim: (): number => trim(),

  /** Allocates and writes records, and sends each to the next of the receivers in turn. */
  write: (records: number, receivers: readonly SharedArrayBuffer[]): void => {
    const boxes = receivers.map((shared) => new Mailbox(shared));
    for (let number = 0; number < records; number++) {
      boxes[number % boxes.length]!.send(writeRecord(number));
    }
    for (const box of boxes) box.flush();
  },

  /** Verifies and frees every `step`th record, in their order. */
  readAndFree: (records: number, first: number, step: number, from: SharedArrayBuffer): number => {
    const box = new Mailbox(from);
    let count = 0;
    for (let number = first; number < records; number += step) {
      const pointer = box.receive();
      verifyRecord(pointer, number);
      free(pointer);
      count++;
    }
    return count;
  },

  /** Allocates, resizes and frees, until the worker is terminated. */
  churn: (shared: SharedArrayBuffer): void => {
    const meeting = new Int32Array(shared);
    const deadline = performance.now() + PATIENCE_MS;
    for (let random = 1, step = 0; ; step++) {
      random = (Math.imul(random, 1103515245) + 12345) >>> 0;
      const size = LEAST_CHURNED + ((random >>> 12) % CHURNED_SPREAD);
      churnSlot((random >>> 8) % CHURNED, size, random >>> 30 === 0);
      Atomics.store(meeting, Meeting.steps, step);
      if ((step & 0xffff) === 0 && performance.now() > deadline)
        throw new Error("nobody terminated the worker");
    }
  },

  /** Replaces blocks in random slots; some go to another thread, and what came from one is verified and freed. */
  exchange: ({ operations, seed, inbox: from, outbox: to, meeting: shared }: Exchange): number => {
    const meeting = new Int32Array(shared);
    const outbox = new Mailbox(to);
    inbox = new Mailbox(from);
    Atomics.add(meeting, Meeting.ready, 1);
    if (Atomics.wait(meeting, Meeting.go, 0, PATIENCE_MS) === "timed-out") throw new Error("nobody said go");
    let random = seed;
    for (let i = 0; i < operations; i++) {
      random = (Math.imul(random, 1103515245) + 12345) >>> 0;
      exchangeSlot((random >>> 8) & (SLOTS - 1), random, outbox, inbox);
    }
    outbox.flush();
    return Number(process.hrtime.bigint());
  },

  /** Frees what is left after an exchange, when all have ended it; how many blocks were freed here in all. */
  settle: (): number => {
    for (let pointer = inbox!.poll(); pointer !== NULL; pointer = inbox!.poll()) verifyAndFree(pointer);
    for (let slot = 0; slot < SLOTS; slot++) {
      if (slots[slot] !== NULL) verifyAndFree(slots[slot] as Pointer);
      slots[slot] = NULL;
    }
    const count = freed;
    freed = 0;
    return count;
  },
};

export type Duties = typeof duties;

function churnSlot(slot: number, size: number, resize: boolean): void {
  const pointer = slots[slot] as Pointer;
  if (resize && pointer !== NULL) {
    slots[slot] = realloc(pointer, size);
  } else {
    free(pointer);
    slots[slot] = malloc(size);
    write.u32(slots[slot] as Pointer, slot);
  }
  if (read.u32(slots[slot] as Pointer) !== slot) throw new Error(`slot ${slot} lost its contents`);
}

function exchangeSlot(slot: number, number: number, outbox: Mailbox, inbox: Mailbox): void {
  const old = slots[slot] as Pointer;
  slots[slot] = writeEnds(number);
  if (old !== NULL && !(number % HANDED_OVER === 0 && outbox.offer(old))) verifyAndFree(old);
  const come = inbox.poll();
  if (come !== NULL) verifyAndFree(come);
}

function verifyAndFree(pointer: Pointer): void {
  verifyEnds(pointer);
  free(pointer);
  freed++;
}

parentPort!.on("message", ({ name, args }: { name: keyof Duties; args: unknown[] }) => {
  const duty = duties[name] as (...args: unknown[]) => unknown;
  parentPort!.postMessage(duty(...args));
});
