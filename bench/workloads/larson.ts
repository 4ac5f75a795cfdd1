/**
 * larson (P. Larson, M. Krishnan): a server. Each thread replaces random ones of its 5,000 blocks, 8 to 1,000 bytes,
 * and after a while hands all of them over to another thread, as a connection goes to the next worker: from then on
 * blocks are freed by a thread that did not allocate them. The original starts a new thread for that; here, and in the
 * twin in C, the threads change places.
 */
import type { Allocator, Slots } from "../allocators/allocator.js";
import * as sequence from "../random.js";
import { inSpans } from "../spans.js";
import { type CrewWorkload, MEMBERS, NEAR_GLIBC, scaled, sharedSlots } from "./workload.js";

// By names of this module's own: V8 folds them into loops. What is imported it loads and tests on each round.
const { below, next, seedOf } = sequence;

const SLOTS = 5000;
const STEPS = 25_000;
const ROUNDS = 4;
const LEAST = 8;
const SIZES = 1000 - LEAST + 1;

export const larson: CrewWorkload = {
  name: "larson",
  goal: NEAR_GLIBC,
  what: "2 threads replace random ones of 5,000 blocks each, 8 to 1,000 bytes, and change places; touched",
  members: MEMBERS,
  join({ malloc, free, touch, none }, crew, scale) {
    const steps = scaled(STEPS, scale);
    const tables = Array.from({ length: crew.members }, (_, i) => sharedSlots(crew, i * SLOTS, SLOTS));
    let place = crew.index;
    let state = seedOf(crew.index);
    const span = (from: number, to: number) => {
      state = serve({ malloc, free, touch, none }, tables[place]!, to - from, state);
    };
    const pass = () => {
      for (let round = 0; round < ROUNDS; round++) {
        inSpans(steps, span);
        crew.barrier();
        place = (place + 1) % crew.members;
      }
    };
    return { operations: crew.members * ROUNDS * steps, pass };
  },
};

/** Returns the state of the sequence after it. */
function serve(
  { malloc, free, touch, none }: Pick<Allocator, "malloc" | "free" | "touch" | "none">,
  slots: Slots,
  steps: number,
  from: number,
): number {
  let state = from;
  for (let i = 0; i < steps; i++) {
    state = next(state);
    const slot = below(state, SLOTS);
    state = next(state);
    const bytes = LEAST + below(state, SIZES);
    if (slots[slot] !== none) free(slots[slot]);
    const block = malloc(bytes);
    touch(block, 0);
    touch(block, bytes - 1);
    slots[slot] = block;
  }
  return state;
}
