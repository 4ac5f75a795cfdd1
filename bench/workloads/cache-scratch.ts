/**
 * cache-scratch (E. Berger): passive false sharing. One thread allocates a small block for each; each frees the one it
 * was given, and from then on allocates such a block, stores into each of its bytes and reads it back many times, and frees
 * it. An allocator that hands parts of one cache line to different threads makes that slow. Divided by the number of bytes.
 * JavaScript does it through a view. Those of one round are written out, here and in C: a loop around each took three times
 * as long as what it is about.
 */
import type { Allocator } from "../allocators/allocator.js";
import { type CrewWorkload, MEMBERS, NEAR_GLIBC, scaled } from "./workload.js";

const BYTES = 8;
const ITERATIONS = 200;
const ROUNDS = 2500;

export const cacheScratch: CrewWorkload = {
  name: "cache-scratch",
  goal: NEAR_GLIBC,
  what: "2 threads change small blocks that came from one thread, here through a view: ns per byte",
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
    return { operations: crew.members * iterations * ROUNDS * BYTES, pass };
  },
};

function scratch({ malloc, free, bytes }: Required<Pick<Allocator, "malloc" | "free" | "bytes">>): void {
  const block = malloc(BYTES);
  const stored = bytes(block, BYTES);
  for (let round = 0; round < ROUNDS; round++) change(stored);
  free(block);
}

function change(stored: Uint8Array): void {
  stored[0]!++;
  stored[1]!++;
  stored[2]!++;
  stored[3]!++;
  stored[4]!++;
  stored[5]!++;
  stored[6]!++;
  stored[7]!++;
}
