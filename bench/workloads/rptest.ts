/**
 * rptest (M. Jansson, rpmalloc-benchmark), as mimalloc-bench runs it: each thread goes around a table of 1,000 blocks of 8 to
 * 16,000 bytes, smaller ones more often. In a loop it frees what others handed over, 30 to 99 blocks of its own and, as many
 * again, replaces some; every second loop it allocates as many for the next thread. Every page is touched. In the end each frees
 * all it has. The original hands over through a stack without an end; here a batch that finds the ring full is not made.
 */
import type { Allocator, Slots } from "../allocators/allocator.js";
import * as sequence from "../random.js";
import { type Crew, type CrewWorkload, MEMBERS, scaled, sharedSlots } from "./workload.js";

// By names of this module's own: V8 folds them into loops. What is imported it loads and tests on each round.
const { below, next, seedOf } = sequence;

const SLOTS = 1000;
const LOOPS = 400;
const LEAST = 8;
const RANGE = 16_000 - LEAST + 1;
const LEAST_OPS = 30;
const OPS = 70;
const MEAN_OPS = LEAST_OPS + (OPS - 1) / 2;
/** Loops between two batches for another thread. */
const CROSS = 2;
/** Strides, so that blocks are freed in another order than they were allocated. Prime to SLOTS. */
const ALLOC_STRIDE = 7;
const FREE_STRIDE = 11;
const RING = 16;
const BATCH = LEAST_OPS + OPS;
/** Words between two counts: each on cache lines of its own. */
const LINE = 32;

type Used = Pick<Allocator, "malloc" | "free" | "populate" | "none">;

export const rptest: CrewWorkload = {
  name: "rptest",
  what: "2 threads free and replace blocks of 8 to 16,000 bytes in a table of 1,000, and hand some over; touched",
  members: MEMBERS,
  join({ malloc, free, populate, table, none }, crew, scale) {
    const loops = scaled(LOOPS, scale);
    const used = { malloc, free, populate, none };
    const slots = table(SLOTS);
    const inbox = new Ring(crew, crew.index);
    const outbox = new Ring(crew, (crew.index + 1) % crew.members);
    let state = seedOf(crew.index);
    let [allocAt, freeAt] = [0, 0];
    const loop = (i: number) => {
      inbox.take(free);
      state = next(state);
      const frees = LEAST_OPS + below(state, OPS);
      drop(used, slots, freeAt, frees);
      freeAt = (freeAt + frees * FREE_STRIDE) % SLOTS;
      state = next(state);
      const allocs = LEAST_OPS + below(state, OPS);
      state = replace(used, slots, allocAt, allocs, state);
      allocAt = (allocAt + allocs * ALLOC_STRIDE) % SLOTS;
      if (i % CROSS === 0 && outbox.hasRoom()) {
        state = fill(used, outbox.blocks(), allocs, state);
        outbox.send(allocs);
      }
    };
    const pass = () => {
      for (let i = 0; i < loops; i++) loop(i);
      crew.barrier();
      inbox.take(free);
      drop(used, slots, 0, SLOTS);
    };
    return { operations: Math.round(crew.members * loops * MEAN_OPS * (1 + 1 / CROSS)), pass };
  },
};

/** Batches on their way to one thread from one other: a count of blocks for each, 0 where there is none. */
class Ring {
  readonly #words: Int32Array;
  readonly #batches: Slots[];
  readonly #first: number;
  #turn = 0;

  constructor(crew: Crew, receiver: number) {
    this.#words = crew.words;
    this.#first = receiver * RING * LINE;
    this.#batches = Array.from({ length: RING }, (_, i) =>
      sharedSlots(crew, (receiver * RING + i) * BATCH, BATCH),
    );
  }

  hasRoom(): boolean {
    return Atomics.load(this.#words, this.#first + this.#turn * LINE) === 0;
  }

  blocks(): Slots {
    return this.#batches[this.#turn]!;
  }

  /** Releases: the blocks were stored before. */
  send(count: number): void {
    Atomics.store(this.#words, this.#first + this.#turn * LINE, count);
    this.#turn = (this.#turn + 1) % RING;
  }

  take(free: Allocator["free"]): void {
    for (;;) {
      const word = this.#first + this.#turn * LINE;
      const count = Atomics.load(this.#words, word);
      if (count === 0) return;
      freeRow(free, this.#batches[this.#turn]!, count);
      Atomics.store(this.#words, word, 0);
      this.#turn = (this.#turn + 1) % RING;
    }
  }
}

/** The smaller of two: small sizes are more likely, and none is left out. */
function sizeFrom(state: number): number {
  return LEAST + Math.min(below(state, RANGE), below(next(state), RANGE));
}

function drop({ free, none }: Used, slots: Slots, from: number, count: number): void {
  for (let i = 0, at = from; i < count; i++, at = (at + FREE_STRIDE) % SLOTS) {
    if (slots[at] === none) continue;
    free(slots[at]);
    slots[at] = none;
  }
}

/** Returns the state of the sequence after it. */
function replace(
  { malloc, free, populate, none }: Used,
  slots: Slots,
  from: number,
  count: number,
  first: number,
): number {
  let state = first;
  for (let i = 0, at = from; i < count; i++, at = (at + ALLOC_STRIDE) % SLOTS) {
    state = next(next(state));
    if (slots[at] !== none) free(slots[at]);
    const bytes = sizeFrom(state);
    const block = malloc(bytes);
    populate(block, 0, bytes);
    slots[at] = block;
  }
  return state;
}

/** Returns the state of the sequence after it. */
function fill({ malloc, populate }: Used, blocks: Slots, count: number, first: number): number {
  let state = first;
  for (let i = 0; i < count; i++) {
    state = next(next(state));
    const bytes = sizeFrom(state);
    const block = malloc(bytes);
    populate(block, 0, bytes);
    blocks[i] = block;
  }
  return state;
}

function freeRow(free: Allocator["free"], blocks: Slots, count: number): void {
  for (let i = 0; i < count; i++) free(blocks[i]);
}
