/**
 * mleak (D. Leijen): threads that allocate one block each and end, ten at a time. Each exchanges its block for a random one of
 * 1,000 that threads before it left, and frees that. An allocator that keeps something for each thread that has been takes more
 * and more memory. A worker of Node takes a thousand times as long to start as a thread of C: there is no twin.
 */
import type { ThreadsWorkload } from "./workload.js";

const BYTES = 128;

export const mleak: ThreadsWorkload = {
  name: "mleak",
  what: "10 workers at a time load the allocator, exchange a cleared block of 128 bytes and end: ns per worker",
  threads: 10,
  blocks: 1000,
  visit({ calloc, free }, blocks, chance) {
    const place = Math.floor(chance * blocks.length);
    const left = Atomics.exchange(blocks, place, BigInt(calloc(BYTES) as number));
    if (left !== 0n) free(Number(left));
  },
};
