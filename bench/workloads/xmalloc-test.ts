/**
 * xmalloc-test (C. Lever, D. Boreham): one thread only allocates, another only frees. Blocks of 64 bytes, touched, go
 * from one to the other in batches through a ring.
 */
import type { Allocator, Slots } from "../allocators/allocator.js";
import { inSpans } from "../spans.js";
import { type Crew, type CrewWorkload, MEMBERS, NEAR_GLIBC, scaled, sharedSlots } from "./workload.js";

const BYTES = 64;
const BATCH = 4096;
const RING = 8;
const BATCHES = 32;
/** Words between two states: each on cache lines of its own. */
const STRIDE = 32;
const EMPTY = 0;
const FULL = 1;

export const xmallocTest: CrewWorkload = {
  name: "xmalloc-test",
  goal: NEAR_GLIBC,
  what: "one thread allocates blocks of 64 bytes in batches of 4,096, another frees them; touched",
  members: MEMBERS,
  join({ malloc, free, touch }, crew, scale) {
    const batches = scaled(BATCHES, scale);
    const rings = Array.from({ length: RING }, (_, i) => sharedSlots(crew, i * BATCH, BATCH));
    let turn = 0;
    const produces = crew.index === 0;
    const span = produces
      ? (from: number, to: number) => produce({ malloc, touch }, rings[turn]!, from, to)
      : (from: number, to: number) => consume(free, rings[turn]!, from, to);
    const pass = () => {
      for (let n = 0; n < batches; n++) {
        awaitState(crew, turn, produces ? EMPTY : FULL);
        inSpans(BATCH, span);
        setState(crew, turn, produces ? FULL : EMPTY);
        turn = (turn + 1) % RING;
      }
    };
    return { operations: batches * BATCH, pass };
  },
};

function produce(
  { malloc, touch }: Pick<Allocator, "malloc" | "touch">,
  slots: Slots,
  from: number,
  to: number,
): void {
  for (let i = from; i < to; i++) {
    const block = malloc(BYTES);
    touch(block, 0);
    touch(block, BYTES - 1);
    slots[i] = block;
  }
}

function consume(free: Allocator["free"], slots: Slots, from: number, to: number): void {
  for (let i = from; i < to; i++) free(slots[i]);
}

/** Acquires: the blocks in the batch were stored before its state. */
function awaitState({ words }: Crew, place: number, state: number): void {
  const other = state === FULL ? EMPTY : FULL;
  while (Atomics.load(words, place * STRIDE) === other) Atomics.wait(words, place * STRIDE, other);
}

function setState({ words }: Crew, place: number, state: number): void {
  Atomics.store(words, place * STRIDE, state);
  Atomics.notify(words, place * STRIDE);
}
