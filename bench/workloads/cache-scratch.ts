/**
 * cache-scratch (E. Berger): passive false sharing. One thread allocates a small block for each; each frees the one it
 * was given, and from then on allocates such a block, stores into it many times, and frees it. An allocator that hands
 * parts of one cache line to different threads makes their stores slow. Divided by the number of stores. They go through a
 * view, which is how JavaScript stores twenty thousand times into one block.
 */
import type { Allocator } from "../allocators/allocator.js";
import { type CrewWorkload, MEMBERS, NEAR_GLIBC, scaled } from "./workload.js";

const BYTES = 8;
const ITERATIONS = 50;
const STORES = 20_000;

export const cacheScratch: CrewWorkload = {
  name: "cache-scratch",
  goal: NEAR_GLIBC,
  what: "2 threads store into small blocks that came from one thread, here through a view: ns per store",
  members: MEMBERS,
  join({ malloc, free, bytes }, crew, scale) {
    const iterations = scaled(ITERATIONS, scale);
    const pass = () => {
      if (crew.index === 0) {
        for (let i = 0; i < crew.members; i++) crew.blocks[i] = malloc(BYTES) as number;
      }
      crew.barrier();
      free(crew.blocks[crew.index]);
      for (let i = 0; i < iterations; i++) scratch({ malloc, free, bytes: bytes! });
      crew.barrier();
    };
    return { operations: crew.members * iterations * STORES, pass };
  },
};

function scratch({ malloc, free, bytes }: Required<Pick<Allocator, "malloc" | "free" | "bytes">>): void {
  const block = malloc(BYTES);
  const stored = bytes(block, BYTES);
  for (let i = 0; i < STORES; i++) stored[i & (BYTES - 1)] = 1;
  free(block);
}
