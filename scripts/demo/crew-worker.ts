/**
 * What a worker of the tour can be asked to do. Its heap is its own: what it allocates, it carves for itself.
 */
import { parentPort, threadId } from "node:worker_threads";
import {
  check,
  free,
  malloc,
  type Pointer,
  read,
  realloc,
  trim,
  type WalkedBlock,
  walk,
  write,
} from "../../src/index.js";
import { stamp, verifyStamp } from "./proof.js";
import { Ring } from "./ring.js";

/** A record: its number, the bytes of its body, the body. */
const HEAD_BYTES = 8;

export interface Sample {
  readonly number: number;
  readonly bytes: number;
  readonly pointer: Pointer;
}

export interface Traffic {
  readonly freedOwn: number;
  readonly freedOthers: number;
  /** From the common start. */
  readonly milliseconds: number;
}

const bodyBytes = (number: number) => 16 + (Math.imul(number + 1, 0x9e3779b1) >>> 24);

const jobs = {
  id: () => threadId,

  /** Writes `count` records and sends each to one of the rings, in turn. Returns the bytes of all, and one of them. */
  writeRecords(count: number, memory: readonly SharedArrayBuffer[]): { bytes: number; sample: Sample } {
    const rings = memory.map((one) => new Ring(one));
    let bytes = 0;
    let sample: Sample | null = null;
    for (let number = 0; number < count; number++) {
      const body = bodyBytes(number);
      const record = malloc(HEAD_BYTES + body);
      write.u32(record, number);
      write.u32(record, body, 4);
      stamp((record + HEAD_BYTES) as Pointer, body, number + 1);
      sample ??= { number, bytes: body, pointer: record };
      rings[number % rings.length]!.put(record);
      bytes += HEAD_BYTES + body;
    }
    return { bytes, sample: sample! };
  },

  /** Takes `count` records, compares every byte, frees them. Returns how many bytes there were. */
  readRecords(count: number, memory: SharedArrayBuffer): { bytes: number; sample: Sample } {
    const ring = new Ring(memory);
    let bytes = 0;
    let sample: Sample | null = null;
    for (let i = 0; i < count; i++) {
      const record = ring.take();
      const number = read.u32(record);
      const body = read.u32(record, 4);
      if (body !== bodyBytes(number)) throw new Error(`record ${number} says it has ${body} bytes`);
      verifyStamp(`record ${number}`, (record + HEAD_BYTES) as Pointer, body, number + 1);
      sample ??= { number, bytes: body, pointer: record };
      bytes += HEAD_BYTES + body;
      free(record);
    }
    return { bytes, sample: sample! };
  },

  allocate: (sizes: readonly number[]): Pointer[] =>
    sizes.map((size, index) => {
      const pointer = malloc(size);
      stamp(pointer, size, index + 1);
      return pointer;
    }),

  /** The heaps that this thread has, as they are. */
  blocks: (): WalkedBlock[] => [...walk()],

  /** Allocates, resizes and frees, and counts its rounds, until somebody ends this thread. */
  toil(memory: SharedArrayBuffer): void {
    const rounds = new Int32Array(memory);
    const held = new Float64Array(4);
    for (let round = 0; ; round++) {
      const slot = round % held.length;
      const size = 300 + 100 * ((round * 5) % 8);
      if (held[slot] === 0) held[slot] = malloc(size);
      else if (round % 3 === 0) held[slot] = realloc(held[slot] as Pointer, size);
      else {
        free(held[slot] as Pointer);
        held[slot] = 0;
      }
      Atomics.store(rounds, 0, round);
    }
  },

  /** Frees what is in use in this thread's heaps and not in the list. Returns how many blocks that were. */
  freeAllBut(kept: readonly Pointer[]): number {
    const lost = [...walk()].filter(({ pointer, state }) => state === "live" && !kept.includes(pointer));
    for (const { pointer } of lost) free(pointer);
    return lost.length;
  },

  free: (pointers: readonly Pointer[]) => pointers.forEach(free),

  check: () => check(),

  trim: () => trim(),

  /**
   * `operations` times: a block in a random slot is freed and allocated anew with another size. One of eight goes to the
   * next thread instead, which frees it. With `from` and `to` null nothing goes anywhere.
   */
  traffic(operations: number, from: SharedArrayBuffer | null, to: SharedArrayBuffer | null): Traffic {
    const [inbound, outbound] = [from && new Ring(from), to && new Ring(to)];
    const slots = new Float64Array(1024);
    let [freedOwn, freedOthers, random] = [0, 0, threadId + 1];
    const takeIn = () => {
      for (let one = inbound?.tryTake() ?? null; one !== null; one = inbound!.tryTake()) {
        free(one);
        freedOthers++;
      }
    };
    const start = performance.now();
    for (let i = 0; i < operations; i++) {
      random = (Math.imul(random, 1103515245) + 12345) >>> 0;
      const slot = (random >>> 8) & 1023;
      const old = slots[slot] as Pointer;
      slots[slot] = malloc(16 + (random >>> 23));
      if (old !== 0 && !((random & 0x70000) === 0 && outbound?.tryPut(old))) {
        free(old);
        freedOwn++;
      }
      if ((i & 63) === 0) takeIn();
    }
    const milliseconds = performance.now() - start;
    for (const pointer of slots) {
      if (pointer === 0) continue;
      free(pointer as Pointer);
      freedOwn++;
    }
    return { freedOwn, freedOthers, milliseconds };
  },

  /** Frees what came after the traffic had ended. */
  takeIn(from: SharedArrayBuffer): number {
    const ring = new Ring(from);
    let count = 0;
    for (let one = ring.tryTake(); one !== null; one = ring.tryTake()) {
      free(one);
      count++;
    }
    return count;
  },
};

export type Jobs = typeof jobs;

interface Message {
  readonly id: number;
  readonly job: keyof Jobs;
  readonly args: unknown[];
}

parentPort?.on("message", ({ id, job, args }: Message) => {
  const work = jobs[job] as (...args: unknown[]) => unknown;
  parentPort!.postMessage({ id, result: work(...args) });
});
